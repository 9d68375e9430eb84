#include "client-plugin/rules/rule_load.h"

#include <string>

namespace client_plugin {

absl::StatusOr<RuleLoad> LoadRules(const std::vector<RuleSource>& lines, KernelAudit& kernel) {
  const absl::StatusOr<KernelAuditState> state = kernel.State();
  if (!state.ok()) return state.status();
  if (state->enabled == kAuditLocked) {
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
  load.left_out = lines.size() - load.accepted - load.refused.size();
  return load;
}

absl::StatusOr<RuleLoad> LoadRules(const std::vector<RulePlace>& places) {
  const absl::StatusOr<std::vector<RuleSource>> lines = ReadRules(places, {.must_be_roots = true});
  if (!lines.ok()) return lines.status();
  absl::StatusOr<KernelAudit> kernel = KernelAudit::Open();
  if (!kernel.ok()) return kernel.status();
  return LoadRules(*lines, *kernel);
}

}  // namespace client_plugin
