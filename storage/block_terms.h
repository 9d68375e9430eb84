// The terms of a block, read from its columns: no record is put together for it, unless its
// template could not be split into fields.

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "query/term.h"
#include "storage/block_reader.h"
#include "storage/term_index.h"

namespace storage {

struct TermCount {
  Term term;
  uint32_t events = 0;  // That have the term. At least one.
};

// All terms of the block's events, values cut to query::kTermBytesMax, each once, in no order.
absl::StatusOr<std::vector<TermCount>> CountTerms(BlockReader& block);

// For each event of the block, whether one of its values of `field` satisfies `matches`, which is
// asked once for each distinct value, cut to query::kTermBytesMax. True also for an event that its
// columns alone cannot tell of; false for malformed ones.
absl::StatusOr<std::vector<bool>> EventsWithTerm(
    BlockReader& block, query::TermField field,
    const std::function<bool(std::string_view)>& matches);

// Calls `sink` with each event that is not malformed and each of its values of `field`, which is
// indexed, once. Values are cut to query::kTermBytesMax, and valid during the call; those of a
// block are numbered from 0, with few gaps.
absl::Status ForEachTermOf(
    BlockReader& block, query::TermField field,
    absl::FunctionRef<void(uint32_t event, uint32_t number, std::string_view value)> sink);

}  // namespace storage
