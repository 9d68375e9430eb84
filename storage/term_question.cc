#include "storage/term_question.h"

#include <algorithm>
#include <variant>

#include "audit/record_type.h"
#include "storage/block_terms.h"

namespace storage {

namespace {

using query::TermField;

TermQuestion Is(TermField field, std::string_view value) {
  const std::string indexed(query::IndexedTerm(value));
  return {.field = field, .value = indexed, .accepts = [indexed](std::string_view other) {
            return other == indexed;
          }};
}

TermQuestion Contains(TermField field, const std::string& text) {
  return {.field = field, .accepts = [text](std::string_view value) {
            // What was cut off may contain it.
            return value.size() >= query::kTermBytesMax ||
                   value.find(text) != std::string_view::npos;
          }};
}

struct Asker {
  std::optional<TermQuestion> operator()(const query::HasTerm& has) const {
    if (has.match == query::TermMatch::kContains) return Contains(has.field, has.text);
    return Is(has.field, has.text);
  }

  std::optional<TermQuestion> operator()(const query::KeyContains& key) const {
    return Contains(TermField::kKey, key.text);
  }

  // By number: a record can show a type that has a name by its number, too.
  std::optional<TermQuestion> operator()(const query::TypeIn& in) const {
    return TermQuestion{.field = TermField::kType,
                        .accepts = [types = in.types](std::string_view name) {
                          const auto number = audit::RecordTypeNumber(name);
                          return number && std::ranges::find(types, *number) != types.end();
                        }};
  }

  std::optional<TermQuestion> operator()(const query::NodeIs& is) const {
    if (is.node.empty()) return std::nullopt;
    return Is(TermField::kNode, is.node);
  }

  template <typename Other>
  std::optional<TermQuestion> operator()(const Other&) const {
    return std::nullopt;
  }
};

// Answers SelectEvents() for each kind of condition.
class Selector {
 public:
  using Selected = absl::StatusOr<std::vector<bool>>;

  explicit Selector(BlockReader& block) : block_(block) {}

  Selected Select(const query::Predicate& predicate) {
    if (const auto question = TermQuestionOf(predicate.condition())) {
      return EventsWithTerm(block_, question->field, question->accepts);
    }
    return std::visit(*this, predicate.condition());
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

std::optional<TermQuestion> TermQuestionOf(const query::Condition& condition) {
  return std::visit(Asker(), condition);
}

absl::StatusOr<std::vector<bool>> SelectEvents(BlockReader& block,
                                               const query::Predicate& predicate) {
  return Selector(block).Select(predicate);
}

}  // namespace storage
