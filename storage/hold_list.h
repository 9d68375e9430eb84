// The holds of a store, in the column family "meta":
//
//   key    := "p" | id u64
//   value  := version u8 (1) | host_pattern bytes | from_ms varint | to_ms varint | reason bytes
//             | placed_by bytes | placed_ms varint
//   "q"    next id u64: ids are never given again
//
// Nothing of them is kept in memory: who deletes reads them, with the lock that all deletions hold
// (Running::blocks_mutex), and so sees every hold that was placed before.

#pragma once

#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include <rocksdb/options.h>
#include <rocksdb/write_batch.h>

#include "storage/batch.h"
#include "storage/hold.h"
#include "storage/rocks.h"
#include "storage/term_index.h"

namespace storage {

// All holds, by id. kDataLoss if one cannot be read: then nothing may be deleted.
absl::StatusOr<std::vector<Hold>> LoadHolds(const Rocks& rocks,
                                            const rocksdb::ReadOptions& options);

// kInvalidArgument, which names what is wrong, for a hold that protects nothing, such as a list of
// patterns, or says too much.
absl::Status CheckHold(const Hold& hold);

// Writes a hold and returns its id. Durable when it returns. kResourceExhausted for more than
// kHoldsMax. Both are to be called with the lock of deletions.
absl::StatusOr<uint64_t> WriteHold(const Rocks& rocks, Hold hold);
absl::Status DeleteHold(const Rocks& rocks, uint64_t id);

// The first of them that protects a day of a host; null if none does.
const Hold* FindHold(std::span<const Hold> holds, const Identity& host, Day day);

}  // namespace storage
