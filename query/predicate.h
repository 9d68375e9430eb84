// What may be asked of an event: a small tree of conditions.
//
// A leaf looks at the event alone: one of those here, HasTerm of term.h, or one of attribute.h or
// outcome.h. The branches are AllOf, AnyOf and NoneOf. A planner walks the tree through condition()
// and time_bounds() to skip what cannot match, and asks Matches() of what is left.

#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "audit/event.h"
#include "query/attribute.h"
#include "query/outcome.h"
#include "query/term.h"
#include "query/time_range.h"

namespace query {

class Predicate;

struct Everything {};

struct SerialIs {
  uint32_t serial = 0;
};

// A record of the event has one of the types, given by number.
struct TypeIn {
  std::vector<uint32_t> types;
};

// The records name this node. It is never empty in events whose records name a node.
struct NodeIs {
  std::string node;
};

struct TimeIn {
  TimeRange range;
};

struct AllOf {
  std::vector<Predicate> parts;  // Without parts it is true.
};

struct AnyOf {
  std::vector<Predicate> parts;  // Without parts it is false.
};

struct NoneOf {
  std::vector<Predicate> parts;  // Without parts it is true.
};

using Condition = std::variant<Everything, SerialIs, TypeIn, NodeIs, HasTerm, AttributeIs, NameIs,
                               SuccessIs, SyscallIs, TimeIn, AllOf, AnyOf, NoneOf>;

// A value. Its functions recurse as deep as the tree is, so whoever builds one from
// untrusted input must limit the depth.
class Predicate {
 public:
  // Matches everything.
  Predicate();

  explicit Predicate(Condition condition);

  // Defined out of line: GCC 12 with sanitizers takes the insides of an inlined variant for
  // uninitialized.
  Predicate(const Predicate& other);
  Predicate(Predicate&& other) noexcept;
  Predicate& operator=(const Predicate& other);
  Predicate& operator=(Predicate&& other) noexcept;
  ~Predicate();

  bool Matches(const audit::Event& event) const;

  // Every event that matches has its time in here. Events in here need not match. Empty if
  // nothing can match.
  TimeRange time_bounds() const;

  // Valid as long as the predicate.
  const Condition& condition() const { return condition_; }

 private:
  Condition condition_;
};

}  // namespace query
