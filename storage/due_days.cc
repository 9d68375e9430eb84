#include "storage/due_days.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "storage/hold_list.h"
#include "storage/trim_mark.h"

namespace storage {

namespace {

// What the columns of all blocks take, at most.
uint64_t ColumnsBytesMax(const Rocks& rocks) {
  uint64_t in_memory = 0;
  rocks.db->GetIntProperty(rocks.columns, rocksdb::DB::Properties::kSizeAllMemTables, &in_memory);
  return TableBytes(rocks, rocks.columns) + in_memory;
}

}  // namespace

DueDays::DueDays(const RetentionScope& scope, const RetentionPolicy& policy)
    : scope_(scope), policy_(policy), scan_(scope.rocks, scope.options) {
  rules_.reserve(scope.hosts.size());
  for (const Identity& host : scope.hosts) rules_.emplace_back(policy, host);
}

absl::Status RetentionCancelled() { return absl::CancelledError("retention: cancelled"); }

absl::Status DueDays::ForEach(const std::function<absl::Status(const DueDay&)>& sink) {
  const absl::Status found = FindWithoutRoom();
  if (!found.ok()) return found;
  for (HostId host = 0; host < rules_.size(); ++host) {
    if (scope_.stop.stop_requested()) return RetentionCancelled();
    const std::optional<Day> due_until = rules_[host].DueUntil(scope_.today);
    if (!due_until && no_room_.empty()) continue;
    for (Day from = 0;;) {
      const absl::StatusOr<std::optional<Day>> day = scan_.FirstFrom(host, from);
      if (!day.ok()) return day.status();
      if (!*day) break;
      const bool no_room = no_room_.contains({host, **day});
      // A day that is ahead of our clock has the age of its receipt.
      const bool has_aged = due_until && (**day <= *due_until || **day > scope_.today);
      if (no_room || has_aged) {
        const DueDay due{.of = {.host = host, .day = **day}, .no_room = no_room};
        const absl::StatusOr<bool> is_trimmed = IsTrimmed(due);
        if (!is_trimmed.ok()) return is_trimmed.status();
        const absl::Status done = *is_trimmed ? absl::OkStatus() : sink(due);
        if (!done.ok()) return done;
      }
      if (**day == std::numeric_limits<Day>::max()) break;
      from = **day + 1;
      if (no_room_.empty() && from > *due_until) from = std::max(from, scope_.today + 1);
    }
  }
  return absl::OkStatus();
}

absl::Status DueDays::FindWithoutRoom() {
  no_room_.clear();
  const absl::StatusOr<std::vector<Hold>> holds = LoadHolds(scope_.rocks, scope_.options);
  if (!holds.ok()) return holds.status();
  for (const RetentionRule& rule : policy_.rules) {
    // Where all that there is has room, no block has to be counted.
    if (!rule.bytes_max || ColumnsBytesMax(scope_.rocks) <= *rule.bytes_max) continue;
    const absl::Status found = FindWithoutRoom(rule, *holds);
    if (!found.ok()) return found;
  }
  return absl::OkStatus();
}

// The oldest days of the rule's hosts, until what is left has room. Those that are held are among
// them, though nothing is won by that.
absl::Status DueDays::FindWithoutRoom(const RetentionRule& rule, const std::vector<Hold>& holds) {
  struct OfDay {
    HostDay of;
    uint64_t bytes;
    bool stays;  // Whatever it takes, nothing of it can be deleted to make room.
  };
  std::vector<OfDay> days;
  uint64_t bytes = 0;
  for (HostId host = 0; host < rules_.size(); ++host) {
    if (scope_.stop.stop_requested()) return RetentionCancelled();
    if (rules_[host].rest() != &rule) continue;
    for (Day from = 0;;) {
      const absl::StatusOr<std::optional<Day>> day = scan_.FirstFrom(host, from);
      if (!day.ok()) return day.status();
      if (!*day) break;
      const HostDay of{.host = host, .day = **day};
      const absl::StatusOr<DayContents> contents = ReadDay(scope_.rocks, scope_.options, of);
      if (!contents.ok()) return contents.status();
      const bool is_held = FindHold(holds, scope_.hosts[host], of.day) != nullptr;
      const DayVerdict by_age = rules_[host].Judge(of.day, contents->received, scope_.today, false);
      absl::StatusOr<bool> is_trimmed = IsTrimmed({.of = of});
      if (!is_trimmed.ok()) return is_trimmed.status();
      // What goes of a day by its age is not known before it has gone: it counts from then on.
      const bool goes = !is_held && (by_age.kind == DayVerdict::Kind::kWhole ||
                                     (by_age.kind == DayVerdict::Kind::kPart && !*is_trimmed));
      if (!goes) bytes += contents->bytes;
      const bool is_due = AgeDay(of.day, contents->received, scope_.today) < scope_.today;
      is_trimmed = IsTrimmed({.of = of, .no_room = true});
      if (!is_trimmed.ok()) return is_trimmed.status();
      if (!goes && is_due) {
        days.push_back({.of = of, .bytes = contents->bytes, .stays = is_held || *is_trimmed});
      }
      if (of.day == std::numeric_limits<Day>::max()) break;
      from = of.day + 1;
    }
  }
  std::ranges::sort(days, {}, [](const OfDay& one) { return std::pair(one.of.day, one.of.host); });
  for (const OfDay& one : days) {
    if (bytes <= *rule.bytes_max) break;
    no_room_.insert({one.of.host, one.of.day});
    if (!one.stays) bytes -= one.bytes;
  }
  return absl::OkStatus();
}

// By the mark alone: what it was made by is in it.
absl::StatusOr<bool> DueDays::IsTrimmed(const DueDay& day) {
  const HostRules& rules = rules_[day.of.host];
  if (!rules.has_parts()) return false;
  const absl::StatusOr<std::optional<TrimMark>> mark =
      LoadTrimMark(scope_.rocks, scope_.options, day.of);
  if (!mark.ok()) return mark.status();
  if (!*mark || !IsUpToDate(**mark, rules, day.no_room, scope_.today)) return false;
  const absl::StatusOr<std::optional<uint32_t>> last = scan_.LastNumber(day.of);
  if (!last.ok()) return last.status();
  return !*last || **last < (*mark)->number;
}

}  // namespace storage
