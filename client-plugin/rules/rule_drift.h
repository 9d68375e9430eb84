// What differs between the rules that files say and those that the kernel has.

#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "client-plugin/rules/kernel_audit.h"
#include "client-plugin/rules/rule_files.h"
#include "client-plugin/rules/rule_set.h"

namespace client_plugin {

struct RuleDrift {
  std::vector<std::string> missing;     // Rules that only the files have, as text.
  std::vector<std::string> unexpected;  // Rules that only the kernel has.
  std::vector<std::string> settings;    // "backlog_limit is 64, not 8192"
  bool is_reordered = false;            // Of a list both have the same rules, in another order.
  // Lines of the files that are not accepted: no drift, but whoever wrote them should know.
  std::vector<RefusedRule> refused;

  friend bool operator==(const RuleDrift&, const RuleDrift&) = default;

  // Whether kernel and files agree.
  bool empty() const;

  // The end of an audit record, on one line: "missing=2 unexpected=0 settings=1 reordered=no
  // refused=0", and the first of each as first_missing= and so on, encoded as audit encodes values.
  std::string RecordText() const;
};

// Rules are compared by their texts (RuleText()), settings where the files have them.
RuleDrift CompareRules(const ExpectedRules& expected, const std::vector<AuditRule>& rules,
                       const KernelAuditState& state);

// Reads the files, asks the kernel, and compares: little work, also for a thousand rules each
// minute. For any thread, which waits for the disk, the user database and the kernel. Failures are
// those of ReadRules() and KernelAudit.
absl::StatusOr<RuleDrift> CheckDrift(const std::vector<RulePlace>& places,
                                     const ReadRulesOptions& options);

}  // namespace client_plugin
