// Lines of rules, over any text: what is accepted has the form that the kernel wants, comes back
// from it, and is listed as a line that makes the same rule; what is refused has a reason of one
// line.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "client-plugin/rules/audit_rule.h"
#include "client-plugin/rules/rule_parser.h"
#include "client-plugin/rules/rule_set.h"
#include "client-plugin/rules/rule_text.h"
#include "tests/fuzz/fuzz.h"

namespace {

using client_plugin::AuditRule;
using client_plugin::RuleLine;
using fuzz::Check;

void CheckKernelForm(const AuditRule& rule) {
  const client_plugin::KernelRule data = client_plugin::ToKernel(rule);
  Check(data->field_count < AUDIT_MAX_FIELDS);
  const size_t bytes = sizeof(*data) + data->buflen;
  const absl::StatusOr<AuditRule> back = client_plugin::FromKernel(*data, bytes);
  Check(back.ok() && *back == rule);
  if (data->buflen > 0) Check(!client_plugin::FromKernel(*data, bytes - 1).ok());
}

// -F and -C look for their operators everywhere in a word, so such a path can be watched (-w), and
// cannot be a field.
bool HasOperatorInText(const AuditRule& rule) {
  return std::ranges::any_of(rule.fields, [](const client_plugin::RuleField& field) {
    return field.text.find_first_of("!<>&") != std::string::npos;
  });
}

void CheckText(const AuditRule& rule) {
  const std::string text = client_plugin::RuleText(rule);
  Check(text.find('\n') == std::string::npos);
  if (text.size() > client_plugin::kRuleLineBytesMax) return;
  const absl::StatusOr<RuleLine> again = client_plugin::ParseRuleLine(text);
  Check(again.ok() || HasOperatorInText(rule));
  if (again.ok()) Check(client_plugin::RuleText(again->rule) == text);
}

void CheckLine(std::string_view text) {
  const absl::StatusOr<RuleLine> line = client_plugin::ParseRuleLine(text);
  if (!line.ok()) {
    const std::string_view why = {line.status().message().data(), line.status().message().size()};
    Check(!why.empty() && std::ranges::all_of(why, [](char c) { return c >= ' ' && c <= '~'; }));
    return;
  }
  if (line->change == RuleLine::Change::kNone) return;
  client_plugin::RuleSet rules;
  if (line->change != RuleLine::Change::kDelete) Check(rules.Apply(*line).ok());
  if (line->change == RuleLine::Change::kDeleteAll) return;
  CheckKernelForm(line->rule);
  CheckText(line->rule);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input = fuzz::Input(data, size);
  for (std::string_view rest = input; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    CheckLine(line);
  }
  return 0;
}
