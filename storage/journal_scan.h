// Reads records out of the journal in the order of their arrival, over one host or many.
//
// The journal sorts by host. To give the records of many hosts in the order of arrival, the scan
// reads ahead a piece of each host and merges the pieces; the pieces share a budget.

#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "storage/host_table.h"
#include "storage/journal.h"
#include "storage/rocks.h"
#include "storage/search.h"

namespace storage {

// A record and where it came from. Valid during the call that it is given to.
struct ScannedRecord {
  HostId host_id;
  const Identity& host;
  std::string_view address;
  uint64_t received_ms;
  std::string_view line;
};

// Sees the journal as it was when the scan was made. For one thread, once.
class JournalScan {
 public:
  // Reads the hosts whose names match one of the patterns; all, if there are none.
  JournalScan(std::shared_ptr<Rocks> rocks, const HostTable& hosts,
              const std::vector<std::string>& host_patterns);

  // Calls `sink` with each record until it returns false. kDataLoss names the group that cannot be
  // read; the groups before it have been given out.
  absl::Status ForEach(const std::function<bool(const ScannedRecord&)>& sink);

 private:
  struct Group {
    uint64_t arrival;
    std::string value;
  };
  struct HostCursor {
    HostId id;
    Identity host;
    uint64_t next_arrival = 0;
    std::deque<Group> groups;  // Read ahead.
  };

  absl::Status ReadAhead(HostCursor* cursor);

  std::shared_ptr<Rocks> rocks_;
  std::unique_ptr<rocksdb::Iterator> entry_;
  std::vector<HostCursor> cursors_;
  size_t piece_bytes_ = 0;
};

// Joins records into events and gives out those that match: see EventStore::Search().
absl::Status FindEvents(JournalScan* scan, const query::Predicate& predicate,
                        const std::function<bool(const FoundEvent&)>& sink);

// See EventStore::SearchMalformed().
absl::Status FindMalformed(JournalScan* scan, const query::Predicate& predicate,
                           const std::function<bool(const MalformedRecord&)>& sink);

}  // namespace storage
