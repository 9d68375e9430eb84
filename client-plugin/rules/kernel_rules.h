// The rules and settings of the kernel's audit, over a netlink socket of its own: never that of
// capture.

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/file_descriptor.h"
#include "client-plugin/rules/audit_rule.h"
#include "client-plugin/rules/rule_parser.h"

namespace client_plugin {

// More rules than this are not listed: each costs every syscall of the host.
inline constexpr size_t kKernelRulesMax = 100'000;

struct KernelSettings {
  uint32_t enabled = 0;  // 2: locked until the next boot.
  uint32_t failure = 0;
  uint32_t owner_pid = 0;
  uint32_t rate_limit = 0;
  uint32_t backlog_limit = 0;
  uint32_t backlog_wait_time = 0;
  uint32_t lost = 0;
  bool is_loginuid_immutable = false;
};

// For one thread at a time. Each call waits for the kernel's answer, some seconds at most. Failures
// are kPermissionDenied (no CAP_AUDIT_CONTROL), kFailedPrecondition (locked), kUnimplemented (no
// audit in the kernel), kAlreadyExists, kNotFound, kInvalidArgument (what the kernel does not take)
// and else kUnavailable; the message is the kernel's reason.
class KernelRules {
 public:
  static absl::StatusOr<KernelRules> Open();

  // In the kernel's order.
  absl::StatusOr<std::vector<AuditRule>> List();

  absl::StatusOr<KernelSettings> Settings();

  absl::Status Append(const AuditRule& rule);
  absl::Status Delete(const AuditRule& rule);

  // Does all that a line says. What comes before a failure has been done.
  absl::Status Apply(const RuleLine& line);

 private:
  explicit KernelRules(base::FileDescriptor socket);

  absl::Status Set(const RuleSetting& setting);
  absl::Status Add(const AuditRule& rule, uint32_t flags);
  absl::Status DeleteAll(const std::string& key);
  absl::StatusOr<bool> IsLoginuidImmutable();

  base::FileDescriptor socket_;
};

}  // namespace client_plugin
