// The rules of a kernel, as they would be after some lines were loaded.

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

#include "client-plugin/rules/audit_rule.h"
#include "client-plugin/rules/rule_files.h"
#include "client-plugin/rules/rule_parser.h"

namespace client_plugin {

// A line that was not accepted, and why.
struct RefusedRule {
  std::string where;  // "FILE:LINE"
  std::string text;
  std::string why;

  // "FILE:LINE: why"
  std::string Message() const;

  friend bool operator==(const RefusedRule&, const RefusedRule&) = default;
};

class RuleSet {
 public:
  // Does to the rules what the kernel would. kAlreadyExists for a rule that is there already,
  // kNotFound for one that is to be deleted and is not there.
  absl::Status Apply(const RuleLine& line);

  // In the order in which the kernel lists them: list by list, each in the order of its rules.
  std::vector<AuditRule> Rules() const;

  // What was set last, of those settings that stay.
  const std::map<RuleSetting::Kind, uint32_t>& settings() const { return settings_; }

 private:
  std::map<uint32_t, std::vector<AuditRule>> lists_;
  std::map<RuleSetting::Kind, uint32_t> settings_;
};

// What a kernel without rules has after these lines were loaded as `auditctl -R` does: the first
// that is refused ends it, unless -i or -c has come. `refused` are all of them, also those behind.
struct ExpectedRules {
  RuleSet rules;
  std::vector<RefusedRule> refused;
  std::vector<RefusedRule> warnings;  // Of lines that are accepted; `why` says it.
  bool is_cut_off = false;            // Lines behind the first refused one do not count.
};
ExpectedRules Expect(const std::vector<RuleSource>& lines);

}  // namespace client_plugin
