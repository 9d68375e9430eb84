// Terms: what an event can be found by.
//
// A term is a field and a value, e.g. (exe, "/usr/bin/passwd"). The terms of an event come out of
// the fields of its records, and what feeds what is defined here, once: HasTerm of predicate.h
// asks whole events, and the index of a store is made of single columns, without events. Both
// give the same terms:
//
//   terms of an event  := its node (kNode), and the terms of each of its records
//   terms of a record  := its type (kType), its SyscallTerm() (kSyscall), and of each field, for
//                         each of its TermFieldsOf(): the values of ForEachTermValue()
//
// Fields that are not indexed have terms likewise, which only HasTerm and columns know.
//
// A term can come more than once. Bytes are compared exactly, with their case. A value can hold
// any byte, and is as long as its record lets it be; an index that limits its keys has
// IndexedTerm(). query/README.md has the table of the fields.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"

#include "audit/event.h"
#include "audit/field.h"

namespace query {

// The numbers are stored in the index: never change one, only add.
enum class TermField : uint8_t {
  kType = 1,     // The type of the record, as it has it: "SYSCALL", "UNKNOWN[1420]".
  kSyscall = 2,  // See SyscallTerm(): "c000003e 257".
  kKey = 3,      // -k of an audit rule. A record with several keys has several.
  kExe = 4,
  kComm = 5,
  kFile = 6,  // The name of a file, a watched directory, or a unix socket.
  kCwd = 7,

  // Users and groups are the numbers that the record shows: "0", "4294967295".
  kAuid = 16,
  kUid = 17,
  kEuid = 18,
  kSuid = 19,
  kFsuid = 20,
  kGid = 24,
  kEgid = 25,
  kSgid = 26,
  kFsgid = 27,

  kSuccess = 32,  // "yes" or "no", whatever words the record has for it; other words as they are.
  kExit = 33,     // "0", "-13".

  kHostName = 40,  // hostname=, which is an address in some records.
  kAddress = 41,   // addr=, and the address of an internet socket: "10.0.0.1", "fe80::1".
  kTerminal = 42,
  kAccount = 43,
  kNode = 44,  // The event's: from the prefix of its records.
  kSession = 45,

  kSubject = 48,  // The security context of who did it, and
  kObject = 49,   // of what it was done to.

  kUuid = 56,  // Of a virtual machine,
  kVm = 57,    // and its name.

  kContainer = 58,  // The id of a container that the process is in: the outermost, the innermost.

  // Not in the index: see IsIndexed().
  kPid = 128,
  kPpid = 129,
  kUidName = 130,  // What auditd has looked up on the host: UID="root".
  kEuidName = 131,
  kAuidName = 132,
  kGidName = 133,
  kEgidName = 134,
};

// Whether an index has terms of the field. What has other values in almost every event would make
// it as large as the records, and names say in other words what numbers say: these are read from
// the records' columns.
constexpr bool IsIndexed(TermField field) { return field < TermField::kPid; }

// Those of an index, in the order of their numbers.
std::span<const TermField> TermFields();

// The name that people use: "type", "key", "hostname". It does not change either.
std::string_view TermFieldName(TermField field);

// The reverse. nullopt for any other text.
std::optional<TermField> ParseTermField(std::string_view name);

// Which term fields a field feeds: none or one, and two in the case of a socket's address, which
// is a file or an internet address by its value. Depends on the arguments only, so that a column
// need ask only once. The result lives forever.
//
// kType, kSyscall and kNode do not come from single fields, and are never in it.
std::span<const TermField> TermFieldsOf(std::string_view record_type, std::string_view name,
                                        audit::FieldPlace place);

// Calls `sink` with each value that the text of the field gives, which is valid during the call.
// None if it is absent: (null), (none), ?, or nothing between quotes. One or, of keys, several
// otherwise. `term_field` is one of TermFieldsOf() of the field. Allocates nothing but memory to
// decode into.
void ForEachTermValue(std::string_view record_type, TermField term_field, const audit::Field& field,
                      absl::FunctionRef<void(std::string_view)> sink);

// The value of kSyscall: "c000003e 257", from the values of arch= and syscall= as they stand.
// nullopt if one of them is absent. Of a record, it is made from the first field named arch and
// the first named syscall that have FieldPlace::kRecord, in any order; a record that lacks one of
// them has no such term.
std::optional<std::string> SyscallTerm(std::string_view arch, std::string_view syscall);

// Calls `sink` with every term of the event that is indexed. The value is valid during the call.
void ForEachTerm(const audit::Event& event,
                 absl::FunctionRef<void(TermField, std::string_view)> sink);

enum class TermMatch : uint8_t {
  kIs,        // The value is the text.
  kContains,  // The text stands somewhere in the value. An empty text asks for any value at all.
};

// A condition: one of the event's values of the field is, or contains, the text.
struct HasTerm {
  TermField field = TermField::kType;
  std::string text;
  TermMatch match = TermMatch::kIs;
};

// Whether it is so. Reads no more of the event than it takes to tell, and no record twice.
bool Matches(const HasTerm& term, const audit::Event& event);

// An index need not have keys longer than this: paths and keys of real logs are shorter, and a
// path is rarely near PATH_MAX.
inline constexpr size_t kTermBytesMax = 1024;

// What an index has instead of the value: its first kTermBytesMax bytes. The index then gives a
// superset of the events, and Matches() decides:
// - kIs looks up IndexedTerm(text);
// - kContains must also take every entry of kTermBytesMax bytes, since what was cut off may hold
//   the text.
inline std::string_view IndexedTerm(std::string_view value) {
  return value.substr(0, kTermBytesMax);
}

}  // namespace query
