// One line of a rules file: the options of auditctl(8), as a value.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "client-plugin/rules/audit_rule.h"

namespace client_plugin {

// What auditctl reads at once. It takes a longer line for several, which no rule survives.
inline constexpr size_t kRuleLineBytesMax = 6142;

// Something that a line sets in the kernel, beside rules.
struct RuleSetting {
  enum class Kind : uint8_t {
    kEnabled,                     // -e
    kFailure,                     // -f
    kRateLimit,                   // -r
    kBacklogLimit,                // -b
    kBacklogWaitTime,             // --backlog_wait_time
    kLoginuidImmutable,           // --loginuid-immutable
    kResetLost,                   // --reset-lost
    kResetBacklogWaitTimeActual,  // --reset_backlog_wait_time_actual
    kTrim,                        // -t
    kEquivalent,                  // -q: `texts` are the mount point and the subtree
    kMessage,                     // -m: the text
  };

  Kind kind = Kind::kEnabled;
  uint32_t value = 0;
  std::vector<std::string> texts;

  friend bool operator==(const RuleSetting&, const RuleSetting&) = default;
};

struct RuleLine {
  enum class Change : uint8_t {
    kNone,
    kAppend,     // -a, -w
    kPrepend,    // -A
    kDelete,     // -d, -W
    kDeleteAll,  // -D, of those that HasKey(key)
  };

  // From here on errors do not end the loading: -i, and -c, after which they count at the end.
  enum class OnError : uint8_t { kUnchanged, kIgnore, kContinue };

  std::vector<RuleSetting> settings;  // Made before the change.
  Change change = Change::kNone;
  AuditRule rule;
  std::string key;
  OnError on_error = OnError::kUnchanged;

  // What is accepted and probably not meant, in the words of an administrator.
  std::vector<std::string> warnings;
};

// Reads a line, without its newline. A blank line and a comment are lines that change nothing, and
// so is one that asks for a list or a status. kInvalidArgument, with the reason, for what auditctl
// or the kernel would refuse wherever it is loaded; see README.md for the differences. Needs
// neither root nor audit in the kernel, but looks at the files that -w names and at the users and
// groups of this host.
absl::StatusOr<RuleLine> ParseRuleLine(std::string_view line);

}  // namespace client_plugin
