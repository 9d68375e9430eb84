#include "storage/retention_run.h"

#include <limits>
#include <optional>
#include <queue>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"

#include "storage/day_trimmer.h"
#include "storage/deletions.h"
#include "storage/hold_list.h"

namespace storage {

namespace {

// Days that are deleted in one write. Few enough that neither an append nor a merge waits for long.
constexpr size_t kDaysAtOnce = 256;

}  // namespace

absl::Status RetentionDeleter::Apply(const RetentionPolicy& policy) {
  DueDays due(scope_, policy);
  DayTrimmer trimmer(scope_, blocks_, deleted_);
  std::vector<DueDay> days;
  const auto drop_or_trim = [&](const std::vector<DueDay>& some) -> absl::Status {
    const absl::StatusOr<std::vector<DueDay>> parts = DropDue(due, some);
    if (!parts.ok()) return parts.status();
    for (const DueDay& day : *parts) {
      const absl::Status trimmed = trimmer.Trim(day, due.rules(day.of.host));
      if (!trimmed.ok()) return trimmed;
    }
    return absl::OkStatus();
  };
  absl::Status applied = due.ForEach([&](const DueDay& day) {
    days.push_back(day);
    if (days.size() < kDaysAtOnce) return absl::OkStatus();
    return drop_or_trim(std::exchange(days, {}));
  });
  if (applied.ok()) applied = drop_or_trim(days);
  applied.Update(trimmer.Tell());
  return applied;
}

// Deletes those of the days that go whole. Returns those of which a part goes.
absl::StatusOr<std::vector<DueDay>> RetentionDeleter::DropDue(const DueDays& due,
                                                              std::span<const DueDay> days) {
  std::vector<DueDay> parts;
  if (days.empty()) return parts;
  Deletions deletions;
  {
    const std::lock_guard lock(blocks_.mutex);
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
      const bool is_held = FindHold(*holds, host, of[i].day) != nullptr;
      if (contents->blocks == 0 || verdict.kind != DayVerdict::Kind::kWhole || is_held) {
        if (verdict.kind == DayVerdict::Kind::kPart && !is_held) parts.push_back(days[i]);
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
  return parts;
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
    if (scope_.stop.stop_requested()) return RetentionCancelled();
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
    const std::lock_guard lock(blocks_.mutex);
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
      deletions.Add(std::string(kRotateRule), host, days[i].day, *contents);
      dropped += contents->bytes;
    }
    const absl::Status written = Write(&write);
    if (!written.ok()) return written;
  }
  deletions.Tell(deleted_);
  return dropped;
}

absl::Status RetentionDeleter::Drop(const HostDay& of) {
  const std::lock_guard lock(blocks_.mutex);
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
  const BlockNumbers::Settled settled = blocks_.numbers.WaitForWriters();
  std::vector<uint32_t> limits;
  for (const HostDay& of : days) {
    const absl::StatusOr<uint32_t> limit = blocks_.numbers.Peek(scope_.rocks, of.host, of.day);
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
