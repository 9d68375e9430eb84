// The filters of an agent, and what each of them has dropped.
//
// The first filter that a record meets decides: it is dropped, or, by a `keep`, kept. A record that
// meets none is kept.
//
// A filter with types only looks at single records. All other conditions are of events, and the
// first record of an event decides, with what it says, for those that follow: so that of an event
// all is dropped, or nothing. With types beside them, only records of these types are dropped.
//
// The first record is SYSCALL most often. Where something else comes first, such as the AVC or
// NETFILTER_CFG record of a system call, then either it says itself who did it (SECCOMP, records of
// user space), or the event is kept whole: an AVC record never stands alone in the store because
// someone had the system call filtered. Records that filters of types drop do not count as first.
// A first record that is kept for its type (`keep type=AVC`) keeps its event.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "audit/record.h"
#include "client-plugin/filter.h"

namespace client_plugin {

// What met a filter, and no earlier one. Of a `keep` it was kept.
struct FilterCounters {
  std::string text;  // The filter, as it was given.
  uint64_t records = 0;
  uint64_t events = 0;  // Those that the records are of.
  uint64_t bytes = 0;   // Of the records, without newlines.
};

// What becomes of a record.
struct Verdict {
  bool is_dropped = false;
  std::optional<size_t> filter;  // The one that it has met, by its place in the order.
};

// For one thread at a time.
class Filters {
 public:
  // As many as an agent can have: each is a bit.
  static constexpr size_t kFiltersMax = 64;

  // None: nothing is dropped.
  Filters() = default;

  // Filters in their order. kInvalidArgument, also if there are too many, or kUnavailable; the
  // message begins with the filter's number, from 1 on.
  static absl::StatusOr<Filters> Parse(std::span<const std::string> texts);

  bool empty() const { return filters_.empty(); }

  // Judges a record: `line` is all of it. Records have to come in the order in which they were
  // written. What cannot be read is kept.
  Verdict Judge(uint16_t message_type, std::string_view line) {
    return empty() ? Verdict{} : JudgeByFilters(message_type, line);
  }
  bool Drops(uint16_t message_type, std::string_view line) {
    return Judge(message_type, line).is_dropped;
  }

  // Of each filter, in their order.
  const std::vector<FilterCounters>& counters() const { return counters_; }

  // Events that were forgotten before they were over, since too many others had begun. Their last
  // records were kept, if they came.
  uint64_t events_forgotten() const { return events_forgotten_; }

 private:
  // An event, as its first record left it.
  struct Event {
    audit::Stamp stamp;
    bool is_decided = false;
    bool has_ended = true;
    uint64_t filters = 0;  // Those that it meets, type aside, and that do not have types only.
    uint64_t counted = 0;  // Those that count it.
  };

  Verdict JudgeByFilters(uint16_t message_type, std::string_view line);
  uint64_t FiltersOfType(uint16_t message_type) const;
  Event& FindEvent(const audit::Stamp& stamp);
  void Decide(uint64_t of_type, const audit::Record& record, Event* event);

  std::vector<Filter> filters_;
  std::vector<FilterCounters> counters_;
  std::vector<uint64_t> filters_by_type_;  // One bit for each filter that takes the type.
  uint64_t of_types_only_ = 0;
  uint64_t of_events_ = 0;  // The others.
  uint64_t keeps_ = 0;

  std::vector<Event> events_;  // By the low bits of their serials.
  uint64_t events_forgotten_ = 0;
  std::string scratch_;
};

}  // namespace client_plugin
