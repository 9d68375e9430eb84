// What tells that blocks are gone whose postings are still in the index.
//
// To take the postings of a dropped block out of the terms one would have to read it. Instead a
// floor says that all blocks of a (host, UTC day) below a number are gone, in the same write that
// deletes them; who reads postings leaves out those below the floors of its snapshot. In the column
// family "meta":
//
//   key    := "f" | day u32 | host u32
//   value  := version u8 (1) | number varint
//
// A floor goes when all postings below it have left the files: see reclaimer.h.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include <rocksdb/options.h>

#include "storage/host_table.h"
#include "storage/rocks.h"
#include "storage/term_index.h"

namespace storage {

struct BlockFloor {
  Day day = 0;
  HostId host = 0;
  uint32_t number = 0;  // That no block below it is there.

  friend bool operator==(const BlockFloor&, const BlockFloor&) = default;
};

std::string EncodeFloorKey(HostId host, Day day);
std::string EncodeFloorValue(uint32_t number);

// Those of a snapshot, or of some days of it.
class BlockFloors {
 public:
  BlockFloors() = default;

  // Days from one to another, both included. kDataLoss if a floor cannot be read.
  static absl::StatusOr<BlockFloors> Load(const Rocks& rocks, const rocksdb::ReadOptions& options,
                                          Day from, Day to);

  // Takes postings of blocks that are gone out of those of a term's day.
  void Clean(Day day, std::vector<Posting>* postings) const;

  bool IsBelow(Day day, const Posting& posting) const;

  // Whether there are any of a day.
  bool HasDay(Day day) const;

  // Sorted by day and host.
  const std::vector<BlockFloor>& floors() const { return floors_; }
  bool empty() const { return floors_.empty(); }

 private:
  std::vector<BlockFloor> floors_;
};

// That of one day of a host; nullopt if there is none.
absl::StatusOr<std::optional<BlockFloor>> LoadFloor(const Rocks& rocks, HostId host, Day day);

}  // namespace storage
