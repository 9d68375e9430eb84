// The tally of a block's events, stored beside it: with it a summary need not open the block.
//
//   tally     := version u8 (1) | directory bytes | frame* | checksum u64
//   directory := node | noticed | list (39 times) | frame_count varint | (packed varint | raw
//                varint)*
//   node      := 0 u8 | 1 u8, bytes                      1: all events have this one
//   noticed   := 0 u8 | 1 u8, edge, edge, latest_ms varint, serials   first, last; 0: no events
//   edge      := arrival varint | rank varint | time_ms varint
//   serials   := count varint | (first zigzag | length varint | time_ms zigzag)*
//   list      := values varint | [column (4 times)]      none if there are no values
//   column    := coding u8 | size varint
//
// There is a list for each of query::TallyList, of the events whose outcome is not told, then of
// those that have failed, then of those that have succeeded. Its columns have a row for each
// value, in the order in which they first came: the value, how often it came, and the arrival and
// rank of the first event that has it. Serials are runs: the first one and the time as differences
// to the last one and the time of the run before, and one less than their number. Frames and
// codings are those of blocks: frames.h, column.h. The directory is not packed: of a small block,
// to unpack it takes as long as all the rest.

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "query/report/event_tally.h"
#include "query/report/report_filter.h"
#include "storage/block_reader.h"
#include "storage/host_table.h"

namespace storage {

// Counts the events of a block.
absl::StatusOr<std::string> EncodeTallyOf(BlockReader& block);

// Adds the events of a block that pass the filter to a tally, by their columns.
absl::Status AddBlockTo(BlockReader& block, HostId host, const query::ReportFilter& filter,
                        query::TallyLists lists, query::EventTally* tally);

// Where an event of a host stands, for query::EventTally.
query::OrderKey KeyOf(const EventOrder& order, HostId host);

// A tally that was stored. `bytes` must outlive it.
class StoredTally {
 public:
  // kDataLoss if the bytes are damaged; kUnimplemented if they are of another version, whose rules
  // were others: the block has no tally then.
  static absl::StatusOr<StoredTally> Open(std::string_view bytes);

  StoredTally(StoredTally&& other) noexcept;
  ~StoredTally();

  // The node that all events have, empty if they name none; nullopt if they differ, or are none.
  const std::optional<std::string>& node() const;

  // Adds the lists of the wanted outcomes, what is noticed of all, and with kSerialsToo the
  // serials. kDataLoss likewise.
  absl::Status AddTo(HostId host, const query::ReportFilter& filter, query::TallyLists lists,
                     query::EventTally* tally);

 private:
  class Reader;
  explicit StoredTally(std::unique_ptr<Reader> reader);

  std::unique_ptr<Reader> reader_;
};

}  // namespace storage
