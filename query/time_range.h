// A span of time.

#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

namespace query {

// Both ends belong to it. Empty if the first is later than the last. The default is all of time.
struct TimeRange {
  uint64_t from_ms = 0;  // Milliseconds since the epoch.
  uint64_t to_ms = std::numeric_limits<uint64_t>::max();

  bool empty() const { return from_ms > to_ms; }
  bool Contains(uint64_t time_ms) const { return from_ms <= time_ms && time_ms <= to_ms; }

  friend bool operator==(const TimeRange&, const TimeRange&) = default;
};

inline constexpr TimeRange kNoTime = {.from_ms = 1, .to_ms = 0};

// What is in both.
inline TimeRange Intersection(const TimeRange& a, const TimeRange& b) {
  return {.from_ms = std::max(a.from_ms, b.from_ms), .to_ms = std::min(a.to_ms, b.to_ms)};
}

// The shortest range that has both in it.
inline TimeRange Hull(const TimeRange& a, const TimeRange& b) {
  if (a.empty()) return b;
  if (b.empty()) return a;
  return {.from_ms = std::min(a.from_ms, b.from_ms), .to_ms = std::max(a.to_ms, b.to_ms)};
}

}  // namespace query
