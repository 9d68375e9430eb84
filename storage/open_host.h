// The records of one host that are in no block yet: joined into events, sorted by day, waiting to
// be sealed.
//
// What is in here is in the journal, too, and is made out of it again after a crash: the same
// groups in the same order give the same events in the same order.

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "audit/assembler.h"
#include "audit/event.h"
#include "audit/record.h"
#include "storage/block.h"
#include "storage/block_writer.h"
#include "storage/host_state.h"
#include "storage/journal.h"
#include "storage/term_index.h"

namespace storage {

// An event that waits for its block.
struct OpenEvent {
  audit::Event event;  // Tags are positions. A malformed one has one line, which does not parse.
  EventOrder order = {};
  EventEnd end = {};  // If it has none, and is pending, it is not whole yet.
  bool malformed = false;
  uint64_t received_ms = 0;  // Of its first record.
  std::string address = {};
  bool pending = false;  // Records of it may still come.

  bool is_whole() const { return !pending || end.record > 0; }
};

// Records that came alike: those from `position` on, up to the next run.
struct ArrivalRun {
  uint64_t position = 0;
  uint64_t received_ms = 0;
  std::string address = {};
};

// Events that can be sealed, and how their records came. Shared: whoever has it may read it.
struct CompleteEvents {
  using Events = std::vector<std::shared_ptr<const OpenEvent>>;

  std::map<Day, Events> days = {};  // In their order.
  std::vector<ArrivalRun> runs = {};

  // Adds one of the events to a block.
  void AddTo(BlockWriter* writer, const OpenEvent& event) const;
};

// Events that may be held back for records that come late. A host that sends a thousand records a
// second holds them back for less than the assembler's two seconds; else a hundred of them would
// hold more than all that is to be open.
inline constexpr size_t kPendingEventsOfHost = 1024;

// Not thread-safe.
class OpenHost {
 public:
  explicit OpenHost(HostState state);

  // Takes a value of the journal. kDataLoss if it cannot be read whole; what came before the damage
  // is taken.
  // Adds to *whole, if given, each event that is whole by now and was not before, or tells more.
  absl::Status AddJournal(const JournalKey& key, std::string_view value,
                          CompleteEvents::Events* whole = nullptr);

  // Takes one record of an arrival, of which there may be many. Arrivals come in order. `record` is
  // what ParseRecord() makes of the line.
  void AddRecord(uint64_t arrival, uint64_t received_ms, std::string_view address,
                 std::string_view line, const absl::StatusOr<audit::Record>& record);

  // For records that are joined elsewhere: the place of the next record that arrives, of so many
  // bytes, and a complete event of such records, whose tags are their places. Orders are never
  // lower than before.
  uint64_t AddPlace(uint64_t arrival, uint64_t received_ms, size_t line_bytes);
  void AddEvent(audit::Event event, EventOrder order);

  // The records of an event that waits elsewhere, likewise, for the journal.
  void AddRecords(const audit::Event& event, std::vector<KeptRecord>* records) const;

  // Completes all events. None of these has a lower order than `at_least`. `whole` likewise.
  void CompleteAll(EventOrder at_least, CompleteEvents::Events* whole = nullptr);

  // The last arrival of which there was a record. The order of events can be ahead of it.
  uint64_t last_arrival() const { return last_arrival_; }

  // What is complete.
  const CompleteEvents& complete() const { return complete_; }
  uint32_t complete_records() const { return complete_records_; }

  // Copies of the events that are not complete yet, as they are now.
  std::vector<OpenEvent> CopyPending() const;
  bool has_pending() const { return !assembler_.empty(); }

  // Whether there are events that nothing but a later record, or CompleteAll(), makes whole.
  bool has_unended() const { return assembler_.pending_events() > ends_.size(); }

  bool empty() const { return complete_.days.empty() && !has_pending(); }

  // All that it holds, about, in bytes.
  size_t memory_bytes() const;

  // All records that it holds, in order of arrival, for the journal. Views are valid until the host
  // changes.
  std::vector<KeptRecord> AllRecords() const;

  // Those of events that are not complete, likewise: what stays once complete() is in blocks.
  std::vector<KeptRecord> PendingRecords() const;

  const HostState& state() const { return state_; }

  // Forgets complete().
  void DropComplete();

 private:
  void StartArrival(uint64_t arrival);
  absl::Status AddRest(const JournalKey& key, std::string_view value);
  absl::Status AddGroup(const JournalKey& key, std::string_view value);
  void Add(const RecordOrigin& origin, std::string_view line,
           const absl::StatusOr<audit::Record>& record, uint64_t end_arrival);
  OpenEvent CopyOf(const audit::Event& event) const;
  void GiveWhole(CompleteEvents::Events* whole);
  void TakeComplete();
  void AddComplete(audit::Event event, bool malformed);
  void SetMark(const JournalKey& key, const JournalHeader& header, std::string_view last_line);
  void StartRun(const RecordOrigin& origin);

  HostState state_;
  uint64_t last_arrival_ = 0;
  audit::Assembler assembler_;
  // Of pending events, by the tags of their first records.
  absl::flat_hash_map<uint64_t, EventEnd> ends_;

  // What is whole since it was last given away, in no order: complete events, and tags of others.
  bool keeps_whole_ = false;
  CompleteEvents::Events whole_;
  absl::flat_hash_map<uint64_t, const audit::Event*> whole_pending_;

  CompleteEvents complete_;  // The runs are those of pending records, too.
  uint32_t complete_records_ = 0;
  size_t memory_bytes_ = 0;  // Without what pending events take beside their records.
  size_t complete_bytes_ = 0;
};

}  // namespace storage
