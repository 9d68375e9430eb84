// Takes out of days of hosts the events that rules by key or type do not keep.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "storage/block_merger.h"
#include "storage/block_trim.h"
#include "storage/deletions.h"
#include "storage/due_days.h"
#include "storage/sealer.h"

namespace storage {

// The blocks of a store that others write and replace meanwhile.
struct SharedBlocks {
  BlockNumbers& numbers;
  std::mutex& mutex;    // Held while blocks are read and replaced, deleted, or put on hold.
  BlockMerger& merger;  // Is told of days whose blocks have become smaller.
};

class DayTrimmer {
 public:
  // All must outlive it.
  DayTrimmer(const RetentionScope& scope, const SharedBlocks& blocks,
             const std::function<void(const Deletion&)>& deleted)
      : scope_(scope), blocks_(blocks), deleted_(deleted) {}

  // Takes out what has expired, block by block, each in one write, and marks the day: a crash
  // leaves each block as it was or trimmed. Does nothing, from then on, once the day is held or a
  // deletion of all of it is due. kCancelled if the scope's stop is requested.
  absl::Status Trim(const DueDay& day, const HostRules& rules);

  // Makes durable what was taken out, and tells it: by rule, in runs of days. To be called at last;
  // Trim() calls it now and then.
  absl::Status Tell();

 private:
  struct Place {
    const DueDay& due;
    const HostRules& rules;
    DayVerdict verdict = {};
  };

  absl::StatusOr<bool> TrimBlocks(const Place& place, uint32_t from_number, uint32_t* limit);
  absl::StatusOr<std::optional<uint32_t>> Replace(const Place& place, const BlockId& id);
  absl::Status Mark(const Place& place, uint32_t number);

  const RetentionScope& scope_;
  const SharedBlocks& blocks_;
  const std::function<void(const Deletion&)>& deleted_;
  std::map<const RetentionRule*, Deletions> gone_;
  size_t blocks_written_ = 0;  // Since the last Tell().
};

}  // namespace storage
