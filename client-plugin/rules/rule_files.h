// Where rules come from: a file as `auditctl -R` reads it, or a directory as augenrules(8) does.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace client_plugin {

// What a file may hold: ten thousands of rules, more than a kernel could go through at each
// syscall.
inline constexpr size_t kRuleFileBytesMax = 4 << 20;
// Of a directory that are read.
inline constexpr size_t kRuleFilesMax = 1000;

struct RulePlace {
  std::string path;
  bool is_directory = false;

  friend bool operator==(const RulePlace&, const RulePlace&) = default;
};

// One line that is not blank and no comment.
struct RuleSource {
  std::string file;
  size_t line = 0;  // From 1.
  std::string text;

  // "FILE:LINE"
  std::string where() const;
};

struct ReadRulesOptions {
  // Whether files must belong to root, and others must not write to them, nor to the directory, as
  // auditctl wants it of what is loaded.
  bool must_be_roots = true;
};

// The lines of all places in their order. In a directory those are of its files *.rules, in the
// order of `ls -v`; of a bare -D, of -b, -f and -e the last one of the whole directory counts, and
// these stand before the others, -e behind them. kNotFound, kPermissionDenied (not root's),
// kResourceExhausted (a limit) or kUnavailable; the message names the file.
absl::StatusOr<std::vector<RuleSource>> ReadRules(const std::vector<RulePlace>& places,
                                                  const ReadRulesOptions& options);

// What auditd's unit loads at boot: /etc/audit/rules.d, else /etc/audit/audit.rules.
std::vector<RulePlace> UsualRulePlaces();

// Whether `left` comes before `right` in `ls -v`: digits count as numbers, and what looks like
// endings of files counts last.
bool ComesBeforeByVersion(std::string_view left, std::string_view right);

}  // namespace client_plugin
