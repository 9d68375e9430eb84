// Reads the records of one host out of the journal, in the order of their arrival.

#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include <rocksdb/iterator.h>

#include "storage/host_table.h"
#include "storage/journal.h"

namespace storage {

// A record and where it came from. The views are valid until the cursor moves.
struct JournalRecord {
  std::string_view address;
  uint64_t received_ms = 0;
  std::string_view line;
};

class JournalCursor {
 public:
  // Many cursors may share one iterator: each reads `piece_bytes` ahead, so that it moves the
  // iterator once for many records. `entry` iterates over the journal and outlives the cursor.
  JournalCursor(rocksdb::Iterator& entry, HostId host, size_t piece_bytes)
      : entry_(entry), host_(host), piece_bytes_(piece_bytes) {}

  // The next record; false at the end. kDataLoss names the group that cannot be read.
  absl::StatusOr<bool> Next(JournalRecord* record);

 private:
  struct Group {
    uint64_t arrival;
    std::string value;
  };

  absl::Status ReadAhead();
  absl::Status OpenNextGroup();
  absl::Status AtGroup(const absl::Status& status) const;

  rocksdb::Iterator& entry_;
  const HostId host_;
  const size_t piece_bytes_;
  uint64_t next_arrival_ = 0;
  std::deque<Group> ahead_;  // The first one is being read, if group_is_open_.
  JournalGroup group_;
  bool group_is_open_ = false;
};

}  // namespace storage
