// The state, the settings and the rules of the kernel's audit, over a netlink socket of its own:
// never that of capture.

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
inline constexpr size_t kKernelAuditKEEP = 100'000;

// KernelAuditState::enabled: nothing can be set until the next boot (`auditctl -e 2`).
inline constexpr uint32_t kAuditLocked = 2;

// As AUDIT_GET and AUDIT_GET_FEATURE of include/uapi/linux/audit.h tell it.
struct KernelAuditState {
  uint32_t enabled = 0;  // 0: off, 1: on, or kAuditLocked.
  uint32_t failure = 0;
  uint32_t owner_pid = 0;  // The process that owns the audit socket; 0: none.
  uint32_t rate_limit = 0;
  uint32_t backlog_limit = 0;
  uint32_t backlog_wait_time = 0;
  uint32_t backlog = 0;  // Records that wait for the owner.
  uint32_t lost = 0;     // That were dropped since the boot, or since someone has set it back.
  bool is_loginuid_immutable = false;
};

// For one thread at a time. Each call waits for the kernel's answer, some seconds at most. Failures
// are kPermissionDenied (no CAP_AUDIT_CONTROL), kFailedPrecondition (locked), kUnimplemented (no
// audit in the kernel), kAlreadyExists, kNotFound, kInvalidArgument (what the kernel does not take)
// and else kUnavailable; the message is the kernel's reason.
class KernelAudit {
 public:
  static absl::StatusOr<KernelAudit> Open();

  // In the kernel's order.
  absl::StatusOr<std::vector<AuditRule>> List();

  absl::StatusOr<KernelAuditState> State();

  absl::Status Append(const AuditRule& rule);
  absl::Status Delete(const AuditRule& rule);
  absl::Status Set(const RuleSetting& setting);

  // Does all that a line says. What comes before a failure has been done.
  absl::Status Apply(const RuleLine& line);

 private:
  explicit KernelAudit(base::FileDescriptor socket);

  absl::Status Add(const AuditRule& rule, uint32_t flags);
  absl::Status DeleteAll(const std::string& key);
  absl::StatusOr<bool> IsLoginuidImmutable();

  base::FileDescriptor socket_;
};

}  // namespace client_plugin
