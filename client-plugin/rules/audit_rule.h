// A rule of the kernel's audit, as a value: what one line of auditctl's adds or deletes.

#pragma once

#include <array>
#include <cstdint>
#include <libaudit.h>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace client_plugin {

// What a rule asks of an event: a field, an operator and a value.
struct RuleField {
  uint32_t field = 0;         // AUDIT_PID and so on.
  uint32_t op = AUDIT_EQUAL;  // AUDIT_EQUAL, AUDIT_BIT_MASK and so on.
  uint32_t value = 0;         // 0 for fields that have a text.
  std::string text;

  friend bool operator==(const RuleField&, const RuleField&) = default;
};

// Whether values of the field are texts: paths, keys, parts of security contexts.
bool FieldHasText(uint32_t field);

using SyscallMask = std::array<uint32_t, AUDIT_BITMASK_SIZE>;

// The syscalls of a rule that names none.
SyscallMask AllSyscalls();

struct AuditRule {
  uint32_t list = AUDIT_FILTER_UNSET;  // AUDIT_FILTER_EXIT and so on.
  uint32_t action = AUDIT_NEVER;       // AUDIT_NEVER or AUDIT_ALWAYS.
  SyscallMask syscalls = {};
  std::vector<RuleField> fields;

  friend bool operator==(const AuditRule&, const AuditRule&) = default;

  // None if no field is of this kind. Valid until the fields change.
  const RuleField* Find(uint32_t field) const;

  // Whether the kernel looks at every syscall. Its topmost bits are no syscalls, but classes of
  // them, which it does not give back.
  bool has_all_syscalls() const;

  // Whether one of its keys contains the text, as auditctl's -k selects rules.
  bool HasKey(std::string_view text) const;
};

struct FreeRule {
  void operator()(audit_rule_data* rule) const { audit_rule_free_data(rule); }
};
using KernelRule = std::unique_ptr<audit_rule_data, FreeRule>;

// In the form of the netlink socket. At most AUDIT_MAX_FIELDS fields are taken over, which no rule
// of ParseRuleLine() exceeds.
KernelRule ToKernel(const AuditRule& rule);

// kDataLoss if lengths do not agree with `bytes`, all that has come of it.
absl::StatusOr<AuditRule> FromKernel(const audit_rule_data& rule, size_t bytes);

}  // namespace client_plugin
