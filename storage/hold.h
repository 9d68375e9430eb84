// A legal hold: events that nothing may delete, however old they are.

#pragma once

#include <cstdint>
#include <string>

namespace storage {

// Protects every (host, UTC day) that it overlaps, whole, of all hosts whose name matches, also of
// those that come later. A malformed record belongs to the day of its receipt.
struct Hold {
  uint64_t id = 0;                // Given by the store, from 1, and never given again.
  std::string host_pattern = {};  // A shell pattern (fnmatch(3)), as in SearchRequest.
  uint64_t from_ms = 0;           // Of the events' time,
  uint64_t to_ms = 0;             // both included.
  std::string reason = {};        // For people.
  std::string placed_by = {};     // Likewise.
  uint64_t placed_ms = 0;         // By the collector's clock.

  friend bool operator==(const Hold&, const Hold&) = default;
};

// More than anybody can oversee; all of them are read before each deletion.
inline constexpr size_t kHoldsMax = 10'000;

// Of a pattern, a reason, or the name of who placed it. Room for a sentence and a reference.
inline constexpr size_t kHoldTextMax = 4096;

}  // namespace storage
