// Takes events out of blocks of which rules by key or type say that they have expired.

#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include <rocksdb/options.h>

#include "storage/block_store.h"
#include "storage/host_day.h"
#include "storage/retention_rules.h"
#include "storage/rocks.h"

namespace storage {

// The blocks of a day, from one number to before another, that may have events to be taken out:
// their summaries and the index tell of most that they have none.
absl::StatusOr<std::vector<BlockId>> BlocksToTrim(const Rocks& rocks,
                                                  const rocksdb::ReadOptions& options,
                                                  const HostDay& of, uint32_t from_number,
                                                  uint32_t number_limit, const HostRules& rules,
                                                  const DayVerdict& verdict);

// What becomes of a block.
struct TrimmedBlock {
  // What goes, by rule of HostRules. The bytes are those that the columns have more before than
  // after, shared among the rules by their records.
  std::vector<DayContents> gone;
  uint64_t events_gone = 0;
  EncodedBlock rest =
      {};  // The events that stay, with no bytes if there are none. Of use if some go.
};

// kDataLoss if the block cannot be read.
absl::StatusOr<TrimmedBlock> TrimBlock(LoadedBlock& block, const HostRules& rules,
                                       const DayVerdict& verdict);

}  // namespace storage
