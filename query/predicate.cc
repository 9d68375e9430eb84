#include "query/predicate.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

#include "audit/record.h"
#include "audit/record_type.h"

namespace query {

namespace {

bool HasRecordOfType(const audit::Event& event, const std::vector<uint32_t>& types) {
  for (size_t index = 0; index < event.record_count(); ++index) {
    const std::optional<uint32_t> type = audit::RecordTypeNumber(event.record(index).type);
    if (type && std::ranges::find(types, *type) != types.end()) return true;
  }
  return false;
}

bool AnyMatches(const std::vector<Predicate>& parts, const audit::Event& event) {
  return std::ranges::any_of(parts,
                             [&event](const Predicate& part) { return part.Matches(event); });
}

// Answers Matches() for each kind of condition.
struct Matcher {
  const audit::Event& event;

  bool operator()(const Everything&) const { return true; }
  bool operator()(const SerialIs& is) const { return event.stamp().serial == is.serial; }
  bool operator()(const TypeIn& in) const { return HasRecordOfType(event, in.types); }
  bool operator()(const NodeIs& is) const { return event.node() == is.node; }
  bool operator()(const HasTerm& term) const { return query::Matches(term, event); }
  bool operator()(const AttributeIs& is) const { return query::Matches(is, event); }
  bool operator()(const NameIs& is) const { return query::Matches(is, event); }
  bool operator()(const SuccessIs& is) const { return query::Matches(is, event); }
  bool operator()(const SyscallIs& is) const { return query::Matches(is, event); }
  bool operator()(const TimeIn& in) const { return in.range.Contains(event.stamp().time_ms); }
  bool operator()(const AllOf& all) const {
    return std::ranges::all_of(all.parts,
                               [this](const Predicate& part) { return part.Matches(event); });
  }
  bool operator()(const AnyOf& any) const { return AnyMatches(any.parts, event); }
  bool operator()(const NoneOf& none) const { return !AnyMatches(none.parts, event); }
};

// Answers time_bounds() for each kind of condition. What lies outside of a range has no bounds
// that are better than all of time, hence nothing is said about NoneOf.
struct Bounder {
  TimeRange operator()(const TimeIn& in) const { return in.range; }

  TimeRange operator()(const AllOf& all) const {
    TimeRange bounds;
    for (const Predicate& part : all.parts) bounds = Intersection(bounds, part.time_bounds());
    return bounds;
  }

  TimeRange operator()(const AnyOf& any) const {
    TimeRange bounds = kNoTime;
    for (const Predicate& part : any.parts) bounds = Hull(bounds, part.time_bounds());
    return bounds;
  }

  template <typename Other>
  TimeRange operator()(const Other&) const {
    return {};
  }
};

}  // namespace

Predicate::Predicate() = default;
Predicate::Predicate(Condition condition) : condition_(std::move(condition)) {}
Predicate::Predicate(const Predicate& other) = default;
Predicate::Predicate(Predicate&& other) noexcept = default;
Predicate& Predicate::operator=(const Predicate& other) = default;
Predicate& Predicate::operator=(Predicate&& other) noexcept = default;
Predicate::~Predicate() = default;

bool Predicate::Matches(const audit::Event& event) const {
  return std::visit(Matcher{event}, condition_);
}

TimeRange Predicate::time_bounds() const { return std::visit(Bounder{}, condition_); }

}  // namespace query
