// Finds the blocks that a predicate needs, by the index.

#pragma once

#include <optional>
#include <stop_token>
#include <vector>

#include "absl/status/statusor.h"

#include "query/predicate.h"
#include "storage/block_store.h"
#include "storage/search.h"

namespace storage {

struct DayRange {
  Day from = 0;
  Day to = 0;  // Included.
};

// The blocks that may hold events that match, sorted; nullopt if the index cannot tell, so that all
// blocks may. Adds its steps to the explanation.
absl::StatusOr<std::optional<std::vector<BlockId>>> PlanBlocks(
    const Rocks& rocks, const rocksdb::ReadOptions& options, const query::Predicate& predicate,
    const DayRange& days, const std::stop_token& stop, SearchExplanation* explanation);

// Calls `sink` with each posting list of a field on those days, in the order of values and days.
absl::Status ForEachPostings(const Rocks& rocks, const rocksdb::ReadOptions& options,
                             query::TermField field, const DayRange& days,
                             const std::stop_token& stop,
                             const std::function<void(const std::string& value, Day day,
                                                      const std::vector<Posting>&)>& sink);

}  // namespace storage
