// Deletes what a policy does not keep, and what has to go for want of space.

#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include <rocksdb/write_batch.h>

#include "storage/day_trimmer.h"
#include "storage/due_days.h"
#include "storage/host_day.h"
#include "storage/retention.h"

namespace storage {

// Holds the lock of the blocks meanwhile, for some days at a time.
class RetentionDeleter {
 public:
  // All must outlive it.
  RetentionDeleter(const RetentionScope& scope, const SharedBlocks& blocks,
                   const std::function<void(const Deletion&)>& deleted)
      : scope_(scope), blocks_(blocks), deleted_(deleted) {}

  // See EventStore.
  absl::Status Apply(const RetentionPolicy& policy);
  absl::StatusOr<uint64_t> DropOldest(uint64_t bytes);

  // Deletes a day, whatever its age. kFailedPrecondition if it is held.
  absl::Status Drop(const HostDay& of);

 private:
  absl::StatusOr<std::vector<DueDay>> DropDue(const DueDays& due, std::span<const DueDay> days);
  absl::StatusOr<uint64_t> DropUntil(std::span<const HostDay> days, uint64_t bytes);
  absl::StatusOr<std::vector<uint32_t>> NumberLimits(std::span<const HostDay> days);
  absl::Status Write(rocksdb::WriteBatch* write);

  const RetentionScope& scope_;
  const SharedBlocks& blocks_;
  const std::function<void(const Deletion&)>& deleted_;
};

}  // namespace storage
