// Makes an event of any bytes.

#pragma once

#include <algorithm>
#include <optional>
#include <string_view>

#include "audit/event.h"
#include "audit/record.h"

namespace fuzz {

// The lines of the input that are records with the stamp of the first one.
inline std::optional<audit::Event> ReadEvent(std::string_view input) {
  std::optional<audit::Event> event;
  while (!input.empty()) {
    const std::string_view line = input.substr(0, input.find('\n'));
    input.remove_prefix(std::min(input.size(), line.size() + 1));
    const absl::StatusOr<audit::Record> record = audit::ParseRecord(line);
    if (!record.ok()) continue;
    if (!event.has_value()) event.emplace(record->node, record->stamp);
    if (record->stamp == event->stamp()) event->Add(line);
  }
  return event;
}

}  // namespace fuzz
