// What may be asked of a store, and what it answers.

#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstdint>
#include <functional>
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
  // By the time of their stamps; then by serial and host.
  kTime,
  kTimeDescending,
  // That in which they were whole at the collector: had the records that end them, or were complete
  // without. Others are not found. Nothing moves in this order, and what becomes whole comes at its
  // end, so who goes on from the last cursor misses nothing and finds nothing twice; but an event
  // that gets one more record after its end (save EOE) is whole anew, and found again.
  kWhole,
};

// A place between two events of a search. It stays valid whatever is written, sealed or merged
// meanwhile, for searches of the same order. An event whose records are still coming is found at
// once; when it is complete it takes a place in the order of receipt that is behind all that were
// found before, and is found again.
struct SearchCursor {
  SearchOrder order = SearchOrder::kReceipt;
  std::array<uint64_t, 5> key = {};

  friend auto operator<=>(const SearchCursor&, const SearchCursor&) = default;
};

// How a search of the store went about its answer.
struct SearchExplanation {
  // A condition, and how many of the blocks hold what it asks for, by the index.
  struct Step {
    std::string condition;
    bool is_lookup =
        false;  // One term was looked up; else all terms of a field were looked through.
    uint64_t blocks = 0;
  };
  std::vector<Step> steps = {};  // In the order in which they were taken.
  bool by_index = false;  // The index has named the blocks. Else all blocks in the time are read.
  uint64_t blocks_planned = 0;  // That may hold a match,
  uint64_t blocks_read = 0;     // and those that were opened before the search ended.
  uint64_t events_read = 0;     // Events put together out of their columns.
  uint64_t open_events = 0;     // Looked at that are in no block yet.
};

struct SearchRequest {
  query::Predicate predicate = {};

  // Shell patterns (fnmatch(3)); a host matches if its name matches one. Empty: all hosts.
  std::vector<std::string> host_patterns = {};

  // Likewise, of the hosts that there are for the asker. Empty: all.
  std::vector<std::string> visible_hosts = {};

  SearchOrder order = SearchOrder::kReceipt;
  std::optional<uint64_t> limit = {};          // Of events.
  std::optional<SearchCursor> after = {};      // Only events behind it. Of the same order.
  std::stop_token stop = {};                   // Ends the search with kCancelled.
  size_t memory_bytes_max = size_t{64} << 20;  // For events that wait for their turn, about.
  SearchExplanation* explanation = nullptr;    // Filled in, if given. Must outlive the search.
};

// Valid during the call that it is given to.
struct FoundEvent {
  const Identity& host;
  std::string_view
      address;           // Its first record's sender. Empty for the collector's own and imports.
  uint64_t received_ms;  // When that record came.
  const audit::Event& event;
  bool pending;         // Records of it may still come.
  SearchCursor cursor;  // Behind this event.
};

// Far more than a screen has columns.
inline constexpr uint64_t kBucketsMax = 10'000;

// How many events there are in each bucket of a time, by the time of their stamps.
struct HistogramRequest {
  query::Predicate predicate = {};
  std::vector<std::string> host_patterns = {};
  std::vector<std::string> visible_hosts = {};  // As in SearchRequest.

  query::TimeRange time = {};  // Bucket 0 begins where it does; the last one may be cut.
  uint64_t bucket_ms = 0;      // Not 0.

  // What counts are split by: the values of an indexed field, or the hosts; or not at all.
  std::optional<query::TermField> field = {};
  bool by_host = false;
  size_t series_max = 0;  // The most frequent values; the others are summed.

  std::stop_token stop = {};
  size_t counts_max = 1'000'000;  // Of values in buckets. kResourceExhausted beyond it.
};

struct HistogramSeries {
  std::string value = {};
  uint64_t total = 0;
  std::vector<uint64_t> events = {};  // By bucket.
};

struct Histogram {
  std::vector<uint64_t> events = {};  // All that match, by bucket.

  // The most frequent value first. An event with two values counts for both.
  std::vector<HistogramSeries> series = {};
  HistogramSeries others = {};  // Of the values that are in no series.
  uint64_t value_count = 0;     // Of all values.
};

// What a follower wants of the store.
struct FollowRequest {
  query::Predicate predicate = {};
  std::vector<std::string> host_patterns = {};  // As in SearchRequest.
  std::vector<std::string> visible_hosts = {};

  // Of SearchOrder::kWhole: what is behind it in the store is given first. None: only what comes
  // from now on.
  std::optional<SearchCursor> after = {};

  std::chrono::milliseconds beat{1000};        // How often it is told of its place, at least.
  size_t memory_bytes_max = size_t{64} << 20;  // As in SearchRequest.
  std::stop_token stop = {};                   // Ends it with kCancelled.
};

// Each returns false to end it.
struct FollowSink {
  std::function<bool(const FoundEvent&)> event;

  // All that match up to this place were given. Called when nothing more is at hand.
  std::function<bool(const SearchCursor&)> reached;
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
  std::vector<std::string> visible_hosts = {};  // As in SearchRequest.
  std::stop_token stop = {};
  size_t values_max = 1'000'000;  // kResourceExhausted beyond it.
};

struct ValueCount {
  std::string value;
  uint64_t events = 0;  // With the value; an event with two values counts for both.

  friend bool operator==(const ValueCount&, const ValueCount&) = default;
};

}  // namespace storage
