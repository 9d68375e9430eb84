#include "storage/retention_rules.h"

#include <algorithm>
#include <fnmatch.h>
#include <string>
#include <string_view>
#include <xxhash.h>

#include "storage/block_terms.h"
#include "storage/coding.h"

namespace storage {

namespace {

bool Matches(const std::vector<std::string>& patterns, const std::string& name) {
  return patterns.empty() || std::ranges::any_of(patterns, [&](const std::string& pattern) {
           return fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
         });
}

// For each event, whether one of its values of a field is one of the words. All are, of no words.
absl::StatusOr<std::vector<bool>> WithOneOf(BlockReader& block, query::TermField field,
                                            const std::vector<std::string>& words) {
  std::vector<bool> has(block.event_count(), words.empty());
  if (words.empty()) return has;
  std::vector<int> known;  // By number of the value: 0 not asked yet, 1 is none, 2 is one.
  const absl::Status read =
      ForEachTermOf(block, field, [&](uint32_t event, uint32_t number, std::string_view value) {
        if (known.size() <= number) known.resize(number + 1);
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
    if (!Matches(rule.host_patterns, host.name)) continue;
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
  DayVerdict verdict{.expired = std::vector<bool>(rules_.size())};
  size_t expired = 0;
  for (size_t i = 0; i < rules_.size(); ++i) {
    const RetentionRule& rule = *rules_[i];
    verdict.expired[i] = (rule.days_max && age_day + *rule.days_max < today) ||
                         (no_room && &rule == rest() && age_day < today);
    if (verdict.expired[i]) ++expired;
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

uint64_t HostRules::Digest(const std::vector<bool>& expired) const {
  std::string bytes;
  for (size_t i = 0; i < rules_.size(); ++i) {
    for (const std::vector<std::string>* words : {&rules_[i]->keys, &rules_[i]->types}) {
      PutVarint(&bytes, words->size());
      for (const std::string& word : *words) PutBytes(&bytes, word);
    }
    bytes.push_back(expired[i] ? 1 : 0);
  }
  return XXH3_64bits(bytes.data(), bytes.size());
}

}  // namespace storage
