// Predicates as messages (proto/auspex/v1/query.proto).

#pragma once

#include "absl/status/statusor.h"

#include "proto/auspex/v1/query.pb.h"
#include "query/predicate.h"

namespace server {

// Far beyond what a person asks. Predicates are walked by recursion, and for each event.
inline constexpr int kPredicateDepthMax = 32;
inline constexpr int kPredicateConditionsMax = 10'000;

// kInvalidArgument names what is not defined, or the limit that is passed.
absl::StatusOr<query::Predicate> PredicateOf(const auspex::v1::Predicate& message);

}  // namespace server
