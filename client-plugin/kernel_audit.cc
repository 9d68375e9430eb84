#include "client-plugin/kernel_audit.h"

#include <cerrno>
#include <libaudit.h>
#include <optional>
#include <poll.h>
#include <utility>

#include "client-plugin/kernel_error.h"

namespace client_plugin {

namespace {

// The kernel answers within microseconds, unless something is wrong with it.
constexpr int kAnswerMsMax = 2000;

// The functions of libaudit return the negative of an error, or zero or more.
absl::Status StatusOf(const std::string& doing, int result) {
  return result < 0 ? KernelError(doing, -result) : absl::OkStatus();
}

}  // namespace

absl::StatusOr<KernelAudit> KernelAudit::Open() {
  const int fd = audit_open();
  if (fd < 0) return KernelError("open a socket", errno);
  return KernelAudit(base::FileDescriptor(fd));
}

absl::StatusOr<KernelAuditStatus> KernelAudit::Status() {
  const int asked = audit_request_status(socket_.get());
  if (asked <= 0) return KernelError("ask for the state", -asked);
  for (;;) {
    audit_reply reply{};
    pollfd answer{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    if (poll(&answer, 1, kAnswerMsMax) == 0) return KernelError("learn the state", ETIMEDOUT);
    const int got = audit_get_reply(socket_.get(), &reply, GET_REPLY_NONBLOCKING, 0);
    if (got == -EAGAIN || got == -EINTR) continue;
    if (got <= 0) return KernelError("learn the state", got == 0 ? EPIPE : -got);
    if (reply.type == NLMSG_ERROR && reply.error->error != 0) {
      return KernelError("learn the state", -reply.error->error);
    }
    if (reply.type != AUDIT_GET) continue;
    const audit_status& status = *reply.status;
    return KernelAuditStatus{.enabled = status.enabled,
                             .owner = status.pid,
                             .failure_mode = status.failure,
                             .rate_limit = status.rate_limit,
                             .backlog_limit = status.backlog_limit,
                             .backlog_wait_time = status.backlog_wait_time,
                             .backlog = status.backlog,
                             .lost = status.lost};
  }
}

absl::Status KernelAudit::Apply(const AuditSettings& settings) {
  const struct {
    const std::optional<uint32_t>& value;
    const char* doing;
    int (*set)(int fd, uint32_t value);
  } all[] = {
      {settings.backlog_limit, "set backlog_limit", &audit_set_backlog_limit},
      {settings.backlog_wait_time, "set backlog_wait_time", &audit_set_backlog_wait_time},
      {settings.failure_mode, "set failure_mode", &audit_set_failure},
      {settings.rate_limit, "set rate_limit", &audit_set_rate_limit},
  };
  for (const auto& one : all) {
    if (!one.value) continue;
    const absl::Status set = StatusOf(one.doing, one.set(socket_.get(), *one.value));
    if (!set.ok()) return set;
  }
  return absl::OkStatus();
}

absl::Status KernelAudit::Enable() {
  const absl::StatusOr<KernelAuditStatus> status = Status();
  if (!status.ok()) return status.status();
  if (status->enabled != 0) return absl::OkStatus();
  return StatusOf("enable it", audit_set_enabled(socket_.get(), 1));
}

}  // namespace client_plugin
