#include "storage/block_plan.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <variant>

#include "storage/block_floors.h"
#include "storage/term_question.h"

namespace storage {

namespace {

// A set of blocks, sorted; nullopt for all.
using Blocks = std::optional<std::vector<BlockId>>;

class Planner {
 public:
  using Plan = absl::StatusOr<Blocks>;

  Planner(const Rocks& rocks, const rocksdb::ReadOptions& options, const DayRange& days,
          const std::stop_token& stop, SearchExplanation* explanation)
      : rocks_(rocks), options_(options), days_(days), stop_(stop), explanation_(explanation) {}

  Plan PlanFor(const query::Predicate& predicate) {
    const auto questions = TermQuestionsOf(predicate.condition());
    if (!questions) return std::visit(*this, predicate.condition());
    if (!std::ranges::all_of(*questions, query::IsIndexed, &TermQuestion::field)) return Blocks();
    std::vector<BlockId> blocks;
    for (const TermQuestion& question : *questions) {
      const absl::Status asked = Ask(question, &blocks);
      if (!asked.ok()) return asked;
    }
    return Unique(std::move(blocks));
  }

  // Looks up single terms first. What is left then may be too little to look through all terms of a
  // field for: to open the blocks is cheaper.
  Plan operator()(const query::AllOf& all) {
    Blocks blocks;
    for (const bool lookups : {true, false}) {
      for (const query::Predicate& part : all.parts) {
        if (IsLookup(part) != lookups) continue;
        if (blocks && blocks->size() <= (lookups ? 0 : kFewBlocks)) return blocks;
        Plan of_part = PlanFor(part);
        if (!of_part.ok()) return of_part;
        if (!of_part->has_value()) continue;
        if (!blocks) {
          blocks = **std::move(of_part);
          continue;
        }
        std::vector<BlockId> both;
        std::ranges::set_intersection(*blocks, **of_part, std::back_inserter(both));
        blocks = std::move(both);
      }
    }
    return blocks;
  }

  Plan operator()(const query::AnyOf& any) {
    std::vector<BlockId> blocks;
    for (const query::Predicate& part : any.parts) {
      const Plan of_part = PlanFor(part);
      if (!of_part.ok() || !of_part->has_value()) return of_part;
      blocks.insert(blocks.end(), (*of_part)->begin(), (*of_part)->end());
    }
    return Unique(std::move(blocks));
  }

  template <typename Other>
  Plan operator()(const Other&) {
    return Blocks();
  }

 private:
  static constexpr size_t kFewBlocks = 4;

  static bool IsLookup(const query::Predicate& predicate) {
    const auto questions = TermQuestionsOf(predicate.condition());
    return questions && std::ranges::all_of(*questions, [](const TermQuestion& question) {
             return question.value.has_value();
           });
  }

  absl::Status Ask(const TermQuestion& question, std::vector<BlockId>* blocks) {
    const size_t before = blocks->size();
    const auto add = [&](const std::string& value, Day day, const std::vector<Posting>& postings) {
      if (!question.accepts(value)) return;
      for (const Posting& posting : postings) {
        blocks->push_back({.host = posting.host, .day = day, .number = posting.block});
      }
    };
    const absl::Status read =
        question.value ? ForEachOfTerm(question.field, *question.value, add)
                       : ForEachPostings(rocks_, options_, question.field, days_, stop_, add);
    if (!read.ok()) return read;
    std::vector<BlockId> found(blocks->begin() + static_cast<std::ptrdiff_t>(before),
                               blocks->end());
    explanation_->steps.push_back({.condition = question.text,
                                   .is_lookup = question.value.has_value(),
                                   .blocks = Unique(std::move(found)).size()});
    return absl::OkStatus();
  }

  template <typename Sink>
  absl::Status ForEachOfTerm(query::TermField field, const std::string& value, const Sink& sink) {
    if (!floors_) {
      absl::StatusOr<BlockFloors> floors =
          BlockFloors::Load(rocks_, options_, days_.from, days_.to);
      if (!floors.ok()) return floors.status();
      floors_ = *std::move(floors);
    }
    const std::unique_ptr<rocksdb::Iterator> entry(rocks_.db->NewIterator(options_, rocks_.terms));
    const std::string prefix = EncodeTermPrefix(field, value);
    for (entry->Seek(EncodeTermKey(field, value, days_.from)); entry->Valid(); entry->Next()) {
      if (!ToView(entry->key()).starts_with(prefix)) break;
      Term term;
      Day day = 0;
      std::vector<Posting> postings;
      if (!DecodeTermKey(ToView(entry->key()), &term, &day) ||
          !TakePostings(ToView(entry->value()), &postings)) {
        return IndexDamaged();
      }
      if (day > days_.to) break;
      floors_->Clean(day, &postings);
      sink(value, day, postings);
    }
    return FromRocks(entry->status(), "read the index");
  }

  static std::vector<BlockId> Unique(std::vector<BlockId> blocks) {
    std::ranges::sort(blocks);
    const auto rest = std::ranges::unique(blocks);
    blocks.erase(rest.begin(), rest.end());
    return blocks;
  }

  const Rocks& rocks_;
  const rocksdb::ReadOptions& options_;
  const DayRange days_;
  const std::stop_token& stop_;
  SearchExplanation* const explanation_;
  std::optional<BlockFloors> floors_;  // Those of the days, once they are needed.
};

}  // namespace

absl::StatusOr<std::optional<std::vector<BlockId>>> PlanBlocks(
    const Rocks& rocks, const rocksdb::ReadOptions& options, const query::Predicate& predicate,
    const DayRange& days, const std::stop_token& stop, SearchExplanation* explanation) {
  return Planner(rocks, options, days, stop, explanation).PlanFor(predicate);
}

absl::Status ForEachPostings(const Rocks& rocks, const rocksdb::ReadOptions& options,
                             query::TermField field, const DayRange& days,
                             const std::stop_token& stop,
                             const std::function<void(const std::string& value, Day day,
                                                      const std::vector<Posting>&)>& sink) {
  const absl::StatusOr<BlockFloors> floors = BlockFloors::Load(rocks, options, days.from, days.to);
  if (!floors.ok()) return floors.status();
  const std::unique_ptr<rocksdb::Iterator> entry(rocks.db->NewIterator(options, rocks.terms));
  const std::string prefix = EncodeFieldPrefix(field);
  Term term;
  std::vector<Posting> postings;
  for (entry->Seek(prefix); entry->Valid(); entry->Next()) {
    if (!ToView(entry->key()).starts_with(prefix)) break;
    if (stop.stop_requested()) return absl::CancelledError("search: cancelled");
    Day day = 0;
    if (!DecodeTermKey(ToView(entry->key()), &term, &day)) {
      return IndexDamaged();
    }
    if (day < days.from || day > days.to) continue;
    postings.clear();
    if (!TakePostings(ToView(entry->value()), &postings)) {
      return IndexDamaged();
    }
    floors->Clean(day, &postings);
    sink(term.value, day, postings);
  }
  return FromRocks(entry->status(), "read the index");
}

}  // namespace storage
