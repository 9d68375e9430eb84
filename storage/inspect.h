// What an administrator may want to know of a store as a whole.

#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "query/time_range.h"
#include "storage/batch.h"

namespace storage {

// Sizes are bytes on the disk.
struct StoreStats {
  uint64_t hosts = 0;
  uint64_t days = 0;  // UTC days of which there are blocks.
  uint64_t host_days = 0;
  uint64_t blocks = 0;
  uint64_t small_blocks = 0;  // With less than half of what a block should have.
  uint64_t block_events = 0;
  uint64_t block_records = 0;
  uint64_t block_malformed = 0;
  uint64_t block_text_bytes = 0;  // Of the records, each with its newline.
  uint64_t open_records = 0;      // In no block yet.
  uint64_t open_text_bytes = 0;

  uint64_t columns_bytes = 0;
  uint64_t summaries_bytes = 0;
  uint64_t terms_bytes = 0;
  uint64_t tallies_bytes = 0;
  uint64_t journal_bytes = 0;
  uint64_t meta_bytes = 0;
  uint64_t log_bytes = 0;    // The write-ahead log: what is in no file of the above yet.
  uint64_t total_bytes = 0;  // All files of the store.
};

// What the store does beside answering. All but the gauges count from the moment when the database
// was opened last.
struct StoreActivity {
  uint64_t table_bytes = 0;   // Gauge: of the tables on the disk, without the write-ahead log.
  uint64_t open_bytes = 0;    // Gauge: memory of events that are in no block,
  uint64_t open_hosts = 0;    // gauge: the hosts that they are of,
  uint64_t open_records = 0;  // gauge: and their records, as far as they are complete.
  uint64_t queue_waits = 0;   // Appends that waited, because too much was not read yet.
  uint64_t seals = 0;
  uint64_t blocks_sealed = 0;
  uint64_t merges = 0;
  uint64_t blocks_merged = 0;
};

struct ExportRequest {
  std::vector<std::string> host_patterns = {};  // As in SearchRequest.

  // Of the records' stamps; of the time of receipt, if they are malformed.
  query::TimeRange time = {};
  std::stop_token stop = {};
};

// Valid during the call that it is given to.
struct ExportedRecord {
  const Identity& host;
  std::string_view line;
};

}  // namespace storage
