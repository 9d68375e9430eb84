// What a rule asks of an event: the words behind auditctl's -F and -C.
//
//   field      := name operator value
//   comparison := name ( "=" | "!=" ) name
//   operator   := "=" | "!=" | "<" | ">" | "<=" | ">=" | "&" | "&="
//
// Which values, operators and lists a field takes is what libaudit and the kernel take, so that
// a rule can be judged where there is no kernel to ask. Names of users and groups are those of
// this host.

#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

#include "client-plugin/rules/audit_rule.h"

namespace client_plugin {

// Both are kInvalidArgument for what auditctl or the kernel would refuse on this list, and the
// message says why. No text may contain a NUL.
absl::StatusOr<RuleField> ParseRuleField(std::string_view text, uint32_t list);
absl::StatusOr<RuleField> ParseRuleComparison(std::string_view text, uint32_t list);

// Some of "rwxa", in any case: AUDIT_PERM_READ and so on.
absl::StatusOr<uint32_t> ParsePermissions(std::string_view text);

// A number as C writes it, with a sign or not, of 32 bits. What stands behind it is ignored, as
// auditctl does.
absl::StatusOr<uint32_t> ParseRuleNumber(std::string_view text);

}  // namespace client_plugin
