// Predicates as messages (proto/auspex/v1/query.proto): for who asks, and for who answers.

#pragma once

#include "absl/status/statusor.h"

#include "proto/auspex/v1/query.pb.h"
#include "query/predicate.h"

namespace api {

// Far beyond what a person asks. Predicates are walked by recursion, and for each event.
inline constexpr int kPredicateDepthMax = 32;
inline constexpr int kPredicateConditionsMax = 10'000;

// kInvalidArgument names what is not defined, or the limit that is passed.
absl::StatusOr<query::Predicate> PredicateOf(const auspex::v1::Predicate& message);

query::TimeRange TimeRangeOf(const auspex::v1::TimeRange& message);

// The reverse of both.
auspex::v1::Predicate MessageOf(const query::Predicate& predicate);
auspex::v1::TimeRange MessageOf(const query::TimeRange& range);

}  // namespace api
