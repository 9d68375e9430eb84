// Who may do what over the API: a file with one line for each kind of caller.
//
//   file  := { line newline }
//   line  := blanks [ "#" anything | role words ]
//   words := glob { glob }          the name of the caller; then, of a viewer, hosts that it may
//   see role  := "ingest" | "viewer" | "admin" | "none"
//
// Globs are shell patterns, as in fnmatch(3). The first line whose first glob matches the name of
// the caller counts; who matches none has no role. The name is that in its certificate; of a token,
// "token:" and the name of the token.

#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace server {

enum class Role : uint8_t {
  kNone,
  kInvited,  // May have a certificate signed, and nothing else. The file cannot give it.
  kIngest,   // Delivers the records of its own host. Sees nothing.
  kViewer,   // Sees the hosts that it is given.
  kAdmin,    // Sees all.
};

// What a caller may do.
struct Grant {
  Role role = Role::kNone;
  std::vector<std::string> hosts = {};  // Of a viewer: shell patterns, one at least.

  friend bool operator==(const Grant&, const Grant&) = default;
};

// The role as the file has it.
std::string_view RoleName(Role role);

class AccessRules {
 public:
  // What holds without a file: whoever has a certificate is an agent.
  AccessRules();

  // kInvalidArgument names the file and the line of the first thing that is wrong.
  static absl::StatusOr<AccessRules> Parse(std::string_view text, const std::string& file_name);

  // Likewise; kNotFound or kUnavailable if the file cannot be read.
  static absl::StatusOr<AccessRules> ReadFile(const std::string& path);

  Grant GrantOf(const std::string& name) const;

 private:
  struct Line {
    std::string name_glob;
    Grant grant;
  };

  std::vector<Line> lines_;
};

// The rules that hold now. For any thread.
class Access {
 public:
  Grant GrantOf(const std::string& name) const;
  void Replace(AccessRules rules);

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const AccessRules> rules_ =
      std::make_shared<AccessRules>();  // Guarded by mutex_.
};

}  // namespace server
