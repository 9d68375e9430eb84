// An event as a line of ausearch --format csv.

#pragma once

#include <string>

#include "query/event_place.h"
#include "query/normal_form.h"

namespace query {

// The columns that are there only if asked for.
struct CsvColumns {
  bool keys = false;
  bool labels = false;
  bool second_object = false;
  bool time = false;
};

// The names of the columns, with a newline.
std::string CsvHeaderText(const CsvColumns& columns);

// Values are not quoted, as those of ausearch.
void AppendCsvText(const EventPlace& place, const NormalForm& form, const CsvColumns& columns,
                   std::string* text);

}  // namespace query
