// An event as a sentence of ausearch --format text:
//
//   [On NODE at | At ]TIME DATE SUBJECT[, acting as USER,] successfully ACTION OBJECT to OBJECT
//   using HOW

#pragma once

#include <string>

#include "query/event_place.h"
#include "query/normal_form.h"

namespace query {

// Leaves out what the form does not know. Ends with a newline.
void AppendSentenceText(const EventPlace& place, const NormalForm& form, std::string* text);

}  // namespace query
