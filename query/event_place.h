// Where and when an event happened.

#pragma once

#include <string_view>

#include "absl/time/time.h"

#include "audit/record.h"

namespace query {

struct EventPlace {
  std::string_view node;  // Escaped. Empty if its records name none.
  audit::Stamp stamp;
  absl::TimeZone zone;  // Of him who reads.
};

}  // namespace query
