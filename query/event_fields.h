// The fields of a record with their meanings, for programs that show events.

#pragma once

#include <string_view>

#include "absl/functional/function_ref.h"

#include "audit/field.h"
#include "audit/record.h"
#include "query/field_interpreter.h"

namespace query {

// Valid during the call that it is given to.
struct FieldMeaning {
  audit::FieldPlace place;
  std::string_view name;     // As written. Empty for a word.
  std::string_view value;    // As written.
  std::string_view meaning;  // What ausearch -i would say of it, by this collector's tables.
};

// Calls `sink` with each field of a record, as audit::FieldReader finds them, from front to back;
// the words `msg='` and its end are none. `fields` remembers what it looks up, and is best kept for
// the next record.
void ForEachField(const audit::Record& record, FieldInterpreter& fields,
                  absl::FunctionRef<void(const FieldMeaning&)> sink);

}  // namespace query
