#include "client-plugin/rules/kernel_audit.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <libaudit.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <system_error>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_format.h"

namespace client_plugin {

namespace {

using Kind = RuleSetting::Kind;

// An answer of the kernel takes no time, but where it is out of memory.
constexpr int kAnswerMs = 5000;

absl::Status Failed(int error) {
  const std::string reason = std::generic_category().message(error);
  switch (error) {
    case EPERM:
    case EACCES:
      return absl::PermissionDeniedError(
          absl::StrFormat("the kernel does not allow it: %s", reason));
    case EEXIST:
      return absl::AlreadyExistsError("the rule is there already");
    case ENOENT:
      return absl::NotFoundError(reason);
    case EINVAL:
    case E2BIG:
    case ENOTDIR:
    case ENAMETOOLONG:
      return absl::InvalidArgumentError(absl::StrFormat("the kernel does not take it: %s", reason));
    case ECONNREFUSED:
    case EPROTONOSUPPORT:
    case EAFNOSUPPORT:
      return absl::UnimplementedError("there is no audit in the kernel");
    default:
      return absl::UnavailableError(absl::StrFormat("the kernel: %s", reason));
  }
}

// Of libaudit's functions: positive if all went well, else the negative error.
absl::Status Done(int result) { return result > 0 ? absl::OkStatus() : Failed(-result); }

// Calls `take` with each answer to what was asked last, until it returns true. Acknowledgements are
// left out.
absl::Status Answers(int socket, absl::FunctionRef<bool(const audit_reply&)> take) {
  for (;;) {
    pollfd wait = {.fd = socket, .events = POLLIN, .revents = 0};
    const int ready = poll(&wait, 1, kAnswerMs);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return Failed(ready == 0 ? ETIMEDOUT : errno);
    audit_reply reply;
    const int length = audit_get_reply(socket, &reply, GET_REPLY_NONBLOCKING, 0);
    if (length < 0 && (length == -EAGAIN || length == -EINTR)) continue;
    if (length <= 0) return Failed(length == 0 ? EIO : -length);
    if (reply.type == NLMSG_ERROR) {
      if (reply.error->error != 0) return Failed(-reply.error->error);
      continue;
    }
    if (take(reply)) return absl::OkStatus();
  }
}

}  // namespace

absl::StatusOr<KernelAudit> KernelAudit::Open() {
  set_aumessage_mode(MSG_QUIET, DBG_NO);  // What libaudit says on standard error we say ourselves.
  const int socket = ::socket(PF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);
  if (socket < 0) return Failed(errno);
  return KernelAudit(base::FileDescriptor(socket));
}

KernelAudit::KernelAudit(base::FileDescriptor socket) : socket_(std::move(socket)) {}

absl::StatusOr<std::vector<AuditRule>> KernelAudit::List() {
  const int sequence = audit_request_rules_list_data(socket_.get());
  if (sequence <= 0) return Failed(-sequence);
  std::vector<AuditRule> rules;
  absl::Status wrong;
  const absl::Status read = Answers(socket_.get(), [&](const audit_reply& reply) {
    if (reply.nlh->nlmsg_seq != static_cast<uint32_t>(sequence)) return false;
    if (reply.type == NLMSG_DONE) return true;
    if (reply.type != AUDIT_LIST_RULES || !wrong.ok()) return false;
    absl::StatusOr<AuditRule> rule = FromKernel(*reply.ruledata, NLMSG_PAYLOAD(reply.nlh, 0));
    if (!rule.ok()) {
      wrong = rule.status();
    } else if (rules.size() == kKernelAuditKEEP) {
      wrong = absl::ResourceExhaustedError(
          absl::StrFormat("the kernel has more than %d rules", kKernelAuditKEEP));
    } else {
      rules.push_back(*std::move(rule));
    }
    return false;
  });
  if (!read.ok()) return read;
  if (!wrong.ok()) return wrong;
  return rules;
}

absl::StatusOr<KernelAuditState> KernelAudit::State() {
  const int sequence = audit_request_status(socket_.get());
  if (sequence <= 0) return Failed(-sequence);
  KernelAuditState state;
  const absl::Status read = Answers(socket_.get(), [&state](const audit_reply& reply) {
    if (reply.type != AUDIT_GET) return false;
    const audit_status& status = *reply.status;
    state = {.enabled = status.enabled,
             .failure = status.failure,
             .owner_pid = status.pid,
             .rate_limit = status.rate_limit,
             .backlog_limit = status.backlog_limit,
             .backlog_wait_time = status.backlog_wait_time,
             .backlog = status.backlog,
             .lost = status.lost};
    return true;
  });
  if (!read.ok()) return read;
  const absl::StatusOr<bool> is_immutable = IsLoginuidImmutable();
  if (!is_immutable.ok()) return is_immutable.status();
  state.is_loginuid_immutable = *is_immutable;
  return state;
}

absl::StatusOr<bool> KernelAudit::IsLoginuidImmutable() {
  const int sequence = audit_request_features(socket_.get());
  if (sequence <= 0) return Failed(-sequence);
  bool is_immutable = false;
  const absl::Status read = Answers(socket_.get(), [&is_immutable](const audit_reply& reply) {
    if (reply.type != AUDIT_GET_FEATURE) return false;
    is_immutable =
        (reply.features->features & AUDIT_FEATURE_TO_MASK(AUDIT_FEATURE_LOGINUID_IMMUTABLE)) != 0;
    return true;
  });
  if (!read.ok()) return read;
  return is_immutable;
}

absl::Status KernelAudit::Append(const AuditRule& rule) { return Add(rule, rule.list); }

absl::Status KernelAudit::Add(const AuditRule& rule, uint32_t flags) {
  const KernelRule data = ToKernel(rule);
  absl::Status added = Done(audit_add_rule_data(socket_.get(), data.get(), static_cast<int>(flags),
                                                static_cast<int>(rule.action)));
  if (absl::IsNotFound(added)) return absl::NotFoundError("the directory of its path is not there");
  return added;
}

absl::Status KernelAudit::Delete(const AuditRule& rule) {
  const KernelRule data = ToKernel(rule);
  absl::Status deleted = Done(audit_delete_rule_data(
      socket_.get(), data.get(), static_cast<int>(rule.list), static_cast<int>(rule.action)));
  if (absl::IsNotFound(deleted)) return absl::NotFoundError("there is no such rule to delete");
  return deleted;
}

absl::Status KernelAudit::DeleteAll(const std::string& key) {
  const absl::StatusOr<std::vector<AuditRule>> rules = List();
  if (!rules.ok()) return rules.status();
  for (const AuditRule& rule : *rules) {
    if (!key.empty() && !rule.HasKey(key)) continue;
    const absl::Status deleted = Delete(rule);
    // Others may delete rules, too, and the kernel those of a directory that is gone.
    if (!deleted.ok() && !absl::IsNotFound(deleted)) return deleted;
  }
  return absl::OkStatus();
}

absl::Status KernelAudit::Set(const RuleSetting& setting) {
  const int socket = socket_.get();
  switch (setting.kind) {
    case Kind::kEnabled:
      return Done(audit_set_enabled(socket, setting.value));
    case Kind::kFailure:
      return Done(audit_set_failure(socket, setting.value));
    case Kind::kRateLimit:
      return Done(audit_set_rate_limit(socket, setting.value));
    case Kind::kBacklogLimit:
      return Done(audit_set_backlog_limit(socket, setting.value));
    case Kind::kBacklogWaitTime:
      return Done(audit_set_backlog_wait_time(socket, setting.value));
    case Kind::kLoginuidImmutable:
      return Done(audit_set_loginuid_immutable(socket));
    case Kind::kTrim:
      return Done(audit_trim_subtrees(socket));
    case Kind::kEquivalent:
      return Done(
          audit_make_equivalent(socket, setting.texts.at(0).c_str(), setting.texts.at(1).c_str()));
    case Kind::kMessage: {
      const std::string text = absl::StrFormat("text=%s", setting.texts.at(0));
      return Done(
          audit_log_user_message(socket, AUDIT_USER, text.c_str(), nullptr, nullptr, nullptr, 1));
    }
    // These two return the number that was lost, which may be none.
    case Kind::kResetLost: {
      const int lost = audit_reset_lost(socket);
      return lost >= 0 ? absl::OkStatus() : Failed(-lost);
    }
    case Kind::kResetBacklogWaitTimeActual:
      break;
  }
  const int waited = audit_reset_backlog_wait_time_actual(socket);
  return waited >= 0 ? absl::OkStatus() : Failed(-waited);
}

absl::Status KernelAudit::Apply(const RuleLine& line) {
  for (const RuleSetting& setting : line.settings) {
    absl::Status set = Set(setting);
    if (!set.ok()) return set;
  }
  switch (line.change) {
    case RuleLine::Change::kNone:
      break;
    case RuleLine::Change::kAppend:
      return Append(line.rule);
    case RuleLine::Change::kPrepend:
      return Add(line.rule, line.rule.list | AUDIT_FILTER_PREPEND);
    case RuleLine::Change::kDelete:
      return Delete(line.rule);
    case RuleLine::Change::kDeleteAll:
      return DeleteAll(line.key);
  }
  return absl::OkStatus();
}

}  // namespace client_plugin
