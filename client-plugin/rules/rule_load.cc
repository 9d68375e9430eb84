#include "client-plugin/rules/rule_load.h"

#include <string>

namespace client_plugin {

absl::StatusOr<RuleLoad> LoadRules(const std::vector<RuleSource>& lines, KernelRules& kernel) {
  const absl::StatusOr<KernelSettings> settings = kernel.Settings();
  if (!settings.ok()) return settings.status();
  if (settings->enabled == 2) {
    return absl::FailedPreconditionError("the rules are locked (-e 2) until the next boot");
  }
  RuleLoad load;
  bool goes_on = false;
  bool counts_failures = false;  // Also of those that do not end it.
  for (const RuleSource& source : lines) {
    const absl::StatusOr<RuleLine> line = ParseRuleLine(source.text);
    const absl::Status applied = line.ok() ? kernel.Apply(*line) : line.status();
    if (line.ok()) {
      for (const std::string& warning : line->warnings) {
        load.warnings.push_back({.where = source.where(), .text = source.text, .why = warning});
      }
      if (line->on_error != RuleLine::OnError::kUnchanged) goes_on = true;
      if (line->on_error == RuleLine::OnError::kContinue) counts_failures = true;
    }
    if (applied.ok()) {
      ++load.accepted;
      continue;
    }
    load.refused.push_back(
        {.where = source.where(), .text = source.text, .why = std::string(applied.message())});
    if (!goes_on || counts_failures) load.is_complete = false;
    if (!goes_on) break;
  }
  return load;
}

}  // namespace client_plugin
