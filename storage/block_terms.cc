#include "storage/block_terms.h"

#include <algorithm>
#include <limits>
#include <string>

#include "absl/container/flat_hash_map.h"

#include "storage/value_dictionary.h"

namespace storage {

namespace {

using query::TermField;

constexpr std::string_view kArch = "arch";
constexpr std::string_view kSyscall = "syscall";

enum Answer : char { kUnknown, kNo, kYes };

// The terms of a block, numbered, and in how many events each is.
class TermTable {
 public:
  uint32_t NumberOf(TermField field, std::string_view value) {
    key_.assign(1, static_cast<char>(field));
    key_.append(query::IndexedTerm(value));
    const uint32_t number = keys_.Intern(key_);
    if (number == counts_.size()) counts_.push_back({.events = 0, .last_event = kNone});
    return number;
  }

  // Valid until the next NumberOf().
  std::string_view ValueOf(uint32_t term) const { return keys_.value(term).substr(1); }

  // Events come in order.
  void Count(uint32_t term, uint32_t event) {
    Counter& counter = counts_[term];
    if (counter.last_event == event) return;
    counter.last_event = event;
    ++counter.events;
  }

  std::vector<TermCount> TakeAll() const {
    std::vector<TermCount> all;
    for (uint32_t number = 0; number < keys_.size(); ++number) {
      const std::string_view key = keys_.value(number);
      // Without events: the value of a row that only an event with other, whole records has.
      if (counts_[number].events == 0) continue;
      all.push_back(
          {.term = {.field = static_cast<TermField>(key[0]), .value = std::string(key.substr(1))},
           .events = counts_[number].events});
    }
    return all;
  }

 private:
  static constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();
  struct Counter {
    uint32_t events;
    uint32_t last_event;
  };

  ValueDictionary keys_;  // Field and value.
  std::vector<Counter> counts_;
  std::string key_;
};

// The terms that the rows of one column have.
class TermColumn {
 public:
  TermColumn(std::string_view type, TermField field, const TemplateColumn& of, const Column& column)
      : type_(type), field_(field), of_(of), column_(column), by_code_(column.distinct()) {}

  // The numbers of a row's terms, given by `table`. Valid until the next call.
  const std::vector<uint32_t>& TermsOf(uint32_t row, TermTable* table) {
    if (by_code_.empty()) return Number(column_.Value(row, &scratch_), table, &of_row_);
    Numbers& numbers = by_code_[column_.Code(row)];
    if (numbers.known) return numbers.terms;
    numbers.known = true;
    return Number(column_.DistinctValue(column_.Code(row)), table, &numbers.terms);
  }

 private:
  struct Numbers {
    bool known = false;
    std::vector<uint32_t> terms;
  };

  const std::vector<uint32_t>& Number(std::string_view text, TermTable* table,
                                      std::vector<uint32_t>* terms) const {
    terms->clear();
    audit::Field field;
    field.name = of_.name;
    field.value = text;
    field.place = of_.place;
    query::ForEachTermValue(type_, field_, field, [&](std::string_view value) {
      terms->push_back(table->NumberOf(field_, value));
    });
    return *terms;
  }

  const std::string_view type_;
  const TermField field_;
  const TemplateColumn& of_;
  const Column& column_;
  std::vector<Numbers> by_code_;
  std::vector<uint32_t> of_row_;
  std::string scratch_;
};

// The terms that are made of two columns: architecture and number of a system call.
class SyscallColumns {
 public:
  SyscallColumns(const Column& arch, const Column& syscall) : arch_(arch), syscall_(syscall) {}

  // Nullopt if one of them is absent.
  std::optional<uint32_t> TermOf(uint32_t row, TermTable* table) {
    const bool by_code = arch_.distinct() > 0 && syscall_.distinct() > 0;
    if (!by_code) return Number(row, table);
    const std::pair<uint32_t, uint32_t> codes(arch_.Code(row), syscall_.Code(row));
    const auto [found, is_new] = by_codes_.try_emplace(codes, std::nullopt);
    if (is_new) found->second = Number(row, table);
    return found->second;
  }

 private:
  std::optional<uint32_t> Number(uint32_t row, TermTable* table) {
    const std::string_view arch = arch_.Value(row, &arch_scratch_);
    const std::string_view syscall = syscall_.Value(row, &syscall_scratch_);
    const std::optional<std::string> term = query::SyscallTerm(arch, syscall);
    if (!term) return std::nullopt;
    return table->NumberOf(TermField::kSyscall, *term);
  }

  const Column& arch_;
  const Column& syscall_;
  absl::flat_hash_map<std::pair<uint32_t, uint32_t>, std::optional<uint32_t>> by_codes_;
  std::string arch_scratch_;
  std::string syscall_scratch_;
};

// The first column of a name that the kernel wrote.
std::optional<size_t> FindColumn(const RecordTemplate& shape, std::string_view name) {
  for (size_t i = 0; i < shape.columns.size(); ++i) {
    if (shape.columns[i].name == name && shape.columns[i].place == audit::FieldPlace::kRecord) {
      return i;
    }
  }
  return std::nullopt;
}

// All that the records of one template tell.
struct TemplateTerms {
  bool is_split = false;  // Else its records have to be put together.
  uint32_t type = 0;      // The term of the type.
  std::vector<TermColumn> columns = {};
  std::optional<SyscallColumns> syscall = std::nullopt;
};

// `only`: the field that is asked for; none for all that are indexed.
absl::StatusOr<TemplateTerms> ReadTemplate(BlockReader& block, const BlockTemplate& one,
                                           std::optional<TermField> only, TermTable* table) {
  TemplateTerms terms;
  const RecordTemplate& shape = one.shape;
  terms.is_split = shape.kind == TemplateKind::kFields;
  if (!terms.is_split) return terms;
  const auto wanted = [only](TermField field) {
    return only ? *only == field : query::IsIndexed(field);
  };
  if (wanted(TermField::kType)) terms.type = table->NumberOf(TermField::kType, shape.type);
  for (size_t i = 0; i < shape.columns.size(); ++i) {
    const TemplateColumn& of = shape.columns[i];
    for (const TermField field : query::TermFieldsOf(shape.type, of.name, of.place)) {
      if (!wanted(field)) continue;
      const absl::StatusOr<const Column*> column = block.ReadColumn(one.first_column + i);
      if (!column.ok()) return column.status();
      terms.columns.emplace_back(shape.type, field, of, **column);
    }
  }
  const std::optional<size_t> arch = FindColumn(shape, kArch);
  const std::optional<size_t> syscall = FindColumn(shape, kSyscall);
  if (!arch || !syscall || !wanted(TermField::kSyscall)) return terms;
  const absl::StatusOr<const Column*> arch_column = block.ReadColumn(one.first_column + *arch);
  if (!arch_column.ok()) return arch_column.status();
  const absl::StatusOr<const Column*> syscall_column =
      block.ReadColumn(one.first_column + *syscall);
  if (!syscall_column.ok()) return syscall_column.status();
  terms.syscall.emplace(**arch_column, **syscall_column);
  return terms;
}

// Walks the records of a block in their order, and calls `sink(event, term)` for each term of each.
// `whole(event)` is called instead for an event with a record that is not split into fields.
template <typename Sink, typename Whole>
absl::Status WalkTerms(BlockReader& block, std::optional<TermField> only, TermTable* table,
                       const Sink& sink, const Whole& whole) {
  std::vector<TemplateTerms> templates;
  for (const BlockTemplate& one : block.templates()) {
    absl::StatusOr<TemplateTerms> terms = ReadTemplate(block, one, only, table);
    if (!terms.ok()) return terms.status();
    templates.push_back(*std::move(terms));
  }
  for (uint32_t event = 0; event < block.event_count(); ++event) {
    const EventHead head = block.head(event);
    if (head.malformed) continue;
    const uint32_t begin = block.first_record(event);
    const uint32_t end = block.first_record(event + 1);
    bool is_split = true;
    for (uint32_t i = begin; i < end; ++i) is_split &= templates[block.template_of(i)].is_split;
    if (!is_split) {
      const absl::Status done = whole(event);
      if (!done.ok()) return done;
      continue;
    }
    for (uint32_t record = begin; record < end; ++record) {
      TemplateTerms& terms = templates[block.template_of(record)];
      const uint32_t row = block.row_of(record);
      if (!only || *only == TermField::kType) sink(event, terms.type);
      for (TermColumn& column : terms.columns) {
        for (const uint32_t term : column.TermsOf(row, table)) sink(event, term);
      }
      if (!terms.syscall) continue;
      if (const auto term = terms.syscall->TermOf(row, table)) sink(event, *term);
    }
    if (!head.node.empty() && (!only || *only == TermField::kNode)) {
      sink(event, table->NumberOf(TermField::kNode, head.node));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<TermCount>> CountTerms(BlockReader& block) {
  TermTable table;
  const auto count = [&table](uint32_t event, uint32_t term) { table.Count(term, event); };
  const auto count_whole = [&](uint32_t number) {
    const absl::StatusOr<audit::Event> event = block.ReadEvent(number);
    if (!event.ok()) return event.status();
    query::ForEachTerm(*event, [&](TermField field, std::string_view value) {
      table.Count(table.NumberOf(field, value), number);
    });
    return absl::OkStatus();
  };
  const absl::Status walked = WalkTerms(block, std::nullopt, &table, count, count_whole);
  if (!walked.ok()) return walked;
  return table.TakeAll();
}

absl::StatusOr<std::vector<bool>> EventsWithTerm(
    BlockReader& block, query::TermField field,
    const std::function<bool(std::string_view)>& matches) {
  TermTable table;
  std::vector<bool> events(block.event_count(), false);
  std::vector<char> answers;  // Of each term: unknown, no, yes.
  const auto mark = [&](uint32_t event, uint32_t term) {
    if (answers.size() <= term) answers.resize(size_t{term} + 1, kUnknown);
    if (answers[term] == kUnknown) answers[term] = matches(table.ValueOf(term)) ? kYes : kNo;
    if (answers[term] == kYes) events[event] = true;
  };
  const auto mark_whole = [&](uint32_t event) {
    events[event] = true;
    return absl::OkStatus();
  };
  const absl::Status walked = WalkTerms(block, field, &table, mark, mark_whole);
  if (!walked.ok()) return walked;
  return events;
}

absl::Status ForEachTermOf(
    BlockReader& block, query::TermField field,
    absl::FunctionRef<void(uint32_t event, uint32_t number, std::string_view value)> sink) {
  TermTable table;
  std::vector<uint32_t> next_events;  // Of each term: the lowest event that it may come with.
  const auto give = [&](uint32_t event, uint32_t term) {
    if (next_events.size() <= term) next_events.resize(size_t{term} + 1, 0);
    if (next_events[term] > event) return;
    next_events[term] = event + 1;
    sink(event, term, table.ValueOf(term));
  };
  const auto give_whole = [&](uint32_t number) {
    const absl::StatusOr<audit::Event> event = block.ReadEvent(number);
    if (!event.ok()) return event.status();
    query::ForEachTerm(*event, [&](query::TermField of, std::string_view value) {
      if (of == field) give(number, table.NumberOf(of, value));
    });
    return absl::OkStatus();
  };
  return WalkTerms(block, field, &table, give, give_whole);
}

}  // namespace storage
