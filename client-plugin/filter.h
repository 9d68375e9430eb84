// A filter: which records the agent does not send.
//
//   filter    := [ "drop " | "keep " ] condition { " " condition }
//   condition := name ( "=" | "!=" ) value { "," value }
//
//   name            value                                      is asked of
//   type            CWD, USER_*, 1307, UNKNOWN[1420]           the record
//   key             noise, tmp-*; (null): there is none        the event
//   exe             /usr/bin/backup, /opt/app/*                the event
//   uid, auid,      root, 0, 1000-1999, unset                  the event
//   euid
//   syscall         openat, 257: of whatever kind of machine   the event
//
// All conditions of a filter must be met, = by one of the values, != by none. Types, keys and
// programs are globs as in fnmatch(3), and * matches "/", too; a value that has a blank or a comma
// in it is written with ? in their place. Users are looked up once, on this host.
//
// What is asked of the event is what its first record says, SYSCALL most often: see filters.h. A
// condition on something that the record does not have is not met, neither = nor !=: a USER_LOGIN
// record has no syscall. An event has one key or several; key!= means all of them. The key that a
// CONFIG_CHANGE record names is that of a rule, and no event's.
//
// Whoever decides what to drop should know that a program in a container, or one of a user's own,
// can have any name; and that uid is not who has logged in (auid).

#pragma once

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"

#include "client-plugin/process_fields.h"
#include "client-plugin/syscall_set.h"

namespace client_plugin {

// A value. For one thread at a time.
class Filter {
 public:
  // kInvalidArgument if it is no filter, or names a type, user or system call that is not known;
  // the message names the part of it. kUnavailable if the users cannot be asked for.
  static absl::StatusOr<Filter> Parse(std::string_view text);

  // As it was given.
  const std::string& text() const { return text_; }

  // Whether records that meet it are kept, whatever the filters behind it say.
  bool keeps() const { return keeps_; }

  // Whether records of the type can meet it.
  bool TakesType(uint16_t type) const { return types_[TypeIndex(type)]; }

  // Whether it asks for nothing else.
  bool is_of_types_only() const { return conditions_.empty(); }

  // Whether the event of a record meets all conditions but that on the type. `record_type` is the
  // name in the record. *scratch is memory to decode into.
  bool Matches(std::string_view record_type, const ProcessFields& fields,
               std::string* scratch) const;

 private:
  // Types from 3000 on have no names, and are all alike.
  static constexpr size_t kTypesEnd = 3000;
  static size_t TypeIndex(uint16_t type) { return type < kTypesEnd ? type : kTypesEnd; }
  using Types = std::bitset<kTypesEnd + 1>;

  // A glob that is compared without fnmatch(3) where it can be.
  struct Pattern {
    enum class Kind : uint8_t { kExact, kPrefix, kGlob } kind;
    std::string text;
  };
  struct Texts {
    audit::Field ProcessFields::*field;
    std::vector<Pattern> patterns;
    bool is_negated;
  };
  struct UserRange {
    uint32_t first;
    uint32_t last;
  };
  struct Users {
    std::optional<uint32_t> ProcessFields::*field;
    std::vector<UserRange> ranges;
    bool is_negated;
  };
  struct Syscalls {
    SyscallSet set;
    bool is_negated;
  };
  using Condition = std::variant<Texts, Users, Syscalls>;

  Filter() { types_.set(); }

  absl::Status AddCondition(std::string_view text);
  absl::Status AddTypes(const std::vector<std::string>& values, bool is_negated);
  static absl::StatusOr<Condition> ParseCondition(std::string_view name,
                                                  const std::vector<std::string>& values,
                                                  bool is_negated);
  static absl::StatusOr<UserRange> ParseUsers(const std::string& value);
  static Pattern ParsePattern(const std::string& value);
  static bool Matches(const Pattern& pattern, std::string_view text);
  static bool MatchesAny(const Texts& texts, std::string_view record_type,
                         const audit::Field& field, std::string* scratch);

  std::string text_;
  bool keeps_ = false;
  Types types_;  // That it takes.
  std::vector<Condition> conditions_;
};

}  // namespace client_plugin
