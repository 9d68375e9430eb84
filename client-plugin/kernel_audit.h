// The state of the kernel's audit, and what may be set of it: see AUDIT_GET and AUDIT_SET of
// include/uapi/linux/audit.h.

#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/file_descriptor.h"
#include "client-plugin/agent_config.h"

namespace client_plugin {

// KernelAuditStatus::enabled: nothing can be set until the next boot (`auditctl -e 2`).
inline constexpr uint32_t kAuditLocked = 2;

struct KernelAuditStatus {
  uint32_t enabled = 0;  // 0: off, 1: on, or kAuditLocked.
  uint32_t owner = 0;    // The process that owns the audit socket; 0: none.
  uint32_t failure_mode = 0;
  uint32_t rate_limit = 0;
  uint32_t backlog_limit = 0;
  uint32_t backlog_wait_time = 0;
  uint32_t backlog = 0;  // Records that wait for the owner.
  uint32_t lost = 0;     // That were dropped since the boot, or since someone has set it back.
};

// Has a socket of its own. For one thread at a time.
class KernelAudit {
 public:
  // kUnimplemented if the kernel has no audit, else kUnavailable.
  static absl::StatusOr<KernelAudit> Open();

  // kPermissionDenied without CAP_AUDIT_CONTROL, else kUnavailable.
  absl::StatusOr<KernelAuditStatus> Status();

  // Sets what is set in the settings. Fails likewise, and then names the setting; also if the audit
  // is locked.
  absl::Status Apply(const AuditSettings& settings);

  // Turns the audit on, if it is off.
  absl::Status Enable();

 private:
  explicit KernelAudit(base::FileDescriptor socket) : socket_(std::move(socket)) {}

  base::FileDescriptor socket_;
};

}  // namespace client_plugin
