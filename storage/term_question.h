// What a predicate asks of single terms: how the index and the columns of a block are used for it.
// All answers here are supersets: what is left is asked of the events themselves.

#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "query/predicate.h"
#include "query/term.h"
#include "storage/block_reader.h"

namespace storage {

// Asks for events that have a term of the field whose value is accepted.
struct TermQuestion {
  query::TermField field = {};

  // The only value that can be accepted, if there is just one: it can be looked up.
  std::optional<std::string> value = {};

  // Asked of values as query::IndexedTerm() gives them.
  std::function<bool(std::string_view)> accepts = {};

  // For people: "key contains exec".
  std::string text = {};
};

// An event that matches the condition satisfies one of the questions; nullopt if terms cannot tell.
std::optional<std::vector<TermQuestion>> TermQuestionsOf(const query::Condition& condition);

// Whether the condition asks of nothing but the time: all events in its bounds meet it.
bool AsksForTimeOnly(const query::Condition& condition);

// For each event of a block, whether it may match. Malformed ones do not.
absl::StatusOr<std::vector<bool>> SelectEvents(BlockReader& block,
                                               const query::Predicate& predicate);

}  // namespace storage
