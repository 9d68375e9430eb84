// A block: events of one host and one UTC day, sealed, compressed, column by column.
//
// It is stored as two values under the same key: the summary, which tells what is inside, and the
// columns. storage/README.md gives both byte by byte.

#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "query/time_range.h"

namespace storage {

// Blocks are sealed at this many records, unless memory, age or the end of a day does it earlier.
// Fewer compress worse; more cost a search for one event more time. What was complete at once and
// would make less than another block goes into the same one: none has twice as many, save one
// event.
inline constexpr uint32_t kBlockRecordsAim = 16'384;

// Where an event stands among all events of a store: the number of the arrival that completed it,
// and how many that arrival had completed before. Never changes, so a cursor can hold it.
struct EventOrder {
  uint64_t arrival = 0;
  uint32_t rank = 0;

  friend auto operator<=>(const EventOrder&, const EventOrder&) = default;
};

// When an event was whole: the arrival of the record that ends it, or of a later one that tells
// more, and which of its records that is, from 1. It does not change when the event gets its order,
// which is later. An event that no record ends is whole when it is complete: 0, and the arrival of
// its order.
struct EventEnd {
  uint64_t arrival = 0;
  uint32_t record = 0;

  friend bool operator==(const EventEnd&, const EventEnd&) = default;
};

// An event as a block keeps it, without its records.
struct EventHead {
  uint64_t time_ms = 0;  // Its stamp's; the time of receipt, if it is malformed.
  uint32_t serial = 0;
  EventOrder order = {};
  EventEnd end = {};
  std::string_view node = {};
  bool late = false;       // See audit::Assembler.
  bool malformed = false;  // It is one record without a valid prefix.
};

// How a record came to the collector.
struct RecordOrigin {
  uint64_t position = 0;  // How many records of the host came before it.
  uint64_t received_ms = 0;
  std::string_view address = {};  // The peer's. Empty for the collector's own records.
};

struct TypeCount {
  std::string type;  // "SYSCALL"; empty for malformed records.
  uint32_t records = 0;

  friend bool operator==(const TypeCount&, const TypeCount&) = default;
};

// What is inside of a block. Ranges include both ends.
struct BlockSummary {
  uint32_t event_count = 0;  // Malformed records included.
  uint32_t record_count = 0;
  uint32_t malformed_count = 0;
  uint64_t record_bytes = 0;  // The lines, each with its newline.
  query::TimeRange time = query::kNoTime;
  uint32_t serial_min = 0;
  uint32_t serial_max = 0;
  EventOrder order_min = {};
  EventOrder order_max = {};
  bool has_ends = true;  // False for a block of format 4: its events' ends are their orders.
  uint64_t end_min = 0;  // The lowest arrival of an end. None is above that of order_max.
  uint64_t position_min = 0;
  uint64_t position_max = 0;
  query::TimeRange received = query::kNoTime;
  std::vector<TypeCount> types = {};  // Sorted by type.
  uint64_t columns_bytes = 0;         // Of the value that holds the columns,
  uint64_t columns_checksum = 0;      // and its XXH3 (64 bits).

  friend bool operator==(const BlockSummary&, const BlockSummary&) = default;
};

std::string EncodeSummary(const BlockSummary& summary);

// kDataLoss if the bytes are not whole, or of an unknown version.
absl::StatusOr<BlockSummary> DecodeSummary(std::string_view bytes);

struct EncodedBlock {
  BlockSummary summary;
  std::string columns;
};

}  // namespace storage
