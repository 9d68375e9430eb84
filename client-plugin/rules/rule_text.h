// A rule as text.

#pragma once

#include <string>

#include "client-plugin/rules/audit_rule.h"

namespace client_plugin {

// The line that `auditctl -l` prints of a rule, without its newline; see README.md for where ours
// can be loaded and auditctl's cannot. Two rules with the same text are the same but for one thing:
// a watch (-w) does not tell whether its path was a directory when it was loaded.
std::string RuleText(const AuditRule& rule);

}  // namespace client_plugin
