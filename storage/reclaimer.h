// Gives back to the disk what was deleted.
//
// A deletion is a few bytes that say that others do not count any more; RocksDB takes both out when
// it happens to rewrite the files that they are in. Without more that is late: a store could take
// twice the room of what is in it. To rewrite all files for each day that goes would cost more than
// all else that the store does. So they are rewritten when a quarter of them is dead: three bytes
// are written again for each that goes.

#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "storage/rocks.h"

namespace storage {

class Reclaimer {
 public:
  // All must outlive it. `blocks_mutex` is that of deletions.
  Reclaimer(const Rocks& rocks, std::mutex& blocks_mutex, uint64_t dead_bytes_min)
      : rocks_(rocks), blocks_mutex_(blocks_mutex), dead_bytes_min_(dead_bytes_min) {}

  // Rewrites the files of the blocks if a quarter of them is dead, and those of the index without
  // the postings of blocks that are gone if a quarter of all days that it was made of are. The
  // floors that are not needed any more leave, too. Takes its time: kCancelled soon after `stopped`
  // is set; what was rewritten by then stays so. False if something is left for another time: a
  // reader may still need those postings, or the disk lacks the room that a rewriting takes.
  absl::StatusOr<bool> ReclaimIfDue(std::atomic<bool>* stopped);

 private:
  struct Live {
    uint64_t columns_bytes = 0;  // By the summaries.
    uint64_t host_days = 0;
  };

  absl::StatusOr<Live> CountLive() const;
  absl::StatusOr<bool> ReclaimBlocks(const Live& live, std::atomic<bool>* stopped);
  absl::StatusOr<bool> ReclaimIndex(const Live& live, std::atomic<bool>* stopped);
  bool HasRoomFor(rocksdb::ColumnFamilyHandle* family) const;

  const Rocks& rocks_;
  std::mutex& blocks_mutex_;
  const uint64_t dead_bytes_min_;
};

}  // namespace storage
