// Searches the journal by reading all of it. Memory does not grow with the journal: each host
// contributes the piece that is being read and the events of its last seconds.

#pragma once

#include <functional>
#include <memory>

#include "absl/status/status.h"

#include "storage/host_table.h"
#include "storage/rocks.h"
#include "storage/search.h"

namespace storage {

// The journal as it was when this was made. For one thread.
class JournalSearch {
 public:
  // Reads the hosts that match one of the patterns; all, if there are none.
  JournalSearch(std::shared_ptr<Rocks> rocks, const HostTable& hosts,
                const std::vector<std::string>& host_patterns);

  // See EventStore::Search().
  absl::Status FindEvents(const query::Predicate& predicate,
                          const std::function<bool(const FoundEvent&)>& sink);

  // See EventStore::SearchMalformed().
  absl::Status FindMalformed(query::TimeRange received,
                             const std::function<bool(const MalformedRecord&)>& sink);

 private:
  struct Host {
    HostId id;
    Identity identity;
  };

  size_t piece_bytes() const;

  std::shared_ptr<Rocks> rocks_;
  std::unique_ptr<rocksdb::Iterator> entry_;  // Holds the snapshot.
  std::vector<Host> hosts_;
};

}  // namespace storage
