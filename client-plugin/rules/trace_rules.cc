#include "client-plugin/rules/trace_rules.h"

#include <libaudit.h>
#include <utility>

#include "absl/strings/str_format.h"

#include "client-plugin/rules/rule_parser.h"
#include "client-plugin/rules/rule_text.h"

namespace client_plugin {

namespace {

// What autrace -r records. Machines have those that they have.
constexpr const char* kResourceSyscalls[] = {
    "open",      "openat",   "openat2", "creat",     "truncate", "rename",     "renameat",
    "unlink",    "unlinkat", "mknod",   "mknodat",   "mkdir",    "mkdirat",    "rmdir",
    "chdir",     "chown",    "lchown",  "fchownat",  "chmod",    "fchmodat",   "link",
    "linkat",    "symlink",  "execve",  "symlinkat", "readlink", "readlinkat", "name_to_handle_at",
    "connect",   "bind",     "accept",  "accept4",   "sendto",   "recvfrom",   "sendfile",
    "renameat2", "execveat",
};

std::string ResourceSyscalls() {
  const int machine = audit_detect_machine();
  std::string names;
  for (const char* const name : kResourceSyscalls) {
    if (audit_name_to_syscall(name, machine) < 0) continue;
    if (!names.empty()) names += ',';
    names += name;
  }
  return names;
}

}  // namespace

absl::StatusOr<std::vector<AuditRule>> TraceRules(pid_t pid, bool resources_only) {
  const std::string syscalls = resources_only ? ResourceSyscalls() : "all";
  std::vector<AuditRule> rules;
  for (const char* const field : {"pid", "ppid"}) {
    const absl::StatusOr<RuleLine> line = ParseRuleLine(
        absl::StrFormat("-a always,exit -S %s -F %s=%d -k %s", syscalls, field, pid, kTraceKey));
    if (!line.ok()) return line.status();
    rules.push_back(line->rule);
  }
  return rules;
}

absl::Status CheckTraceable(const std::vector<AuditRule>& rules) {
  for (const AuditRule& rule : rules) {
    if (rule.action != AUDIT_NEVER) continue;
    if (rule.list != AUDIT_FILTER_EXIT && rule.list != AUDIT_FILTER_TASK) continue;
    return absl::FailedPreconditionError(
        absl::StrFormat("the rule \"%s\" would make holes in the trace", RuleText(rule)));
  }
  return absl::OkStatus();
}

TemporaryRules::~TemporaryRules() { Remove().IgnoreError(); }

absl::Status TemporaryRules::Append(const AuditRule& rule) {
  absl::Status appended = kernel_.Append(rule);
  if (appended.ok()) rules_.push_back(rule);
  return appended;
}

absl::Status TemporaryRules::Remove() {
  absl::Status result;
  for (const AuditRule& rule : std::exchange(rules_, {})) {
    const absl::Status removed = kernel_.Delete(rule);
    if (!removed.ok() && !absl::IsNotFound(removed)) result = removed;
  }
  return result;
}

}  // namespace client_plugin
