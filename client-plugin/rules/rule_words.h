// A line of a rules file, taken apart as `auditctl -R` does: into words, and these into options.
//
//   line   := blanks [ word { blanks word } ]    blanks are spaces, and no tabs
//   word   := any bytes; "\ " is a space in it, "\\" a backslash (not in the first word)
//
// Quotation marks are bytes like others. Options are those of getopt_long(3): "-F x", "-Fx", "-Dk
// x",
// "--long=x", "--long x", long ones as short as they are unique, in any order with other words.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace client_plugin {

// None for a line that is blank or a comment.
std::vector<std::string> SplitRuleLine(std::string_view line);

// An option, by its letter, or by its name without the dashes.
struct RuleOption {
  std::string name;
  std::string argument;
};

struct RuleOptions {
  std::vector<RuleOption> options;    // In their order.
  std::vector<std::string> operands;  // Words that belong to no option.
};

// kInvalidArgument for an option that auditctl does not have, or without its argument.
absl::StatusOr<RuleOptions> ReadRuleOptions(const std::vector<std::string>& words);

}  // namespace client_plugin
