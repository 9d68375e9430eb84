// The rule that the options of one line make, in the order in which they stand.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

#include "client-plugin/rules/audit_rule.h"
#include "client-plugin/rules/rule_parser.h"
#include "client-plugin/rules/rule_words.h"

namespace client_plugin {

class RuleBuilder {
 public:
  // Whether this is an option that makes or changes a rule: -a -A -d -w -W -S -F -C -p -k.
  static bool Takes(const RuleOption& option);

  // kInvalidArgument if it cannot stand there. The builder is of no use after that.
  absl::Status Take(const RuleOption& option);

  // Writes the change and the rule to *line, if there was one of its options.
  absl::Status Finish(RuleLine* line);

 private:
  absl::Status TakeList(const RuleOption& option, bool deletes, bool prepends);
  absl::Status TakeWatch(std::string path, bool deletes);
  absl::Status TakeSyscalls(std::string_view names);
  absl::Status TakeField(std::string_view text);
  absl::Status TakePermissions(std::string_view text);
  absl::Status TakeKey(std::string_view key);
  absl::Status AddField(RuleField field);
  absl::Status AddSyscall(const std::string& name, int machine);
  absl::Status CheckRule() const;

  bool has_list() const { return adds_ || deletes_; }
  bool can_have_key() const;

  AuditRule rule_;
  bool adds_ = false;
  bool prepends_ = false;
  bool deletes_ = false;
  bool has_list_option_ = false;  // One of -a, -A and -d, of which there may be one.
  bool has_syscalls_ = false;     // Also by a watch, which is of all.
  bool is_deprecated_ = false;
  std::optional<uint32_t> architecture_;
  std::string keys_;
  std::vector<std::string> warnings_;
};

}  // namespace client_plugin
