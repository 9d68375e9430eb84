#include "client-plugin/rules/rule_drift.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <libaudit.h>
#include <memory>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "client-plugin/rules/rule_text.h"

namespace client_plugin {

namespace {

using Kind = RuleSetting::Kind;

std::vector<std::string> Texts(const std::vector<AuditRule>& rules) {
  std::vector<std::string> texts;
  for (const AuditRule& rule : rules) texts.push_back(RuleText(rule));
  return texts;
}

// What is in `left` and not in `right`, as often as it is there more.
std::vector<std::string> Without(std::vector<std::string> left, std::vector<std::string> right) {
  std::ranges::sort(left);
  std::ranges::sort(right);
  std::vector<std::string> difference;
  std::ranges::set_difference(left, right, std::back_inserter(difference));
  return difference;
}

struct SettingName {
  Kind kind;
  std::string_view name;
};
constexpr auto kSettingNames = std::to_array<SettingName>({
    {Kind::kEnabled, "enabled"},
    {Kind::kFailure, "failure"},
    {Kind::kRateLimit, "rate_limit"},
    {Kind::kBacklogLimit, "backlog_limit"},
    {Kind::kBacklogWaitTime, "backlog_wait_time"},
    {Kind::kLoginuidImmutable, "loginuid_immutable"},
});

uint32_t ValueOf(Kind kind, const KernelAuditState& state) {
  switch (kind) {
    case Kind::kEnabled:
      return state.enabled;
    case Kind::kFailure:
      return state.failure;
    case Kind::kRateLimit:
      return state.rate_limit;
    case Kind::kBacklogLimit:
      return state.backlog_limit;
    case Kind::kBacklogWaitTime:
      return state.backlog_wait_time;
    default:
      return state.is_loginuid_immutable ? 1 : 0;
  }
}

// A field of a record, its value quoted or in hexadecimal digits as audit has it.
std::string EncodedField(const std::string& name, const std::string& value) {
  // What an administrator needs to find the rule again; a record has not much more room.
  constexpr size_t kValueBytesMax = 512;
  const auto bytes = static_cast<unsigned>(std::min(value.size(), kValueBytesMax));
  const std::unique_ptr<char, void (*)(void*)> text(
      audit_encode_nv_string(name.c_str(), value.c_str(), bytes), std::free);
  return text == nullptr ? "" : absl::StrCat(" ", text.get());
}

}  // namespace

bool RuleDrift::empty() const {
  return missing.empty() && unexpected.empty() && settings.empty() && !is_reordered;
}

std::string RuleDrift::RecordText() const {
  std::string text = absl::StrFormat("missing=%d unexpected=%d settings=%d reordered=%s refused=%d",
                                     missing.size(), unexpected.size(), settings.size(),
                                     is_reordered ? "yes" : "no", refused.size());
  if (!missing.empty()) text += EncodedField("first_missing", missing.front());
  if (!unexpected.empty()) text += EncodedField("first_unexpected", unexpected.front());
  if (!settings.empty()) text += EncodedField("first_setting", settings.front());
  if (!refused.empty()) text += EncodedField("first_refused", refused.front().Message());
  return text;
}

RuleDrift CompareRules(const ExpectedRules& expected, const std::vector<AuditRule>& rules,
                       const KernelAuditState& state) {
  const std::vector<std::string> wanted = Texts(expected.rules.Rules());
  const std::vector<std::string> present = Texts(rules);
  RuleDrift drift;
  drift.missing = Without(wanted, present);
  drift.unexpected = Without(present, wanted);
  // The kernel lists them list by list, as Rules() does.
  drift.is_reordered = drift.missing.empty() && drift.unexpected.empty() && wanted != present;
  drift.refused = expected.refused;
  for (const auto& [kind, name] : kSettingNames) {
    const auto found = expected.rules.settings().find(kind);
    if (found == expected.rules.settings().end()) continue;
    const uint32_t value = ValueOf(kind, state);
    if (value == found->second) continue;
    drift.settings.push_back(absl::StrFormat("%s is %d, not %d", name, value, found->second));
  }
  return drift;
}

absl::StatusOr<RuleDrift> CheckDrift(const std::vector<RulePlace>& places,
                                     const ReadRulesOptions& options) {
  const absl::StatusOr<std::vector<RuleSource>> lines = ReadRules(places, options);
  if (!lines.ok()) return lines.status();
  absl::StatusOr<KernelAudit> kernel = KernelAudit::Open();
  if (!kernel.ok()) return kernel.status();
  const absl::StatusOr<std::vector<AuditRule>> rules = kernel->List();
  if (!rules.ok()) return rules.status();
  const absl::StatusOr<KernelAuditState> state = kernel->State();
  if (!state.ok()) return state.status();
  return CompareRules(Expect(*lines), *rules, *state);
}

}  // namespace client_plugin
