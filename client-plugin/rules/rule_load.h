// Loads rules into the kernel.

#pragma once

#include <cstddef>
#include <vector>

#include "absl/status/statusor.h"

#include "client-plugin/rules/kernel_rules.h"
#include "client-plugin/rules/rule_files.h"
#include "client-plugin/rules/rule_set.h"

namespace client_plugin {

struct RuleLoad {
  size_t accepted = 0;  // Lines.
  std::vector<RefusedRule> refused;

  // Whether it went to the end, and the files did not ask, by -c, for failures to count.
  bool is_complete = true;

  // What is accepted and probably not meant; `why` says it.
  std::vector<RefusedRule> warnings;
};

// Does what the lines say, in their order, as `auditctl -R`: the first that is refused, by us or by
// the kernel, ends it, unless -i or -c has come before. kFailedPrecondition, before anything is
// done, if the rules are locked (-e 2) until the next boot; kPermissionDenied and kUnimplemented as
// KernelRules has them.
absl::StatusOr<RuleLoad> LoadRules(const std::vector<RuleSource>& lines, KernelRules& kernel);

}  // namespace client_plugin
