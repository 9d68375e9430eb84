// What may be asked of a store, and what it answers.

#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "audit/event.h"
#include "query/predicate.h"
#include "query/term.h"
#include "storage/batch.h"

namespace storage {

// In which order events come.
enum class SearchOrder : uint8_t {
  // That in which they were complete at the collector: what ausearch prints of a log that holds the
  // records of all hosts as they came.
  kReceipt,
  kReceiptDescending,
  // By the time of their stamps; then by host and serial.
  kTime,
  kTimeDescending,
};

// A place between two events of a search. It stays valid whatever is written, sealed or merged
// meanwhile, for searches of the same order. An event whose records are still coming is found at
// once; when it is complete it may take a later place in the order of receipt, and be found again.
struct SearchCursor {
  SearchOrder order = SearchOrder::kReceipt;
  std::array<uint64_t, 5> key = {};

  friend auto operator<=>(const SearchCursor&, const SearchCursor&) = default;
};

struct SearchRequest {
  query::Predicate predicate = {};

  // Shell patterns (fnmatch(3)); a host matches if its name matches one. Empty: all hosts.
  std::vector<std::string> host_patterns = {};

  SearchOrder order = SearchOrder::kReceipt;
  std::optional<uint64_t> limit = {};          // Of events.
  std::optional<SearchCursor> after = {};      // Only events behind it. Of the same order.
  std::stop_token stop = {};                   // Ends the search with kCancelled.
  size_t memory_bytes_max = size_t{64} << 20;  // For events that wait for their turn, about.
};

// Valid during the call that it is given to.
struct FoundEvent {
  const Identity& host;
  const audit::Event& event;
  SearchCursor cursor;  // Behind this event.
};

// Valid during the call that it is given to.
struct MalformedRecord {
  const Identity& host;
  std::string_view address;  // Empty for the collector's own.
  uint64_t received_ms;
  std::string_view line;
};

// How many events have each value of a field.
struct CountRequest {
  query::TermField field = {};
  query::Predicate predicate = {};
  std::vector<std::string> host_patterns = {};
  std::stop_token stop = {};
  size_t values_max = 1'000'000;  // kResourceExhausted beyond it.
};

struct ValueCount {
  std::string value;
  uint64_t events = 0;  // With the value; an event with two values counts for both.

  friend bool operator==(const ValueCount&, const ValueCount&) = default;
};

}  // namespace storage
