// Makes blocks of events that are complete.

#pragma once

#include <cstdint>
#include <mutex>
#include <shared_mutex>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include <rocksdb/write_batch.h>

#include "storage/block_store.h"
#include "storage/block_writer.h"
#include "storage/open_host.h"
#include "storage/rocks.h"

namespace storage {

// Gives out the numbers of blocks, none of them twice. Thread-safe.
class BlockNumbers {
 public:
  // Held by who writes blocks, from before it takes numbers until they are written.
  using Writing = std::shared_lock<std::shared_mutex>;
  Writing BeginWriting() { return Writing(writing_); }

  absl::StatusOr<uint32_t> Next(const Rocks& rocks, HostId host, Day day);

  // Held by who must know that no block is on its way.
  using Settled = std::unique_lock<std::shared_mutex>;
  Settled WaitForWriters() { return Settled(writing_); }

  // The next number. With Settled: all blocks below it are written, and none will be.
  absl::StatusOr<uint32_t> Peek(const Rocks& rocks, HostId host, Day day);

 private:
  absl::StatusOr<uint32_t> Find(const Rocks& rocks, HostId host, Day day);

  using NextNumbers = absl::flat_hash_map<std::pair<HostId, Day>, uint32_t>;

  // Days of hosts that are remembered, twice: 16 bytes each. Others are looked up; by then whatever
  // was numbered before them has been written for long.
  static constexpr size_t kDaysMax = 1 << 19;

  std::shared_mutex writing_;

  std::mutex mutex_;  // Guards what follows.
  NextNumbers recent_;
  NextNumbers older_;
};

// A block that is not written yet.
struct SealedBlock {
  Day day = 0;
  EncodedBlock block;
  BlockIndex index;
};

// Makes blocks of events. For one thread at a time.
class Sealer {
 public:
  absl::StatusOr<std::vector<SealedBlock>> Seal(const CompleteEvents& events);

 private:
  BlockWriter writer_;
};

// Adds to a write that the host's journal goes, all that `open` has read of it, but for `rest`; and
// keeps the host's state with it.
void PutJournalRest(const Rocks& rocks, HostId host, const OpenHost& open,
                    const std::vector<KeptRecord>& rest, rocksdb::WriteBatch* write);

}  // namespace storage
