// Goes over a store with a policy: what is due, what that would delete, and the deletion itself.

#pragma once

#include <functional>
#include <mutex>
#include <span>
#include <stop_token>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include <rocksdb/options.h>
#include <rocksdb/write_batch.h>

#include "storage/hold.h"
#include "storage/host_day.h"
#include "storage/retention.h"
#include "storage/retention_rules.h"
#include "storage/rocks.h"
#include "storage/sealer.h"

namespace storage {

// Where to look, and when.
struct RetentionScope {
  const Rocks& rocks;
  rocksdb::ReadOptions options = {};  // With a snapshot, or of the store as it changes.
  std::vector<Identity> hosts = {};   // By number.
  Day today = 0;                      // By the collector's clock.
  std::stop_token stop = {};
};

// A day of a host of which something can have expired.
struct DueDay {
  HostDay of;
  bool no_room = false;  // See HostRules::Judge().
};

// Finds them.
class DueDays {
 public:
  // Both must outlive it.
  DueDays(const RetentionScope& scope, const RetentionPolicy& policy);

  const HostRules& rules(HostId host) const { return rules_[host]; }

  // Calls `sink` with each, host by host, in the order of the days. Ends with the first failure of
  // the sink; kCancelled if the scope's stop is requested.
  absl::Status ForEach(const std::function<absl::Status(const DueDay&)>& sink);

 private:
  absl::Status FindWithoutRoom();
  absl::Status FindWithoutRoom(const RetentionRule& rule, const std::vector<Hold>& holds);

  const RetentionScope& scope_;
  const RetentionPolicy& policy_;
  std::vector<HostRules> rules_;  // By host.
  absl::flat_hash_set<std::pair<HostId, Day>> no_room_;
};

// See EventStore.
absl::StatusOr<std::vector<RuleEffect>> PreviewRetentionOf(const RetentionScope& scope,
                                                           const RetentionPolicy& policy);

// Deletes. Holds the lock of all who read and replace blocks meanwhile, for some days at a time.
class RetentionDeleter {
 public:
  // All must outlive it.
  RetentionDeleter(const RetentionScope& scope, BlockNumbers& numbers, std::mutex& blocks_mutex,
                   const std::function<void(const Deletion&)>& deleted)
      : scope_(scope), numbers_(numbers), blocks_mutex_(blocks_mutex), deleted_(deleted) {}

  // See EventStore.
  absl::Status Apply(const RetentionPolicy& policy);
  absl::StatusOr<uint64_t> DropOldest(uint64_t bytes);

  // Deletes a day, whatever its age. kFailedPrecondition if it is held.
  absl::Status Drop(const HostDay& of);

 private:
  absl::Status DropDue(const DueDays& due, std::span<const DueDay> days);
  absl::StatusOr<uint64_t> DropUntil(std::span<const HostDay> days, uint64_t bytes);
  absl::StatusOr<std::vector<uint32_t>> NumberLimits(std::span<const HostDay> days);
  absl::Status Write(rocksdb::WriteBatch* write);

  const RetentionScope& scope_;
  BlockNumbers& numbers_;
  std::mutex& blocks_mutex_;
  const std::function<void(const Deletion&)>& deleted_;
};

}  // namespace storage
