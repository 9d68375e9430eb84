// What every index stands on: no event that matches is without a term that may match.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "audit/event.h"
#include "query/attribute.h"
#include "query/predicate.h"

namespace query {

inline constexpr Attribute kAllAttributes[] = {
    Attribute::kPid,       Attribute::kPpid,   Attribute::kUid,  Attribute::kEuid,
    Attribute::kAuid,      Attribute::kGid,    Attribute::kEgid, Attribute::kSession,
    Attribute::kExit,      Attribute::kExe,    Attribute::kComm, Attribute::kTerminal,
    Attribute::kHost,      Attribute::kFile,   Attribute::kCwd,  Attribute::kKey,
    Attribute::kSubject,   Attribute::kObject, Attribute::kUuid, Attribute::kVm,
    Attribute::kContainer,
};

// Whether the condition, which the event meets, is found by the event's terms.
inline bool IsFoundByTerms(const AttributeIs& is, const audit::Event& event) {
  if (MayLackTerm(is)) return true;
  bool is_found = false;
  for (const TermField field : TermFieldsOf(is.attribute)) {
    if (!IsIndexed(field)) {
      is_found = is_found || Matches(HasTerm{field, is.text, is.match}, event);
      continue;
    }
    ForEachTerm(event, [&](TermField of, std::string_view term) {
      if (of != field) return;
      const std::string_view indexed = IndexedTerm(term);
      is_found = is_found || (IsLookup(is) ? indexed == is.text : MayMatch(is, indexed));
    });
  }
  return is_found;
}

// A condition that is not found although the event meets it, in words; nullopt if there is none.
inline std::optional<std::string> ValueWithoutTerm(const audit::Event& event) {
  std::optional<std::string> missing;
  for (const Attribute attribute : kAllAttributes) {
    ForEachValue(attribute, event, [&](std::string_view value) {
      const std::string all(value);
      const std::string part(value.substr(value.size() / 3, value.size() / 2 + 1));
      const std::string front(value.substr(0, value.size() / 2));
      for (const AttributeIs& is :
           {AttributeIs{attribute, all}, AttributeIs{attribute, all, TermMatch::kContains},
            AttributeIs{attribute, front, TermMatch::kContains},
            AttributeIs{attribute, part, TermMatch::kContains}}) {
        if (!Matches(is, event) || !IsFoundByTerms(is, event)) missing = is.text;
      }
    });
  }
  return missing;
}

}  // namespace query
