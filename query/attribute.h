// Attributes: what ausearch(8) takes an event to be about, and compares its options with.
//
// A term (term.h) is any value of a field in any record of an event. An attribute is narrower: an
// event has one pid, one uid and one executable, whatever its records say. Which record tells it,
// and in which field, depends on the types of the records; where several do, the last counts unless
// the table in attribute_source.cc says otherwise. Only an event's files, keys, contexts and
// containers are many.
//
// Each value of an attribute is one of the event's terms of TermFieldsOf(attribute), or a part of
// one, or one behind the working directory, unless it stands for "there is none". So an index of
// terms finds a superset of the events: see MayMatch().

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"

#include "audit/event.h"
#include "query/term.h"

namespace query {

enum class Attribute : uint8_t {
  kPid,
  kPpid,
  kUid,  // Users and groups are numbers; for names see NameIs.
  kEuid,
  kAuid,  // The user who has logged in.
  kGid,
  kEgid,
  kSession,
  kExit,  // What the system call has returned: "0", "-13".
  kExe,
  kComm,
  kTerminal,
  kHost,  // The name of a remote host, or its address if it has no name.
  kFile,  // Many. A name that begins with ./ or ../ stands behind the working directory.
  kCwd,
  kKey,      // Many.
  kSubject,  // Many.
  kObject,   // Many.
  kUuid,
  kVm,
  kContainer,  // Many: the outermost and the innermost. ausearch has no option for them.
};

// The attribute that the API calls so: "pid", "file". The names do not change. nullopt for any
// other text.
std::optional<Attribute> ParseAttribute(std::string_view name);

// The reverse.
std::string_view AttributeName(Attribute attribute);

// Calls `sink` with each value. It is valid during the call. A value that stands for "there is
// none", such as (none), is given as it is written, but not that of a key or a container.
void ForEachValue(Attribute attribute, const audit::Event& event,
                  absl::FunctionRef<void(std::string_view)> sink);

// The terms that an attribute's values come from.
std::span<const TermField> TermFieldsOf(Attribute attribute);

// A condition: a value of the attribute is, or contains, the text.
struct AttributeIs {
  Attribute attribute = {};
  std::string text;
  TermMatch match = TermMatch::kIs;
};

bool Matches(const AttributeIs& is, const audit::Event& event);

// Whether an event that has this term, as an index has it, may match. An event without any such
// such term does not match, unless MayLackTerm().
bool MayMatch(const AttributeIs& is, std::string_view indexed_value);

// Whether a value that is no term, such as (none), matches.
bool MayLackTerm(const AttributeIs& is);

// Whether only a term that equals the text can match, so that it can be looked up.
bool IsLookup(const AttributeIs& is);

// A condition: the user or group of the attribute (kUid to kEgid) has the name, on the host that
// the event is of. That is told by what auditd has looked up there, behind the record's 0x1d.
// Without that, `number` is what the name means here; none if that says nothing about the host.
// root is always 0, and unset 4294967295.
struct NameIs {
  Attribute attribute = {};
  std::string name;
  std::optional<uint32_t> number = {};
};

bool Matches(const NameIs& is, const audit::Event& event);

// The number that a name has on every host: that of root and unset.
std::optional<uint32_t> NumberOfEveryHost(std::string_view name);

}  // namespace query
