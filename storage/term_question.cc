#include "storage/term_question.h"

#include <algorithm>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "audit/record_type.h"
#include "storage/block_terms.h"

namespace storage {

namespace {

using query::TermField;

// Debian's Abseil has a view of its own.
absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }

using Questions = std::optional<std::vector<TermQuestion>>;

std::string Text(TermField field, std::string_view verb, std::string_view value) {
  return absl::StrCat(ToAbsl(query::TermFieldName(field)), ToAbsl(verb), ToAbsl(value));
}

TermQuestion Is(TermField field, std::string_view value) {
  const std::string indexed(query::IndexedTerm(value));
  return {.field = field,
          .value = indexed,
          .accepts = [indexed](std::string_view other) { return other == indexed; },
          .text = Text(field, " is ", value)};
}

TermQuestion Contains(TermField field, const std::string& text) {
  return {.field = field,
          .accepts =
              [text](std::string_view value) {
                // What was cut off may contain it.
                return value.size() >= query::kTermBytesMax ||
                       value.find(text) != std::string_view::npos;
              },
          .text = Text(field, " contains ", text)};
}

TermField NameField(query::Attribute attribute) {
  switch (attribute) {
    case query::Attribute::kUid:
      return TermField::kUidName;
    case query::Attribute::kEuid:
      return TermField::kEuidName;
    case query::Attribute::kAuid:
      return TermField::kAuidName;
    case query::Attribute::kGid:
      return TermField::kGidName;
    default:
      return TermField::kEgidName;
  }
}

struct Asker {
  Questions operator()(const query::HasTerm& has) const {
    if (has.match == query::TermMatch::kContains) return {{Contains(has.field, has.text)}};
    return {{Is(has.field, has.text)}};
  }

  Questions operator()(const query::AttributeIs& is) const {
    if (query::MayLackTerm(is)) return std::nullopt;
    const bool contains = is.match == query::TermMatch::kContains;
    std::vector<TermQuestion> questions;
    for (const TermField field : query::TermFieldsOf(is.attribute)) {
      questions.push_back(
          {.field = field,
           .accepts = [is](std::string_view value) { return query::MayMatch(is, value); },
           .text = Text(field, contains ? " contains " : " is ", is.text)});
      if (query::IsLookup(is)) questions.back().value = is.text;
    }
    return questions;
  }

  Questions operator()(const query::NameIs& is) const {
    std::vector<TermQuestion> questions = {Is(NameField(is.attribute), is.name)};
    const std::optional<uint32_t> everywhere = query::NumberOfEveryHost(is.name);
    if (const std::optional<uint32_t> number = everywhere ? everywhere : is.number) {
      const query::AttributeIs same = {.attribute = is.attribute, .text = std::to_string(*number)};
      const Questions of_number = (*this)(same);
      questions.insert(questions.end(), of_number->begin(), of_number->end());
    }
    return questions;
  }

  // That of a failure: few events have one. An access vector cache tells it in words of its own.
  Questions operator()(const query::SuccessIs& is) const {
    if (is.success) return std::nullopt;
    return {{{.field = TermField::kSuccess,
              .accepts = [](std::string_view value) { return value != "yes"; },
              .text = "success is not yes"},
             Is(TermField::kType, "AVC"),
             Is(TermField::kType, "USER_AVC")}};
  }

  Questions operator()(const query::SyscallIs& is) const {
    return {{{.field = TermField::kSyscall,
              .accepts = [is](std::string_view term) { return query::MayMatch(is, term); },
              .text = is.number ? absl::StrCat("syscall is ", *is.number) : "syscall is any"}}};
  }

  // By number: a record can show a type that has a name by its number, too.
  Questions operator()(const query::TypeIn& in) const {
    return {{{.field = TermField::kType,
              .accepts =
                  [types = in.types](std::string_view name) {
                    const auto number = audit::RecordTypeNumber(name);
                    return number && std::ranges::find(types, *number) != types.end();
                  },
              .text = absl::StrCat("type is ", absl::StrJoin(in.types, " or "))}}};
  }

  Questions operator()(const query::NodeIs& is) const {
    if (is.node.empty()) return std::nullopt;
    return {{Is(TermField::kNode, is.node)}};
  }

  template <typename Other>
  Questions operator()(const Other&) const {
    return std::nullopt;
  }
};

// Answers SelectEvents() for each kind of condition.
class Selector {
 public:
  using Selected = absl::StatusOr<std::vector<bool>>;

  explicit Selector(BlockReader& block) : block_(block) {}

  Selected Select(const query::Predicate& predicate) {
    const auto questions = TermQuestionsOf(predicate.condition());
    if (!questions) return std::visit(*this, predicate.condition());
    std::vector<bool> selected(block_.event_count(), false);
    for (const TermQuestion& question : *questions) {
      const Selected of_one = EventsWithTerm(block_, question.field, question.accepts);
      if (!of_one.ok()) return of_one;
      for (size_t i = 0; i < selected.size(); ++i) selected[i] = selected[i] || (*of_one)[i];
    }
    return selected;
  }

  Selected operator()(const query::SerialIs& is) {
    return SelectByHead([&](const EventHead& head) { return head.serial == is.serial; });
  }

  Selected operator()(const query::TimeIn& in) {
    return SelectByHead([&](const EventHead& head) { return in.range.Contains(head.time_ms); });
  }

  Selected operator()(const query::AllOf& all) {
    Selected selected = All();
    for (const query::Predicate& part : all.parts) {
      if (std::ranges::find(*selected, true) == selected->end()) break;
      const Selected of_part = Select(part);
      if (!of_part.ok()) return of_part;
      for (size_t i = 0; i < selected->size(); ++i) {
        (*selected)[i] = (*selected)[i] && (*of_part)[i];
      }
    }
    return selected;
  }

  Selected operator()(const query::AnyOf& any) {
    Selected selected = std::vector<bool>(block_.event_count(), false);
    for (const query::Predicate& part : any.parts) {
      const Selected of_part = Select(part);
      if (!of_part.ok()) return of_part;
      for (size_t i = 0; i < selected->size(); ++i) {
        (*selected)[i] = (*selected)[i] || (*of_part)[i];
      }
    }
    return selected;
  }

  template <typename Other>
  Selected operator()(const Other&) {
    return All();
  }

 private:
  template <typename Accepts>
  Selected SelectByHead(const Accepts& accepts) const {
    std::vector<bool> selected(block_.event_count());
    for (uint32_t event = 0; event < block_.event_count(); ++event) {
      const EventHead head = block_.head(event);
      selected[event] = !head.malformed && accepts(head);
    }
    return selected;
  }

  Selected All() const {
    return SelectByHead([](const EventHead&) { return true; });
  }

  BlockReader& block_;
};

}  // namespace

std::optional<std::vector<TermQuestion>> TermQuestionsOf(const query::Condition& condition) {
  return std::visit(Asker(), condition);
}

bool AsksForTimeOnly(const query::Condition& condition) {
  if (const auto* all = std::get_if<query::AllOf>(&condition)) {
    return std::ranges::all_of(
        all->parts, [](const query::Predicate& part) { return AsksForTimeOnly(part.condition()); });
  }
  return std::holds_alternative<query::Everything>(condition) ||
         std::holds_alternative<query::TimeIn>(condition);
}

absl::StatusOr<std::vector<bool>> SelectEvents(BlockReader& block,
                                               const query::Predicate& predicate) {
  return Selector(block).Select(predicate);
}

}  // namespace storage
