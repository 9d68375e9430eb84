#include "storage/retention_rules.h"

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>
#include <xxhash.h>

#include "storage/block_terms.h"
#include "storage/host_pattern.h"

namespace storage {

namespace {

// For each event, whether one of its values of a field is one of the words. All are, of no words.
absl::StatusOr<std::vector<bool>> WithOneOf(BlockReader& block, query::TermField field,
                                            const std::vector<std::string>& words) {
  std::vector<bool> has(block.event_count(), words.empty());
  if (words.empty()) return has;
  std::vector<int> known;  // By number of the value: 0 not asked yet, 1 is none, 2 is one.
  const absl::Status read =
      ForEachTermOf(block, field, [&](uint32_t event, uint32_t number, std::string_view value) {
        if (known.size() <= number) known.resize(size_t{number} + 1);
        if (known[number] == 0) known[number] = std::ranges::count(words, value) > 0 ? 2 : 1;
        if (known[number] == 2) has[event] = true;
      });
  if (!read.ok()) return read;
  return has;
}

}  // namespace

Day AgeDay(Day day, Day received, Day today) {
  return day > today ? received : std::max(day, received);
}

HostRules::HostRules(const RetentionPolicy& policy, const Identity& host) {
  for (const RetentionRule& rule : policy.rules) {
    if (!MatchesOneOf(rule.host_patterns, host.name)) continue;
    rules_.push_back(&rule);
    if (rule.takes_whole_hosts()) break;
  }
  if (!has_parts()) return;
  std::string text;
  for (const RetentionRule* rule : rules_) text += ToText(*rule) + "\n";
  digest_ = XXH3_64bits_withSeed(text.data(), text.size(), 0);
  digest_no_room_ = XXH3_64bits_withSeed(text.data(), text.size(), 1);
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
  DayVerdict verdict{.until = std::numeric_limits<Day>::max()};
  size_t expired = 0;
  for (const RetentionRule* rule : rules_) {
    const bool has_expired = (rule->days_max && age_day + *rule->days_max < today) ||
                             (no_room && rule == rest() && age_day < today);
    verdict.expired.push_back(has_expired);
    if (has_expired) {
      ++expired;
    } else if (rule->days_max) {
      const uint64_t expires = age_day + *rule->days_max + 1;
      verdict.until = static_cast<Day>(std::min<uint64_t>(verdict.until, expires));
    }
  }
  if (expired == 0) return verdict;
  const bool is_whole = expired == rules_.size() && rest() != nullptr;
  verdict.kind = is_whole ? DayVerdict::Kind::kWhole : DayVerdict::Kind::kPart;
  verdict.rule = rules_.size() - 1;
  return verdict;
}

absl::StatusOr<std::vector<uint16_t>> HostRules::Decide(BlockReader& block) const {
  std::vector<uint16_t> decides(block.event_count(), static_cast<uint16_t>(rules_.size()));
  for (size_t i = 0; i < rules_.size(); ++i) {
    const RetentionRule& rule = *rules_[i];
    const auto with_key = WithOneOf(block, query::TermField::kKey, rule.keys);
    if (!with_key.ok()) return with_key.status();
    const auto with_type = WithOneOf(block, query::TermField::kType, rule.types);
    if (!with_type.ok()) return with_type.status();
    for (uint32_t event = 0; event < decides.size(); ++event) {
      if (decides[event] < rules_.size() || !(*with_key)[event] || !(*with_type)[event]) continue;
      decides[event] = static_cast<uint16_t>(i);
    }
  }
  return decides;
}

}  // namespace storage
