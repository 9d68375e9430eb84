// Times as programs read them.

#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace query {

// RFC 3339, in UTC, with milliseconds: 2026-01-31T23:59:59.042Z.
inline std::string UtcTimeText(uint64_t time_ms) {
  const absl::Time time = absl::FromUnixMillis(static_cast<int64_t>(time_ms));
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

}  // namespace query
