// An event as ausearch -i prints it:
//
//   ----
//   [node=NAME ]type=NAME msg=audit(DATE TIME.mmm:SERIAL) : name=meaning name=meaning ...
//
// with the last record first. Of what auditd says about itself (1200 to 1299) only the last record.

#pragma once

#include <string>

#include "absl/time/time.h"

#include "audit/event.h"
#include "query/field_interpreter.h"

namespace query {

// `fields` remembers what it looks up, and is best kept for the next event.
void AppendInterpretedText(const audit::Event& event, const absl::TimeZone& zone,
                           FieldInterpreter& fields, std::string* text);

}  // namespace query
