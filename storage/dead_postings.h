// What compactions take out of the index: postings of blocks that are gone.

#pragma once

#include <memory>
#include <mutex>

#include <rocksdb/compaction_filter.h>

#include "storage/block_floors.h"

namespace storage {

// Makes the filters of the family "terms": terms that no block has any more go, and postings below
// the floors that were set. RocksDB asks no snapshot whether it still sees what a filter takes out,
// so who sets floors has to know that none is older than they are. Thread-safe.
class DeadPostingsFilters : public rocksdb::CompactionFilterFactory {
 public:
  // For the compactions that begin from now on. Those of a moment before are forgotten.
  void SetFloors(BlockFloors floors);

  const char* Name() const override { return "auspex.postings.dead"; }
  std::unique_ptr<rocksdb::CompactionFilter> CreateCompactionFilter(
      const rocksdb::CompactionFilter::Context& context) override;

 private:
  std::mutex mutex_;  // Guards what follows.
  std::shared_ptr<const BlockFloors> floors_ = std::make_shared<BlockFloors>();
};

}  // namespace storage
