#include "storage/retention_run.h"

#include <algorithm>
#include <optional>
#include <queue>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"

#include "storage/hold_list.h"

namespace storage {

namespace {

// Days that are deleted in one write. Few enough that neither an append nor a merge waits for long.
constexpr size_t kDaysAtOnce = 256;

absl::Status Cancelled() { return absl::CancelledError("retention: cancelled"); }

// What is deleted by one write, told in runs of days.
class Deletions {
 public:
  void Add(const std::string& rule, const Identity& host, Day day, const DayContents& contents) {
    if (deletions_.empty() || deletions_.back().rule != rule || deletions_.back().host != host) {
      deletions_.push_back({.rule = rule, .host = host, .first_day = day});
    }
    Deletion& deletion = deletions_.back();
    deletion.last_day = day;
    deletion.events += contents.events;
    deletion.records += contents.records;
    deletion.bytes += contents.bytes;
  }

  // What comes next is not of the same run.
  void Break() { deletions_.emplace_back(); }

  void Tell(const std::function<void(const Deletion&)>& deleted) const {
    for (const Deletion& deletion : deletions_) {
      if (!deletion.rule.empty() && deleted) deleted(deletion);
    }
  }

 private:
  std::vector<Deletion> deletions_;
};

// What the columns of all blocks take, at most.
uint64_t ColumnsBytesMax(const Rocks& rocks) {
  uint64_t in_memory = 0;
  rocks.db->GetIntProperty(rocks.columns, rocksdb::DB::Properties::kSizeAllMemTables, &in_memory);
  return TableBytes(rocks, rocks.columns) + in_memory;
}

}  // namespace

DueDays::DueDays(const RetentionScope& scope, const RetentionPolicy& policy)
    : scope_(scope), policy_(policy) {
  rules_.reserve(scope.hosts.size());
  for (const Identity& host : scope.hosts) rules_.emplace_back(policy, host);
}

absl::Status DueDays::ForEach(const std::function<absl::Status(const DueDay&)>& sink) {
  const absl::Status found = FindWithoutRoom();
  if (!found.ok()) return found;
  HostDayScan scan(scope_.rocks, scope_.options);
  for (HostId host = 0; host < rules_.size(); ++host) {
    if (scope_.stop.stop_requested()) return Cancelled();
    const std::optional<Day> due_until = rules_[host].DueUntil(scope_.today);
    if (!due_until && no_room_.empty()) continue;
    for (Day from = 0;;) {
      const absl::StatusOr<std::optional<Day>> day = scan.FirstFrom(host, from);
      if (!day.ok()) return day.status();
      if (!*day) break;
      const bool no_room = no_room_.contains({host, **day});
      // A day that is ahead of our clock has the age of its receipt.
      const bool has_aged = due_until && (**day <= *due_until || **day > scope_.today);
      if (no_room || has_aged) {
        const absl::Status done = sink({.of = {.host = host, .day = **day}, .no_room = no_room});
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
  HostDayScan scan(scope_.rocks, scope_.options);
  for (HostId host = 0; host < rules_.size(); ++host) {
    if (scope_.stop.stop_requested()) return Cancelled();
    if (rules_[host].rest() != &rule) continue;
    for (Day from = 0;;) {
      const absl::StatusOr<std::optional<Day>> day = scan.FirstFrom(host, from);
      if (!day.ok()) return day.status();
      if (!*day) break;
      const HostDay of{.host = host, .day = **day};
      const absl::StatusOr<DayContents> contents = ReadDay(scope_.rocks, scope_.options, of);
      if (!contents.ok()) return contents.status();
      const bool is_held = FindHold(holds, scope_.hosts[host], of.day) != nullptr;
      const DayVerdict by_age = rules_[host].Judge(of.day, contents->received, scope_.today, false);
      const bool goes = by_age.kind == DayVerdict::Kind::kWhole && !is_held;
      if (!goes) bytes += contents->bytes;
      const bool is_due = AgeDay(of.day, contents->received, scope_.today) < scope_.today;
      if (!goes && is_due) days.push_back({.of = of, .bytes = contents->bytes, .stays = is_held});
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

absl::StatusOr<std::vector<RuleEffect>> PreviewRetentionOf(const RetentionScope& scope,
                                                           const RetentionPolicy& policy) {
  const absl::StatusOr<std::vector<Hold>> holds = LoadHolds(scope.rocks, scope.options);
  if (!holds.ok()) return holds.status();
  std::vector<RuleEffect> effects;
  for (const RetentionRule& rule : policy.rules) effects.push_back({.rule = rule.name});
  std::vector<std::optional<HostId>> last_host(effects.size());
  DueDays due(scope, policy);
  const absl::Status looked = due.ForEach([&](const DueDay& day) -> absl::Status {
    const absl::StatusOr<DayContents> contents = ReadDay(scope.rocks, scope.options, day.of);
    if (!contents.ok()) return contents.status();
    const HostRules& rules = due.rules(day.of.host);
    const DayVerdict verdict =
        rules.Judge(day.of.day, contents->received, scope.today, day.no_room);
    if (verdict.kind != DayVerdict::Kind::kWhole) return absl::OkStatus();
    const auto number = static_cast<size_t>(rules.rules()[verdict.rule] - policy.rules.data());
    RuleEffect& effect = effects[number];
    if (FindHold(*holds, scope.hosts[day.of.host], day.of.day) != nullptr) {
      ++effect.held_host_days;
      effect.held_events += contents->events;
      effect.held_bytes += contents->bytes;
      return absl::OkStatus();
    }
    if (std::exchange(last_host[number], day.of.host) != day.of.host) ++effect.hosts;
    ++effect.host_days;
    effect.events += contents->events;
    effect.records += contents->records;
    effect.bytes += contents->bytes;
    return absl::OkStatus();
  });
  if (!looked.ok()) return looked;
  return effects;
}

absl::Status RetentionDeleter::Apply(const RetentionPolicy& policy) {
  DueDays due(scope_, policy);
  std::vector<DueDay> days;
  absl::Status dropped = due.ForEach([&](const DueDay& day) {
    days.push_back(day);
    if (days.size() < kDaysAtOnce) return absl::OkStatus();
    return DropDue(due, std::exchange(days, {}));
  });
  if (dropped.ok()) dropped = DropDue(due, days);
  return dropped;
}

absl::Status RetentionDeleter::DropDue(const DueDays& due, std::span<const DueDay> days) {
  if (days.empty()) return absl::OkStatus();
  Deletions deletions;
  {
    const std::lock_guard lock(blocks_mutex_);
    const absl::StatusOr<std::vector<Hold>> holds = LoadHolds(scope_.rocks, {});
    if (!holds.ok()) return holds.status();
    std::vector<HostDay> of;
    for (const DueDay& day : days) of.push_back(day.of);
    const absl::StatusOr<std::vector<uint32_t>> limits = NumberLimits(of);
    if (!limits.ok()) return limits.status();
    rocksdb::WriteBatch write;
    for (size_t i = 0; i < of.size(); ++i) {
      const absl::StatusOr<DayContents> contents = ReadDay(scope_.rocks, {}, of[i], (*limits)[i]);
      if (!contents.ok()) return contents.status();
      const Identity& host = scope_.hosts[of[i].host];
      const HostRules& rules = due.rules(of[i].host);
      const DayVerdict verdict =
          rules.Judge(of[i].day, contents->received, scope_.today, days[i].no_room);
      if (contents->blocks == 0 || verdict.kind != DayVerdict::Kind::kWhole ||
          FindHold(*holds, host, of[i].day) != nullptr) {
        deletions.Break();
        continue;
      }
      PutDayDrop(scope_.rocks, of[i], (*limits)[i], &write);
      deletions.Add(rules.rules()[verdict.rule]->name, host, of[i].day, *contents);
    }
    const absl::Status written = Write(&write);
    if (!written.ok()) return written;
  }
  deletions.Tell(deleted_);
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> RetentionDeleter::DropOldest(uint64_t bytes) {
  HostDayScan scan(scope_.rocks, scope_.options);
  std::priority_queue<std::pair<Day, HostId>, std::vector<std::pair<Day, HostId>>, std::greater<>>
      oldest;
  const auto push = [&](HostId host, Day from) -> absl::Status {
    const absl::StatusOr<std::optional<Day>> day = scan.FirstFrom(host, from);
    if (day.ok() && *day) oldest.emplace(**day, host);
    return day.status();
  };
  for (HostId host = 0; host < scope_.hosts.size(); ++host) {
    const absl::Status pushed = push(host, 0);
    if (!pushed.ok()) return pushed;
  }
  uint64_t dropped = 0;
  while (dropped < bytes && !oldest.empty()) {
    if (scope_.stop.stop_requested()) return Cancelled();
    std::vector<HostDay> days;
    while (days.size() < kDaysAtOnce && !oldest.empty()) {
      const auto [day, host] = oldest.top();
      oldest.pop();
      days.push_back({.host = host, .day = day});
      if (day == std::numeric_limits<Day>::max()) continue;
      const absl::Status pushed = push(host, day + 1);
      if (!pushed.ok()) return pushed;
    }
    const absl::StatusOr<uint64_t> some = DropUntil(days, bytes - dropped);
    if (!some.ok()) return some;
    dropped += *some;
  }
  return dropped;
}

// Drops days in this order until they make `bytes`. Returns how many they were.
absl::StatusOr<uint64_t> RetentionDeleter::DropUntil(std::span<const HostDay> days,
                                                     uint64_t bytes) {
  Deletions deletions;
  uint64_t dropped = 0;
  {
    const std::lock_guard lock(blocks_mutex_);
    const absl::StatusOr<std::vector<Hold>> holds = LoadHolds(scope_.rocks, {});
    if (!holds.ok()) return holds.status();
    const absl::StatusOr<std::vector<uint32_t>> limits = NumberLimits(days);
    if (!limits.ok()) return limits.status();
    rocksdb::WriteBatch write;
    for (size_t i = 0; i < days.size() && dropped < bytes; ++i) {
      const Identity& host = scope_.hosts[days[i].host];
      if (FindHold(*holds, host, days[i].day) != nullptr) continue;
      const absl::StatusOr<DayContents> contents = ReadDay(scope_.rocks, {}, days[i], (*limits)[i]);
      if (!contents.ok()) return contents.status();
      const bool is_over = AgeDay(days[i].day, contents->received, scope_.today) < scope_.today;
      if (contents->blocks == 0 || !is_over) continue;
      PutDayDrop(scope_.rocks, days[i], (*limits)[i], &write);
      deletions.Add(std::string(kDiskFullRule), host, days[i].day, *contents);
      dropped += contents->bytes;
    }
    const absl::Status written = Write(&write);
    if (!written.ok()) return written;
  }
  deletions.Tell(deleted_);
  return dropped;
}

absl::Status RetentionDeleter::Drop(const HostDay& of) {
  const std::lock_guard lock(blocks_mutex_);
  const absl::StatusOr<std::vector<Hold>> holds = LoadHolds(scope_.rocks, {});
  if (!holds.ok()) return holds.status();
  const Hold* const hold = FindHold(*holds, scope_.hosts[of.host], of.day);
  if (hold != nullptr) {
    return absl::FailedPreconditionError(absl::StrFormat("store: hold %d keeps the day", hold->id));
  }
  const absl::StatusOr<std::vector<uint32_t>> limits = NumberLimits({&of, 1});
  if (!limits.ok()) return limits.status();
  const absl::StatusOr<DayContents> contents = ReadDay(scope_.rocks, {}, of, limits->front());
  if (!contents.ok()) return contents.status();
  if (contents->blocks == 0) return absl::OkStatus();
  rocksdb::WriteBatch write;
  PutDayDrop(scope_.rocks, of, limits->front(), &write);
  return Write(&write);
}

// Of each day, the number of which all blocks below it are written.
absl::StatusOr<std::vector<uint32_t>> RetentionDeleter::NumberLimits(
    std::span<const HostDay> days) {
  const BlockNumbers::Settled settled = numbers_.WaitForWriters();
  std::vector<uint32_t> limits;
  for (const HostDay& of : days) {
    const absl::StatusOr<uint32_t> limit = numbers_.Peek(scope_.rocks, of.host, of.day);
    if (!limit.ok()) return limit.status();
    limits.push_back(*limit);
  }
  return limits;
}

// Synced: what is deleted is taken out of the files soon, and must not come back without them.
absl::Status RetentionDeleter::Write(rocksdb::WriteBatch* write) {
  if (write->Count() == 0) return absl::OkStatus();
  rocksdb::WriteOptions durable;
  durable.sync = true;
  return FromRocks(scope_.rocks.db->Write(durable, write), "delete days");
}

}  // namespace storage
