#include "query/report/summary.h"

#include <algorithm>
#include <bit>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"

#include "audit/record_type.h"
#include "base/number.h"
#include "query/report/event_class.h"

namespace query {

namespace {

using Entry = ValueTally::Entry;

// Takes the front up to a blank, and the blank.
std::string_view TakeWord(std::string_view* in) {
  const std::string_view word = in->substr(0, in->find(' '));
  in->remove_prefix(std::min(in->size(), word.size() + 1));
  return word;
}

FactText TextOrAbsent(std::string_view text) {
  return text.empty() ? FactText() : FactText{.text = text};
}

struct TypeAndClasses {
  uint32_t classes = 0;
  std::string_view type;
};

TypeAndClasses ReadTypeValue(std::string_view value) {
  const std::string_view classes = TakeWord(&value);
  return {.classes = base::ParseNumber<uint32_t>(classes, 16).value_or(0), .type = value};
}

template <typename Sink>
void ForEachEntry(const EventTally& tally, const ReportFilter& filter, TallyList list,
                  const Sink& sink) {
  for (const Outcome outcome : {Outcome::kUnset, Outcome::kFailed, Outcome::kSucceeded}) {
    if (!filter.Wants(outcome)) continue;
    for (const Entry& entry : tally.list(outcome, list).entries()) sink(outcome, entry);
  }
}

// Puts values that look the same together.
class Rows {
 public:
  void Add(std::string_view shown, const Entry& entry, int64_t number) {
    const auto [found, is_new] = numbers_.try_emplace(std::string(shown), rows_.size());
    if (is_new) rows_.push_back({.row = {.value = std::string(shown)}, .number = number});
    Count(entry, &rows_[found->second]);
  }

  // A user apart from texts that look the same.
  void AddUnnamedUser(std::string_view shown, const Entry& entry, uint32_t user) {
    const auto [found, is_new] = users_.try_emplace(user, rows_.size());
    if (is_new) {
      rows_.push_back({.row = {.value = std::string(shown), .unnamed_user = user}, .number = 0});
    }
    Count(entry, &rows_[found->second]);
  }

  // Numbers the rows by their first events.
  void Place() {
    std::vector<Row*> by_first;
    for (Row& row : rows_) by_first.push_back(&row);
    std::ranges::sort(by_first, {}, &Row::first);
    for (size_t i = 0; i < by_first.size(); ++i) by_first[i]->row.place = i;
  }

  // `by_number`: of equal totals, the lower number comes first, not the earlier value.
  std::vector<SummaryRow> Take(bool by_number) {
    std::ranges::sort(rows_, [by_number](const Row& a, const Row& b) {
      if (a.row.total != b.row.total) return a.row.total > b.row.total;
      if (by_number && a.number != b.number) return a.number < b.number;
      return a.first < b.first;
    });
    std::vector<SummaryRow> taken;
    taken.reserve(rows_.size());
    for (Row& row : rows_) taken.push_back(std::move(row.row));
    return taken;
  }

 private:
  struct Row {
    SummaryRow row;
    int64_t number;
    OrderKey first = {};  // Of the first event that counts.
  };

  static void Count(const Entry& entry, Row* row) {
    row->first = row->row.total == 0 ? entry.first : std::min(row->first, entry.first);
    row->row.total += entry.count;
  }

  absl::flat_hash_map<std::string, size_t> numbers_;
  absl::flat_hash_map<uint32_t, size_t> users_;  // Of those who are apart.
  std::vector<Row> rows_;
};

void AddUser(std::string_view value, const Entry& entry, ReportNames& names, bool unnamed_apart,
             Rows* rows) {
  if (value.starts_with('=')) return rows->Add(value.substr(1), entry, 0);
  const auto number = base::ParseNumber<int32_t>(TakeWord(&value));
  constexpr int32_t kUntold = -2;
  const bool is_told = number && *number != kUntold;
  const auto uid = is_told ? std::optional(static_cast<uint32_t>(*number)) : std::nullopt;
  const FactText name = TextOrAbsent(value);
  const auto unnamed = unnamed_apart ? names.UnnamedUser(uid, name) : std::nullopt;
  if (unnamed) {
    rows->AddUnnamedUser(names.User(uid, name), entry, *unnamed);
  } else {
    rows->Add(names.User(uid, name), entry, 0);
  }
}

std::string_view ShownSyscall(std::string_view value, ReportNames& names) {
  const std::string_view arch = TakeWord(&value);
  const std::string_view number = TakeWord(&value);
  return names.Syscall(arch == "-" ? FactText() : FactText{.text = arch}, {.text = number},
                       TextOrAbsent(value));
}

// Adds how many of its lists' classes an event counts for.
void CountClasses(Outcome outcome, uint64_t events, uint32_t classes, OverallCounts* counts) {
  const auto add = [&](OverallCount count, uint64_t times) {
    (*counts)[static_cast<size_t>(count)] += times * events;
  };
  const auto one_each = [&](uint32_t mask) {
    return static_cast<uint64_t>(std::popcount(classes & mask));
  };
  add(OverallCount::kEvents, 1);
  add(OverallCount::kConfigChanges, one_each(kConfigClasses));
  add(OverallCount::kAccountChanges, one_each(kAccountClasses));
  add(OverallCount::kCryptoEvents, one_each(kCryptoClasses));
  add(OverallCount::kMacEvents, one_each(kMacClasses));
  add(OverallCount::kAnomalies, one_each(kAnomalyClasses));
  add(OverallCount::kAvcs, (classes & kAvcClasses) != 0);
  add(OverallCount::kVirtEvents, one_each(kIsVirtualization));
  add(OverallCount::kIntegrityEvents, one_each(kIsIntegrity));
  add(OverallCount::kResponses, one_each(kIsResponse));
  if (outcome == Outcome::kUnset) return;
  const bool failed = outcome == Outcome::kFailed;
  if ((classes & kIsLogin) != 0) {
    add(failed ? OverallCount::kFailedLogins : OverallCount::kLogins, 1);
  }
  // Of the management of users, only what was refused is an authentication.
  const bool manages_users =
      (classes & (kIsAuthentication | kIsUserManagement)) == kIsUserManagement;
  const bool authenticates = (classes & (kIsAuthentication | kIsGroupAuthentication)) != 0;
  if (manages_users ? failed : authenticates) {
    add(failed ? OverallCount::kFailedAuthentications : OverallCount::kAuthentications, 1);
  }
}

uint64_t CountDistinct(const EventTally& tally, const ReportFilter& filter, TallyList list) {
  absl::flat_hash_set<std::string_view> values;
  ForEachEntry(tally, filter, list, [&](Outcome, const Entry& entry) {
    // A user is a number here, whatever the host calls it.
    values.insert(list == TallyList::kUsers ? entry.value.substr(0, entry.value.find(' '))
                                            : entry.value);
  });
  return values.size();
}

struct OverallRow {
  std::string_view label;
  std::string_view name;
};

// In the order of OverallCount.
constexpr std::array<OverallRow, kOverallCounts> kOverallRows = {{
    {"changes in configuration", "config_changes"},
    {"changes to accounts, groups, or roles", "account_changes"},
    {"logins", "logins"},
    {"failed logins", "failed_logins"},
    {"authentications", "authentications"},
    {"failed authentications", "failed_authentications"},
    {"users", "users"},
    {"terminals", "terminals"},
    {"host names", "remote_hosts"},
    {"executables", "executables"},
    {"commands", "commands"},
    {"files", "files"},
    {"AVC's", "avcs"},
    {"MAC events", "mac_events"},
    {"failed syscalls", "failed_syscalls"},
    {"anomaly events", "anomalies"},
    {"responses to anomaly events", "responses"},
    {"crypto events", "crypto_events"},
    {"integrity events", "integrity_events"},
    {"virt events", "virt_events"},
    {"keys", "keys"},
    {"process IDs", "pids"},
    {"events", "events"},
}};

}  // namespace

std::vector<SummaryRow> SummarizeList(ReportKind kind, const EventTally& tally,
                                      const ReportFilter& filter, ReportNames& names,
                                      bool unnamed_users_apart) {
  const ReportDefinition& definition = DefinitionOf(kind);
  Rows rows;
  ForEachEntry(tally, filter, definition.list, [&](Outcome, const Entry& entry) {
    switch (definition.value_kind) {
      case ValueKind::kText:
      case ValueKind::kEscapedText:
        rows.Add(entry.value, entry, 0);
        break;
      case ValueKind::kNumber: {
        const auto number = base::ParseNumber<uint32_t>(entry.value).value_or(0);
        rows.Add(entry.value, entry, static_cast<int32_t>(number));
        break;
      }
      case ValueKind::kType: {
        const auto [classes, type] = ReadTypeValue(entry.value);
        const uint32_t wanted = definition.summary_classes;
        if (wanted != 0 && (classes & wanted) == 0) break;
        const std::optional<uint32_t> number = audit::RecordTypeNumber(type);
        rows.Add(names.Type(type, number), entry, number.value_or(UINT32_MAX));
        break;
      }
      case ValueKind::kUser:
        AddUser(entry.value, entry, names, unnamed_users_apart, &rows);
        break;
      case ValueKind::kSyscall:
        rows.Add(ShownSyscall(entry.value, names), entry, 0);
        break;
    }
  });
  if (unnamed_users_apart && definition.value_kind == ValueKind::kUser) rows.Place();
  const bool by_number =
      definition.value_kind == ValueKind::kNumber || definition.value_kind == ValueKind::kType;
  std::vector<SummaryRow> taken = rows.Take(by_number);
  const bool is_number = definition.value_kind == ValueKind::kNumber ||
                         (definition.value_kind == ValueKind::kSyscall && !names.interprets());
  for (SummaryRow& row : taken) row.is_number = is_number;
  return taken;
}

OverallCounts SummarizeAll(const EventTally& tally, const ReportFilter& filter) {
  OverallCounts counts{};
  const auto count = [&](OverallCount of) -> uint64_t& { return counts[static_cast<size_t>(of)]; };
  ForEachEntry(tally, filter, TallyList::kTypes, [&](Outcome outcome, const Entry& entry) {
    CountClasses(outcome, entry.count, ReadTypeValue(entry.value).classes, &counts);
  });
  ForEachEntry(tally, filter, TallyList::kSyscalls, [&](Outcome outcome, const Entry& entry) {
    if (outcome == Outcome::kFailed) count(OverallCount::kFailedSyscalls) += entry.count;
  });
  const auto distinct = [&](TallyList list) { return CountDistinct(tally, filter, list); };
  count(OverallCount::kUsers) = distinct(TallyList::kUsers);
  count(OverallCount::kTerminals) = distinct(TallyList::kTerminals);
  count(OverallCount::kHosts) = distinct(TallyList::kHosts);
  count(OverallCount::kExes) = distinct(TallyList::kExes);
  count(OverallCount::kComms) = distinct(TallyList::kComms);
  count(OverallCount::kFiles) = distinct(TallyList::kFiles);
  count(OverallCount::kKeys) = distinct(TallyList::kKeys);
  count(OverallCount::kPids) = distinct(TallyList::kPids);
  return counts;
}

std::string_view OverallLabel(OverallCount count) {
  return kOverallRows[static_cast<size_t>(count)].label;
}

std::string_view OverallName(OverallCount count) {
  return kOverallRows[static_cast<size_t>(count)].name;
}

TallyLists ListsOfSummary(ReportKind kind) {
  if (kind != ReportKind::kOverall) return SetOf(DefinitionOf(kind).list);
  return kAllTallyLists & ~(SetOf(TallyList::kAvcObjects) | SetOf(TallyList::kAuthUsers) |
                            SetOf(TallyList::kLoginUsers));
}

}  // namespace query
