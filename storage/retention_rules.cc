#include "storage/retention_rules.h"

#include <algorithm>

#include "storage/host_pattern.h"

namespace storage {

Day AgeDay(Day day, Day received, Day today) {
  return day > today ? received : std::max(day, received);
}

HostRules::HostRules(const RetentionPolicy& policy, const Identity& host) {
  for (const RetentionRule& rule : policy.rules) {
    if (!MatchesOneOf(rule.host_patterns, host.name)) continue;
    rules_.push_back(&rule);
    if (rule.takes_whole_hosts()) break;
  }
}

const RetentionRule* HostRules::rest() const {
  return !rules_.empty() && rules_.back()->takes_whole_hosts() ? rules_.back() : nullptr;
}

std::optional<Day> HostRules::DueUntil(Day today) const {
  std::optional<Day> due;
  for (const RetentionRule* rule : rules_) {
    if (!rule->days_max || *rule->days_max >= today) continue;
    due = std::max(due.value_or(0), today - *rule->days_max - 1);
  }
  return due;
}

DayVerdict HostRules::Judge(Day day, Day received, Day today, bool no_room) const {
  const uint64_t age_day = AgeDay(day, received, today);
  DayVerdict verdict;
  size_t expired = 0;
  for (const RetentionRule* rule : rules_) {
    const bool has_expired = (rule->days_max && age_day + *rule->days_max < today) ||
                             (no_room && rule == rest() && age_day < today);
    if (has_expired) ++expired;
  }
  if (expired == 0) return verdict;
  const bool is_whole = expired == rules_.size() && rest() != nullptr;
  verdict.kind = is_whole ? DayVerdict::Kind::kWhole : DayVerdict::Kind::kPart;
  verdict.rule = rules_.size() - 1;
  return verdict;
}

}  // namespace storage
