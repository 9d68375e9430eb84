// Loads rules into the kernel.

#pragma once

#include <cstddef>
#include <vector>

#include "absl/status/statusor.h"

#include "client-plugin/rules/kernel_audit.h"
#include "client-plugin/rules/rule_files.h"
#include "client-plugin/rules/rule_set.h"

namespace client_plugin {

struct RuleLoad {
  size_t accepted = 0;  // Lines.
  std::vector<RefusedRule> refused;

  size_t left_out = 0;  // Lines behind the refused one that has ended it.

  // Whether it went to the end, and the files did not ask, by -c, for failures to count.
  bool is_complete = true;

  // What is accepted and probably not meant; `why` says it.
  std::vector<RefusedRule> warnings;
};

// Does what the lines say, in their order, as `auditctl -R`: the first that is refused, by us or by
// the kernel, ends it, unless -i or -c has come before. kFailedPrecondition, before anything is
// done, if the rules are locked (-e 2) until the next boot; kPermissionDenied and kUnimplemented as
// KernelAudit has them.
absl::StatusOr<RuleLoad> LoadRules(const std::vector<RuleSource>& lines, KernelAudit& kernel);

// Likewise with all lines of these places. Fails as ReadRules() and KernelAudit do, too.
absl::StatusOr<RuleLoad> LoadRules(const std::vector<RulePlace>& places);

}  // namespace client_plugin
