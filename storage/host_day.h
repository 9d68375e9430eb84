// The days of hosts that blocks are there of: what is deleted at once.

#pragma once

#include <compare>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include "storage/host_table.h"
#include "storage/rocks.h"
#include "storage/term_index.h"

namespace storage {

struct HostDay {
  HostId host = 0;
  Day day = 0;

  friend auto operator<=>(const HostDay&, const HostDay&) = default;
};

// What the blocks of a day of a host hold, by their summaries.
struct DayContents {
  uint64_t blocks = 0;
  uint64_t events = 0;  // Malformed records included.
  uint64_t records = 0;
  uint64_t bytes = 0;  // Of columns.
  Day received = 0;    // The day on which the last record was received.
};

// Of the blocks whose number is below a limit.
absl::StatusOr<DayContents> ReadDay(const Rocks& rocks, const rocksdb::ReadOptions& options,
                                    const HostDay& of,
                                    uint32_t number_limit = std::numeric_limits<uint32_t>::max());

// Goes from day to day of hosts, a seek each, however many blocks they have.
class HostDayScan {
 public:
  HostDayScan(const Rocks& rocks, const rocksdb::ReadOptions& options);

  // The first day, not before `from`, of which the host has blocks; nullopt if there is none.
  absl::StatusOr<std::optional<Day>> FirstFrom(HostId host, Day from);

  // The number of the last block of a day; nullopt if it has none.
  absl::StatusOr<std::optional<uint32_t>> LastNumber(const HostDay& of);

 private:
  const std::unique_ptr<rocksdb::Iterator> entry_;
};

// Adds to a write that all blocks of a day below a number are gone, and its trim mark with them.
void PutDayDrop(const Rocks& rocks, const HostDay& of, uint32_t number, rocksdb::WriteBatch* write);

}  // namespace storage
