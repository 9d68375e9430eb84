#include "client-plugin/rules/rule_set.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace client_plugin {

namespace {

using Change = RuleLine::Change;

bool IsKept(RuleSetting::Kind kind) {
  switch (kind) {
    case RuleSetting::Kind::kEnabled:
    case RuleSetting::Kind::kFailure:
    case RuleSetting::Kind::kRateLimit:
    case RuleSetting::Kind::kBacklogLimit:
    case RuleSetting::Kind::kBacklogWaitTime:
    case RuleSetting::Kind::kLoginuidImmutable:
      return true;
    default:
      return false;
  }
}

// As the kernel keeps it: it takes the topmost bits, which are classes of syscalls, out of the
// mask.
AuditRule AsKept(AuditRule rule) {
  constexpr uint32_t kClassBits = 0xffff0000;
  rule.syscalls.back() &= ~kClassBits;
  return rule;
}

}  // namespace

std::string RefusedRule::Message() const { return absl::StrCat(where, ": ", why); }

absl::Status RuleSet::Apply(const RuleLine& line) {
  for (const RuleSetting& setting : line.settings) {
    if (!IsKept(setting.kind)) continue;
    settings_[setting.kind] =
        setting.kind == RuleSetting::Kind::kLoginuidImmutable ? 1 : setting.value;
  }
  if (line.change == Change::kNone) return absl::OkStatus();
  if (line.change == Change::kDeleteAll) {
    for (auto& [list, rules] : lists_) {
      std::erase_if(rules, [&line](const AuditRule& rule) {
        return line.key.empty() || rule.HasKey(line.key);
      });
    }
    return absl::OkStatus();
  }
  AuditRule rule = AsKept(line.rule);
  std::vector<AuditRule>& rules = lists_[rule.list];
  const auto found = std::ranges::find(rules, rule);
  if (line.change == Change::kDelete) {
    if (found == rules.end()) return absl::NotFoundError("there is no such rule to delete");
    rules.erase(found);
    return absl::OkStatus();
  }
  if (found != rules.end()) return absl::AlreadyExistsError("the rule is there already");
  rules.insert(line.change == Change::kPrepend ? rules.begin() : rules.end(), std::move(rule));
  return absl::OkStatus();
}

std::vector<AuditRule> RuleSet::Rules() const {
  std::vector<AuditRule> all;
  for (const auto& [list, rules] : lists_) std::ranges::copy(rules, std::back_inserter(all));
  return all;
}

ExpectedRules Expect(const std::vector<RuleSource>& lines) {
  ExpectedRules expected;
  bool goes_on = false;
  for (const RuleSource& source : lines) {
    const absl::StatusOr<RuleLine> line = ParseRuleLine(source.text);
    absl::Status status = line.status();
    if (line.ok()) {
      for (const std::string& warning : line->warnings) {
        expected.warnings.push_back({.where = source.where(), .text = source.text, .why = warning});
      }
      if (line->on_error != RuleLine::OnError::kUnchanged) goes_on = true;
      if (!expected.is_cut_off) status = expected.rules.Apply(*line);
    }
    if (status.ok()) continue;
    expected.refused.push_back(
        {.where = source.where(), .text = source.text, .why = std::string(status.message())});
    if (!goes_on) expected.is_cut_off = true;
  }
  return expected;
}

}  // namespace client_plugin
