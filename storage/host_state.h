// What must be known of a host beside its blocks and its journal: written with the blocks that are
// sealed, in the column family "meta".
//
//   key   := "s" | host u32
//   value := version u8 (1) | next_position varint | next_arrival varint | next_rank varint | mark*
//   mark  := client bytes | connection varint | arrival varint | sequence varint | high u64 | low
//   u64
//            | record_bytes varint

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "storage/block.h"
#include "storage/retry_marks.h"
#include "storage/rocks.h"

namespace storage {

struct HostState {
  // The position of the first record in the host's journal that is not in a rest: see RecordOrigin.
  uint64_t next_position = 0;

  // The order of the next event that the last arrival completes.
  EventOrder next_order = {};

  // Marks of connections whose groups may have been deleted from the journal. Oldest first.
  std::vector<RetryMark> marks = {};
};

std::string HostStateKey(HostId host);
std::string EncodeHostState(const HostState& state);
absl::StatusOr<HostState> DecodeHostState(std::string_view value);

// The state that was written last; an empty one if there is none.
absl::StatusOr<HostState> LoadHostState(const Rocks& rocks, HostId host);

}  // namespace storage
