// What a writer must know of the files of an open database before it can write.

#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "storage/batch_numbers.h"
#include "storage/block.h"
#include "storage/host_losses.h"
#include "storage/host_table.h"
#include "storage/retry_marks.h"
#include "storage/rocks.h"

namespace storage {

struct StoreTables {
  explicit StoreTables(size_t agents_max) : numbers(agents_max) {}

  HostTable hosts;
  RetryMarks marks;
  BatchNumbers numbers;
  HostLosses losses;
  uint64_t next_arrival = 1;   // 0 is in front of all.
  EventOrder next_order = {};  // The highest of all hosts' states.
  uint64_t generation = 0;     // How often the store was opened for writing, this time included.
};

// Reads all of it, and counts the generation. kDataLoss if a part cannot be read.
absl::StatusOr<StoreTables> LoadTables(const Rocks& rocks, size_t agents_max);

// Each reads one table alone. Changes nothing.
absl::Status LoadHosts(const Rocks& rocks, HostTable* hosts);
absl::Status LoadLosses(const Rocks& rocks, HostLosses* losses);

}  // namespace storage
