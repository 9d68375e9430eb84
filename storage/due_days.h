// Which days of hosts a policy has to be held against.

#pragma once

#include <functional>
#include <stop_token>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include <rocksdb/options.h>

#include "storage/hold.h"
#include "storage/host_day.h"
#include "storage/retention.h"
#include "storage/retention_rules.h"
#include "storage/rocks.h"

namespace storage {

// Where to look, and when.
struct RetentionScope {
  const Rocks& rocks;
  rocksdb::ReadOptions options = {};  // With a snapshot, or of the store as it changes.
  std::vector<Identity> hosts = {};   // By number.
  Day today = 0;                      // By the collector's clock.
  std::stop_token stop = {};
};

// Who is asked to stop says so, once it has.
absl::Status RetentionCancelled();

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

  // Calls `sink` with each, host by host, in the order of the days, but for those that are trimmed
  // already (trim_mark.h). Ends with the first failure of the sink; kCancelled if the scope's stop
  // is requested.
  absl::Status ForEach(const std::function<absl::Status(const DueDay&)>& sink);

 private:
  absl::Status FindWithoutRoom();
  absl::Status FindWithoutRoom(const RetentionRule& rule, const std::vector<Hold>& holds);
  absl::StatusOr<bool> IsTrimmed(const DueDay& day);

  const RetentionScope& scope_;
  const RetentionPolicy& policy_;
  HostDayScan scan_;
  std::vector<HostRules> rules_;  // By host.
  absl::flat_hash_set<std::pair<HostId, Day>> no_room_;
};

}  // namespace storage
