// Which field of which record tells an attribute: how ausearch(8) and aureport(8) read records.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "audit/field.h"
#include "query/attribute.h"
#include "query/record_kind.h"

namespace query {

// What becomes of an attribute that more than one record of an event tells.
enum class AttributeMerge : uint8_t {
  kLast,   // The last record that has it counts.
  kFirst,  // It counts only if no record before has it.
  kAll,    // Each record adds a value.
};

struct AttributeSource {
  Attribute attribute;
  uint32_t kinds;
  std::string_view name;            // The field.
  std::string_view otherwise = {};  // The field where a record has none of that name.
  AttributeMerge merge = AttributeMerge::kLast;
};

// Where records of one kind tell the attribute; nullptr if they do not. Kinds and fields that the
// table does not have: keys, which are read from every record, containers, which are all terms of
// their kind, and FindUserUid() and FindNew().
const AttributeSource* FindSource(Attribute attribute, Kind kind);

// The fields of a record that auditd has not looked up, in their order.
void ReadOwnFields(std::string_view body, std::vector<audit::Field>* fields);

// Which of a record's own fields is the uid of the user that it is about, if its kind is one of
// kAnyUser: a program tells its own uid, and then that of the user, if it is another one.
std::optional<size_t> FindUserUid(std::span<const audit::Field> fields);

// Whether ausearch and aureport put the working directory in front of such a name of a file.
bool IsBehindDirectory(std::string_view name);

// Of old auid=... new auid=..., as kernels before 3.14 wrote kLogin records, the new one. Needs the
// fields' values.
std::optional<size_t> FindNew(std::span<const audit::Field> fields, std::string_view name);

}  // namespace query
