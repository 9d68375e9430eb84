#include "server/api/access.h"

#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"

#include "base/small_file.h"
#include "server/word_lines.h"
#include "storage/host_pattern.h"

namespace server {

namespace {

struct NamedRole {
  Role role;
  std::string_view name;
};

constexpr NamedRole kRoles[] = {
    {Role::kNone, "none"},
    {Role::kIngest, "ingest"},
    {Role::kViewer, "viewer"},
    {Role::kAdmin, "admin"},
};

std::optional<Role> ParseRole(std::string_view name) {
  for (const NamedRole& role : kRoles) {
    if (role.name == name) return role.role;
  }
  return std::nullopt;
}

}  // namespace

std::string_view RoleName(Role role) {
  if (role == Role::kInvited) return "invited";
  for (const NamedRole& named : kRoles) {
    if (named.role == role) return named.name;
  }
  return "";
}

AccessRules::AccessRules() : lines_({{.name_glob = "*", .grant = {.role = Role::kIngest}}}) {}

absl::StatusOr<AccessRules> AccessRules::Parse(std::string_view text,
                                               const std::string& file_name) {
  const absl::StatusOr<std::vector<WordLine>> lines = SplitWordLines(text, file_name);
  if (!lines.ok()) return lines.status();
  AccessRules rules;
  rules.lines_.clear();
  for (const WordLine& line : *lines) {
    const std::vector<std::string>& words = line.words;
    const auto wrong = [&](const std::string& what) { return WrongLine(file_name, line, what); };
    const std::optional<Role> role = ParseRole(words.front());
    if (!role) {
      return wrong(absl::StrFormat("\"%s\" is no role: ingest, viewer, admin or none",
                                   absl::CHexEscape(words.front())));
    }
    if (words.size() < 2) return wrong("whom the role is for is missing");
    Line& made = rules.lines_.emplace_back();
    made.name_glob = words[1];
    made.grant = {.role = *role, .hosts = {words.begin() + 2, words.end()}};
    if (*role == Role::kViewer && made.grant.hosts.empty()) {
      return wrong("a viewer needs hosts that it may see: * for all");
    }
    if (*role != Role::kViewer && !made.grant.hosts.empty()) {
      return wrong("only a viewer has hosts");
    }
  }
  return rules;
}

absl::StatusOr<AccessRules> AccessRules::ReadFile(const std::string& path) {
  const absl::StatusOr<std::string> text = base::ReadSmallFile(path, kWordFileBytesMax + 1);
  if (!text.ok()) return text.status();
  return Parse(*text, path);
}

Grant AccessRules::GrantOf(const std::string& name) const {
  for (const Line& line : lines_) {
    if (storage::MatchesPattern(line.name_glob, name)) return line.grant;
  }
  return {};
}

Grant Access::GrantOf(const std::string& name) const {
  std::shared_ptr<const AccessRules> rules;
  {
    const std::lock_guard lock(mutex_);
    rules = rules_;
  }
  return rules->GrantOf(name);
}

void Access::Replace(AccessRules rules) {
  auto replaced = std::make_shared<const AccessRules>(std::move(rules));
  const std::lock_guard lock(mutex_);
  rules_.swap(replaced);
}

}  // namespace server
