#include "client-plugin/filter.h"

#include <algorithm>
#include <array>
#include <fnmatch.h>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "audit/record_type.h"
#include "base/number.h"
#include "base/user_database.h"
#include "client-plugin/rules/refusal.h"

namespace client_plugin {

namespace {

constexpr std::string_view kGlobBytes = "*?[\\";

// What a key field shows when there is none.
constexpr std::string_view kNoKey = "(null)";

// The auid of who has not logged in.
constexpr uint32_t kUnset = std::numeric_limits<uint32_t>::max();

absl::StatusOr<uint32_t> UserByName(const std::string& name) {
  const absl::StatusOr<uint32_t> user = base::FindUser(name);
  if (user.ok()) return user;
  if (absl::IsNotFound(user.status())) return RefusalOf(name, "is no user here");
  return absl::UnavailableError(absl::StrCat("user ", name, ": ", user.status().message()));
}

}  // namespace

absl::StatusOr<Filter> Filter::Parse(std::string_view text) {
  Filter filter;
  filter.text_ = text;
  std::vector<std::string> words = absl::StrSplit(absl::string_view(text.data(), text.size()),
                                                  absl::ByAnyChar(" \t"), absl::SkipEmpty());
  if (!words.empty() && (words.front() == "keep" || words.front() == "drop")) {
    filter.keeps_ = words.front() == "keep";
    words.erase(words.begin());
  }
  if (words.empty()) return RefusalOf(text, "has no condition");
  for (const std::string& word : words) {
    const absl::Status added = filter.AddCondition(word);
    if (!added.ok()) return added;
  }
  if (filter.types_.none()) return RefusalOf(text, "takes no type");
  return filter;
}

absl::Status Filter::AddCondition(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == 0 || equals == std::string_view::npos) {
    return RefusalOf(text, "is no condition: NAME=VALUE,... or NAME!=VALUE,...");
  }
  const bool is_negated = text[equals - 1] == '!';
  const std::string_view name = text.substr(0, is_negated ? equals - 1 : equals);
  const std::string_view list = text.substr(equals + 1);
  const std::vector<std::string> values =
      absl::StrSplit(absl::string_view(list.data(), list.size()), ',');
  if (std::any_of(values.begin(), values.end(),
                  [](const std::string& value) { return value.empty(); })) {
    return RefusalOf(text, "lacks a value");
  }
  if (name == "type") return AddTypes(values, is_negated);
  absl::StatusOr<Condition> condition = ParseCondition(name, values, is_negated);
  if (!condition.ok()) return condition.status();
  conditions_.push_back(*std::move(condition));
  return absl::OkStatus();
}

absl::Status Filter::AddTypes(const std::vector<std::string>& values, bool is_negated) {
  Types named;
  for (const std::string& value : values) {
    std::optional<uint32_t> number = base::ParseNumber<uint32_t>(value);
    if (!number.has_value()) number = audit::RecordTypeNumber(value);
    if (number.has_value() && *number < kTypesEnd) {
      named.set(*number);
      continue;
    }
    bool is_known = false;
    for (uint32_t type = 0; type < kTypesEnd; ++type) {
      if (fnmatch(value.c_str(), audit::RecordTypeName(type).c_str(), 0) != 0) continue;
      named.set(type);
      is_known = true;
    }
    if (!is_known) return RefusalOf(value, "is no type of a record");
  }
  types_ &= is_negated ? ~named : named;
  return absl::OkStatus();
}

absl::StatusOr<Filter::Condition> Filter::ParseCondition(std::string_view name,
                                                         const std::vector<std::string>& values,
                                                         bool is_negated) {
  if (name == "key" || name == "exe") {
    Texts texts{.field = name == "key" ? &ProcessFields::key : &ProcessFields::exe,
                .patterns = {},
                .is_negated = is_negated};
    for (const std::string& value : values) texts.patterns.push_back(ParsePattern(value));
    return texts;
  }
  if (name == "uid" || name == "auid" || name == "euid") {
    Users users{.field = name == "uid"    ? &ProcessFields::uid
                         : name == "auid" ? &ProcessFields::auid
                                          : &ProcessFields::euid,
                .ranges = {},
                .is_negated = is_negated};
    for (const std::string& value : values) {
      const absl::StatusOr<UserRange> range = ParseUsers(value);
      if (!range.ok()) return range.status();
      users.ranges.push_back(*range);
    }
    return users;
  }
  if (name == "syscall") {
    Syscalls syscalls{.set = {}, .is_negated = is_negated};
    for (const std::string& value : values) {
      if (const std::optional<uint32_t> number = base::ParseNumber<uint32_t>(value)) {
        syscalls.set.AddNumber(*number);
      } else if (!syscalls.set.AddName(value)) {
        return RefusalOf(value, "is no system call");
      }
    }
    return syscalls;
  }
  return RefusalOf(name, "is none of type, key, exe, uid, auid, euid and syscall");
}

absl::StatusOr<Filter::UserRange> Filter::ParseUsers(const std::string& value) {
  if (value == "unset" || value == "-1") return UserRange{kUnset, kUnset};
  if (const std::optional<uint32_t> user = base::ParseNumber<uint32_t>(value)) {
    return UserRange{*user, *user};
  }
  const size_t dash = value.find('-');
  if (dash != std::string::npos) {
    const std::string_view text = value;
    const auto first = base::ParseNumber<uint32_t>(text.substr(0, dash));
    const auto last = base::ParseNumber<uint32_t>(text.substr(dash + 1));
    if (first.has_value() && last.has_value()) {
      if (*first > *last) return RefusalOf(value, "begins behind its end");
      return UserRange{*first, *last};
    }
  }
  const absl::StatusOr<uint32_t> user = UserByName(value);
  if (!user.ok()) return user.status();
  return UserRange{*user, *user};
}

Filter::Pattern Filter::ParsePattern(const std::string& value) {
  const size_t special = value.find_first_of(kGlobBytes);
  if (special == std::string::npos) return {.kind = Pattern::Kind::kExact, .text = value};
  if (special == value.size() - 1 && value.back() == '*') {
    return {.kind = Pattern::Kind::kPrefix, .text = value.substr(0, special)};
  }
  return {.kind = Pattern::Kind::kGlob, .text = value};
}

bool Filter::Matches(const Pattern& pattern, std::string_view text) {
  switch (pattern.kind) {
    case Pattern::Kind::kExact:
      return text == pattern.text;
    case Pattern::Kind::kPrefix:
      return text.starts_with(pattern.text);
    case Pattern::Kind::kGlob:
      return fnmatch(pattern.text.c_str(), std::string(text).c_str(), 0) == 0;
  }
  return false;
}

bool Filter::MatchesAny(const Texts& texts, std::string_view record_type, const audit::Field& field,
                        std::string* scratch) {
  const auto matches = [&](std::string_view text) {
    return std::any_of(texts.patterns.begin(), texts.patterns.end(),
                       [&](const Pattern& pattern) { return Matches(pattern, text); });
  };
  std::string_view text = audit::DecodeValue(record_type, field, scratch);
  if (texts.field != &ProcessFields::key) return matches(text);
  if (audit::IsAbsent(text)) {
    return std::any_of(texts.patterns.begin(), texts.patterns.end(),
                       [](const Pattern& pattern) { return pattern.text == kNoKey; });
  }
  std::string_view key;
  while (audit::TakeKey(&text, &key)) {
    if (matches(key)) return true;
  }
  return false;
}

bool Filter::Matches(std::string_view record_type, const ProcessFields& fields,
                     std::string* scratch) const {
  for (const Condition& condition : conditions_) {
    if (const auto* const texts = std::get_if<Texts>(&condition)) {
      const audit::Field& field = fields.*(texts->field);
      if (field.name.empty()) return false;
      if (MatchesAny(*texts, record_type, field, scratch) == texts->is_negated) return false;
    } else if (const auto* const users = std::get_if<Users>(&condition)) {
      const std::optional<uint32_t>& user = fields.*(users->field);
      if (!user.has_value()) return false;
      const bool is_one = std::any_of(
          users->ranges.begin(), users->ranges.end(),
          [&](const UserRange& range) { return *user >= range.first && *user <= range.last; });
      if (is_one == users->is_negated) return false;
    } else {
      const auto& syscalls = std::get<Syscalls>(condition);
      if (!fields.arch.has_value() || !fields.syscall.has_value()) return false;
      if (syscalls.set.Contains(*fields.arch, *fields.syscall) == syscalls.is_negated) return false;
    }
  }
  return true;
}

}  // namespace client_plugin
