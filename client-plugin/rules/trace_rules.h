// The rules that trace one process.

#pragma once

#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "client-plugin/rules/audit_rule.h"
#include "client-plugin/rules/kernel_audit.h"

namespace client_plugin {

// What their events can be found by, beside the process.
inline constexpr std::string_view kTraceKey = "auspex-trace";

// Rules for every syscall of the process and of those that it starts, or, with `resources_only`,
// for those that open, change and connect. kInvalidArgument on a machine whose syscalls are not
// known.
absl::StatusOr<std::vector<AuditRule>> TraceRules(pid_t pid, bool resources_only);

// Whether these rules of a kernel leave a trace whole. kFailedPrecondition names the one that does
// not: any that keeps records of processes or syscalls from being made. Rules that make records do
// no harm: they stand before those of a trace, so that what they record stays theirs, by key and
// all.
absl::Status CheckTraceable(const std::vector<AuditRule>& rules);

// Rules that are in the kernel as long as it lives.
class TemporaryRules {
 public:
  explicit TemporaryRules(KernelAudit& kernel) : kernel_(kernel) {}
  TemporaryRules(const TemporaryRules&) = delete;
  TemporaryRules& operator=(const TemporaryRules&) = delete;
  ~TemporaryRules();

  absl::Status Append(const AuditRule& rule);

  // Takes them out. Those that somebody else has taken out are no failure.
  absl::Status Remove();

 private:
  KernelAudit& kernel_;
  std::vector<AuditRule> rules_;
};

}  // namespace client_plugin
