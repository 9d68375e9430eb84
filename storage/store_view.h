// A moment of the store, as a search sees it.

#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"

#include "storage/open_host.h"
#include "storage/rocks.h"
#include "storage/whole_events.h"

namespace storage {

// The events of a host that are in no block.
struct OpenEvents {
  HostId host = 0;
  std::vector<std::shared_ptr<const OpenEvent>> events = {};
};

// A moment of the store: what is in blocks, and what is not yet.
struct StoreView {
  std::shared_ptr<Rocks> rocks;
  std::shared_ptr<const rocksdb::Snapshot> snapshot;  // Null for a database that does not change.
  std::vector<OpenEvents> open;

  // In the order of kWhole, behind all events that are seen, and in front of all that come. Not
  // set for the files of another process.
  WholeKey settled = {};
};

// What Indexer::View() gives, out of the files of another process: `rocks` is open for reading.
absl::StatusOr<StoreView> ViewOfFiles(std::shared_ptr<Rocks> rocks,
                                      const std::function<bool(HostId)>& wanted);

}  // namespace storage
