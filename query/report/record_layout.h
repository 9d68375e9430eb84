// Which fields of a record tell what reports show: found out once for all records of one shape.
//
// The rules are those of attribute_source.h and outcome.h, which this only applies to shapes.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "audit/field.h"
#include "query/record_kind.h"

namespace query {

// What a field is read for.
enum class Role : uint8_t {
  kPid,
  kUid,
  kAuid,
  kSession,
  kExe,
  kComm,
  kTerminal,
  kHost,
  kOtherHost,  // The address, where kHost has no name.
  kFile,
  kNameType,  // What a name in a PATH record is of, if nothing stands behind it.
  kCwd,
  kKey,
  kArch,
  kSyscall,
  kSuccess,
  kRes,
  kResult,
  kAccount,
  kKeystrokes,
  kAuidName,     // What the host's auditd has looked up for auid=,
  kUidName,      // uid=, if that is kUid,
  kSyscallName,  // and syscall=.
};
inline constexpr size_t kRoles = static_cast<size_t>(Role::kSyscallName) + 1;

using RoleSet = uint32_t;
constexpr RoleSet SetOf(Role role) { return RoleSet{1} << static_cast<unsigned>(role); }

// Those that tell the outcome.
inline constexpr RoleSet kOutcomeRoles =
    SetOf(Role::kSuccess) | SetOf(Role::kRes) | SetOf(Role::kResult);

inline constexpr RoleSet kAllRoles = (RoleSet{1} << kRoles) - 1;

struct RecordLayout {
  Kind kind = kNoKind;
  std::optional<uint32_t> type_number = {};
  uint32_t classes = 0;  // EventClass.

  // Of the record's fields the one with the role; -1 for none.
  std::array<int16_t, kRoles> places = {};
  RoleSet first_wins = 0;  // Roles that count only if no record before has told them.

  // The places depend on values: the record must be read as text, and they are not set.
  bool needs_text = false;

  int16_t place(Role role) const { return places[static_cast<size_t>(role)]; }
  bool has(Role role) const { return place(role) >= 0; }
};

// The layout of records of this type with these fields, of which names and places are read. Records
// of some types, and those with more than one key, have to be read as text.
RecordLayout LayOut(std::string_view type, std::span<const audit::Field> fields);

// The same for one record: never needs_text.
RecordLayout LayOutRecord(std::string_view type, std::span<const audit::Field> fields);

}  // namespace query
