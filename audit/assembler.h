// Joins the records of one host into events.
//
// The records of an event arrive one by one, mixed with those of other events. Nothing says how
// many there will be, so an event is taken for complete when
// - its last record has come (see EndsEvent()), or it is of a type that stands alone, or
// - the host's newer records are more than a timeout past its first record.
//
// Records can come even after the last one. So a complete event is held back for a while, and a
// late record still joins it.
//
// Events come out in the order in which ausearch(8) prints those of a log: the one with the lowest
// stamp first, of those that wait. It gets its place in line, which nothing changes, when it stands
// alone, or when an event begins whose stamp is the timeout later, in whole seconds.
//
// The time is the host's own, told by stamps, never that of this machine: old records are
// joined like live ones. An event's age counts from the arrival of its first record, not from its
// stamp, which can be hours old: see node_clock.h. Without newer records nothing happens, until
// Flush().

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"

#include "audit/event.h"
#include "audit/node_clock.h"
#include "audit/record.h"
#include "audit/serial_gaps.h"

namespace audit {

struct AssemblerOptions {
  // As end_of_event_timeout in auditd.conf: how long an event may lack its last record.
  // At most an hour.
  std::chrono::milliseconds end_of_event_timeout{2000};

  // How far the host must be past an event, counted from its first record, before it comes out.
  // 0: at once when it is complete. At most an hour.
  std::chrono::milliseconds hold{2000};

  // Events held in memory, complete or not. A host that writes faster than this within the hold
  // has its events out earlier.
  size_t events_max = 4096;

  // The bytes of their records: some 60,000 records of usual size, and any single event.
  size_t bytes_max = size_t{16} * 1024 * 1024;

  // For a log at rest, where no event need come out soon: the order is that of ausearch even where
  // the log jumps back in time, and events wait for it as long as the log or the limits let them.
  // Otherwise no event waits for more than some holds or timeouts.
  bool at_rest = false;
};

// What an assembler has seen since it was made.
struct AssemblerCounters {
  uint64_t records = 0;          // Added.
  uint64_t events = 0;           // That came out.
  uint64_t late_records = 0;     // That came after their event was out, into a late event.
  uint64_t events_evicted = 0;   // That came out without being complete, at a limit.
  uint64_t events_hurried = 0;   // Complete ones that came out before their hold was over, too.
  uint64_t serials_missing = 0;  // Lost in front of us: the kernel counted, no record came.
};

// Takes the records of one host in the order of their arrival. Each comes out in exactly one event.
// Records belong to one event if their node and stamp are equal.
//
// A record of a type that stands alone joins an event that is not complete, as in ausearch;
// else it is an event of its own, even if others have its stamp. A record whose event is out
// already becomes an event that is marked late.
//
// For one thread at a time.
class Assembler {
 public:
  explicit Assembler(const AssemblerOptions& options = {});

  Assembler(const Assembler&) = delete;
  Assembler& operator=(const Assembler&) = delete;

  // Adds a copy of a record. `record` is what ParseRecord() made of `line`; `tag` goes with the
  // line into the event. Call Take() until it is empty after each call: the limits do not count
  // events that wait to be taken. Returns the event that the record is in now, which is valid until
  // it is taken.
  //
  // The event is marked as whole with the record that ends it, one that makes an event by itself,
  // or one of a type that is not known; and again with any that comes later, save EOE.
  const Event& Add(std::string_view line, const Record& record, uint64_t tag = 0);

  // The next event that is out, or nullopt.
  std::optional<Event> Take();

  // Completes all events and lets them out. The assembler can be used on.
  void Flush();

  // Calls `visit` with each event that is not out yet, in the order in which Flush() would let them
  // out. The event is valid during the call.
  void VisitPending(const std::function<void(const Event&)>& visit) const;

  // Events that wait to come out.
  size_t pending_events() const { return open_.size() + held_.size(); }

  // Whether no event waits, neither to come out nor to be taken.
  bool empty() const { return open_.empty() && held_.empty() && released_.empty(); }

  const AssemblerCounters& counters() const { return counters_; }

 private:
  // Node names are the host's claims, so they are limited. At the limit all are forgotten, which
  // costs a pause in the time and in the watch for missing serials, and no record.
  static constexpr size_t kNodesMax = 1024;

  struct Node {
    NodeClock clock;
    uint64_t now_ms;                 // What now_ms_ would be if this were the only node.
    std::optional<SerialGaps> gaps;  // From the first record that the kernel counted.
  };

  struct Pending {
    Event event;
    uint64_t arrived_ms;         // now_ms_ at its first record.
    uint64_t number;             // Of all events.
    bool has_ended = false;      // Its last record has come.
    bool is_joinable = true;     // It is in joinable_.
    bool needs_no_more = false;  // By the type of its first record.
  };
  using PendingList = std::list<Pending>;
  using Place = std::tuple<Stamp, uint64_t>;       // The stamp, then the number.
  using Key = std::pair<std::string_view, Stamp>;  // The view is of the event's own node.

  void Observe(const Record& record, std::optional<uint32_t> type);
  static void NoteWhole(Pending* pending, std::optional<uint32_t> type);
  PendingList::iterator Join(const Record& record, std::optional<uint32_t> type);
  static Place PlaceOf(const Pending& pending);
  uint64_t AgeOf(const Pending& pending) const { return now_ms_ - pending.arrived_ms; }
  bool IsComplete(const Pending& pending) const;
  bool IsDue(const Pending& pending) const;
  void LineUp();
  void LineUp(PendingList::iterator pending);
  void ReleaseDue();
  void EnforceLimits();
  void Release();
  bool WasReleased(const Key& key) const;
  void GiveUpGaps();

  const AssemblerOptions options_;
  AssemblerCounters counters_;
  uint64_t now_ms_ = 0;  // The host's time, that of its fastest node. Its zero means nothing.
  uint64_t begun_events_ = 0;
  uint64_t last_begun_s_ = 0;  // The seconds of the stamp of the last event that began.
  std::map<std::string, Node, std::less<>> nodes_;

  PendingList open_;  // Without a place in line, in the order of their first records.
  absl::btree_map<Place, PendingList::iterator> open_by_stamp_;  // The same.
  PendingList held_;                                             // In line.
  PendingList released_;                                         // Out, to be taken.
  size_t pending_bytes_ = 0;                                     // Of open_ and held_.
  absl::flat_hash_map<Key, PendingList::iterator> joinable_;
  std::optional<PendingList::iterator> last_joined_;  // Of the record before, if in joinable_.

  // The hashes of the keys of the last events_max events that are out, to know a late record.
  absl::flat_hash_set<size_t> released_keys_;
  std::deque<size_t> released_order_;
};

}  // namespace audit
