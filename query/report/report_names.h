// Numbers in words, as aureport(8) -i has them.

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"

#include "query/report/event_facts.h"

namespace query {

struct ReportNamesOptions {
  bool interpret = false;  // Else numbers stay numbers.

  // The names of users of this machine. Empty: they say nothing about the hosts, so users without a
  // name of their host are shown by number, but for root and unset.
  std::function<std::optional<std::string>(uint32_t)> user_name = {};
};

// Remembers what it has looked up. For one thread at a time.
class ReportNames {
 public:
  explicit ReportNames(ReportNamesOptions options) : options_(std::move(options)) {}

  bool interprets() const { return options_.interpret; }

  // `name` is what the host's auditd has looked up, or absent. Users that an event does not tell of
  // are -2, and "unset" are those who have not logged in. Valid until the next call.
  std::string_view User(std::optional<uint32_t> uid, const FactText& name);

  // The number, if what User() tells is in words and no host has named it: the user may have a name
  // that is known elsewhere.
  std::optional<uint32_t> UnnamedUser(std::optional<uint32_t> uid, const FactText& name) const;

  // "?" where there was none. Texts are as in EventFacts. Valid until the next call.
  std::string_view Syscall(const FactText& arch, const FactText& syscall, const FactText& name);

  // Of a type of records, as a record has it, and its number.
  std::string Type(std::string_view type, std::optional<uint32_t> number) const;

 private:
  const ReportNamesOptions options_;
  absl::flat_hash_map<uint32_t, std::string> users_;
  std::string text_;
  absl::flat_hash_map<std::string, std::string> syscalls_;  // By arch and number.
};

}  // namespace query
