// An event as ausearch(8) prints it.

#pragma once

#include <string>

#include "absl/time/time.h"

#include "audit/event.h"
#include "query/escape.h"

namespace query {

// Appends what --raw prints: the lines as they were received, in their order, each with a newline.
void AppendRawText(const audit::Event& event, std::string* text);

// Appends what ausearch prints without a format option:
//
//   ----
//   time->Sun Sep 13 12:26:40 2020
//   record, the last one first, up to the 0x1d byte in front of an enriched tail
//
// The time is that of `zone`, in English whatever the locale. Of an event of auditd itself there is
// only the last record, and nothing is escaped but what a terminal would obey.
void AppendDefaultText(const audit::Event& event, const absl::TimeZone& zone, EscapeMode escape,
                       std::string* text);

}  // namespace query
