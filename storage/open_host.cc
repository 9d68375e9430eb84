#include "storage/open_host.h"

#include <algorithm>
#include <utility>

#include "audit/record.h"

namespace storage {

namespace {

// What an event takes in memory beside the bytes of its records, with what points to it and what
// the allocator rounds up; and what each of its records takes beside that. Of a collector with
// events of single records this is more than the text.
constexpr size_t kEventOverhead = 400;
constexpr size_t kRecordOverhead = 80;

// How the record at `position` came, which is in one of the runs.
RecordOrigin OriginIn(const std::vector<ArrivalRun>& runs, uint64_t position) {
  const auto after = std::ranges::upper_bound(runs, position, {}, &ArrivalRun::position);
  const ArrivalRun& run = *std::prev(after);
  return {.position = position, .received_ms = run.received_ms, .address = run.address};
}

}  // namespace

void CompleteEvents::AddTo(BlockWriter* writer, const OpenEvent& open) const {
  const audit::Event& event = open.event;
  writer->BeginEvent({.time_ms = event.stamp().time_ms,
                      .serial = event.stamp().serial,
                      .order = open.order,
                      .end = open.end,
                      .node = event.node(),
                      .late = event.late(),
                      .malformed = open.malformed});
  for (size_t i = 0; i < event.record_count(); ++i) {
    writer->AddRecord(event.line(i), OriginIn(runs, event.tag(i)));
  }
}

OpenHost::OpenHost(HostState state)
    : state_(std::move(state)), assembler_({.events_max = kPendingEventsOfHost}) {}

size_t OpenHost::memory_bytes() const {
  return memory_bytes_ + assembler_.pending_events() * kEventOverhead;
}

absl::Status OpenHost::AddJournal(const JournalKey& key, std::string_view value,
                                  CompleteEvents::Events* whole) {
  keeps_whole_ = whole != nullptr;
  StartArrival(key.arrival);
  const absl::Status added = IsRest(value) ? AddRest(key, value) : AddGroup(key, value);
  GiveWhole(whole);
  return added;
}

absl::Status OpenHost::AddRest(const JournalKey& key, std::string_view value) {
  const absl::StatusOr<std::vector<KeptRecord>> records = DecodeRest(value);
  if (!records.ok()) return records.status();
  // Runs are in order of position: what breaks it was not written by PendingRecords().
  uint64_t next = complete_.runs.empty() ? 0 : complete_.runs.back().position + 1;
  for (const KeptRecord& record : *records) {
    if (record.position < next || record.position >= state_.next_position) {
      return absl::DataLossError("journal: records of a rest are not in order");
    }
    next = record.position + 1;
    Add({.position = record.position, .received_ms = record.received_ms, .address = record.address},
        record.line, audit::ParseRecord(record.line),
        record.end_arrival != 0 ? record.end_arrival : key.arrival);
  }
  return absl::OkStatus();
}

absl::Status OpenHost::AddGroup(const JournalKey& key, std::string_view value) {
  absl::StatusOr<JournalGroup> group = JournalGroup::Decode(value);
  if (!group.ok()) return group.status();
  const JournalHeader& header = group->header();
  std::string_view line;
  for (;;) {
    const absl::StatusOr<bool> more = group->Next(&line);
    if (!more.ok()) return more.status();
    if (!*more) break;
    AddRecord(key.arrival, header.received_ms, header.address, line, audit::ParseRecord(line));
  }
  if (header.sender.connection != 0) SetMark(key, header, line);
  return absl::OkStatus();
}

void OpenHost::AddRecord(uint64_t arrival, uint64_t received_ms, std::string_view address,
                         std::string_view line, const absl::StatusOr<audit::Record>& record) {
  StartArrival(arrival);
  Add({.position = state_.next_position++, .received_ms = received_ms, .address = address}, line,
      record, arrival);
}

uint64_t OpenHost::AddPlace(uint64_t arrival, uint64_t received_ms, size_t line_bytes) {
  StartArrival(arrival);
  const uint64_t position = state_.next_position++;
  StartRun({.position = position, .received_ms = received_ms, .address = {}});
  memory_bytes_ += line_bytes + kRecordOverhead;
  return position;
}

void OpenHost::AddEvent(audit::Event event, EventOrder order) {
  state_.next_order = std::max(state_.next_order, order);
  last_arrival_ = std::max(last_arrival_, order.arrival);
  AddComplete(std::move(event), false);
}

// The rest of an earlier seal goes on where its arrival had come to.
void OpenHost::StartArrival(uint64_t arrival) {
  last_arrival_ = std::max(last_arrival_, arrival);
  if (arrival > state_.next_order.arrival) state_.next_order = {.arrival = arrival};
}

void OpenHost::Add(const RecordOrigin& origin, std::string_view line,
                   const absl::StatusOr<audit::Record>& record, uint64_t end_arrival) {
  StartRun(origin);
  memory_bytes_ += line.size() + kRecordOverhead;
  if (record.ok()) {
    const audit::Event& event = assembler_.Add(line, *record, origin.position);
    if (event.whole_records() == event.record_count()) {
      ends_[event.tag(0)] = {.arrival = end_arrival,
                             .record = static_cast<uint32_t>(event.record_count())};
      if (keeps_whole_) whole_pending_[event.tag(0)] = &event;
    }
    TakeComplete();
    return;
  }
  audit::Event malformed("", {.time_ms = origin.received_ms});
  malformed.Add(line, origin.position);
  AddComplete(std::move(malformed), true);
}

void OpenHost::StartRun(const RecordOrigin& origin) {
  std::vector<ArrivalRun>& runs = complete_.runs;
  if (!runs.empty() && runs.back().received_ms == origin.received_ms &&
      runs.back().address == origin.address) {
    return;
  }
  runs.push_back({.position = origin.position,
                  .received_ms = origin.received_ms,
                  .address = std::string(origin.address)});
  memory_bytes_ += sizeof(ArrivalRun);
}

void OpenHost::CompleteAll(EventOrder at_least, CompleteEvents::Events* whole) {
  keeps_whole_ = whole != nullptr;
  state_.next_order = std::max(state_.next_order, at_least);
  assembler_.Flush();
  TakeComplete();
  GiveWhole(whole);
}

// What is whole and pending still is copied: it may change.
void OpenHost::GiveWhole(CompleteEvents::Events* whole) {
  if (whole == nullptr) return;
  for (const auto& [tag, event] : whole_pending_) {
    whole_.push_back(std::make_shared<const OpenEvent>(CopyOf(*event)));
  }
  whole_pending_.clear();
  for (std::shared_ptr<const OpenEvent>& event : whole_) whole->push_back(std::move(event));
  whole_.clear();
}

void OpenHost::TakeComplete() {
  while (std::optional<audit::Event> event = assembler_.Take()) {
    AddComplete(*std::move(event), false);
  }
}

void OpenHost::AddComplete(audit::Event event, bool malformed) {
  const RecordOrigin origin = OriginIn(complete_.runs, event.tag(0));
  complete_records_ += static_cast<uint32_t>(event.record_count());
  complete_bytes_ += event.bytes() + event.record_count() * kRecordOverhead + kEventOverhead;
  memory_bytes_ += kEventOverhead;
  const Day day = DayOf(event.stamp().time_ms);
  const uint64_t tag = event.tag(0);
  EventEnd end{.arrival = state_.next_order.arrival};
  const auto ended = ends_.find(tag);
  const bool had_ended = !malformed && ended != ends_.end();
  if (had_ended) {
    end = ended->second;
    ends_.erase(ended);
  }
  auto complete =
      std::make_shared<const OpenEvent>(OpenEvent{.event = std::move(event),
                                                  .order = state_.next_order,
                                                  .end = end,
                                                  .malformed = malformed,
                                                  .received_ms = origin.received_ms,
                                                  .address = std::string(origin.address)});
  if (keeps_whole_ && !malformed && (whole_pending_.erase(tag) > 0 || !had_ended)) {
    whole_.push_back(complete);
  }
  complete_.days[day].push_back(std::move(complete));
  ++state_.next_order.rank;
}

// As RetryMarks does: the last group tells how many connections of the host are remembered.
void OpenHost::SetMark(const JournalKey& key, const JournalHeader& header,
                       std::string_view last_line) {
  std::vector<RetryMark>& marks = state_.marks;
  std::erase_if(marks,
                [&](const RetryMark& mark) { return mark.connection == header.sender.connection; });
  marks.push_back({.client = std::string(header.address),
                   .connection = header.sender.connection,
                   .arrival = key.arrival,
                   .sequence = header.sender.sequence,
                   .record = FingerprintOf(last_line)});
  const size_t kept = std::max<size_t>(header.sender.siblings, 1);
  if (marks.size() > kept) {
    marks.erase(marks.begin(), marks.end() - static_cast<std::ptrdiff_t>(kept));
  }
}

OpenEvent OpenHost::CopyOf(const audit::Event& event) const {
  const RecordOrigin origin = OriginIn(complete_.runs, event.tag(0));
  const auto ended = ends_.find(event.tag(0));
  return {.event = event,
          .order = state_.next_order,
          .end = ended == ends_.end() ? EventEnd() : ended->second,
          .received_ms = origin.received_ms,
          .address = std::string(origin.address),
          .pending = true};
}

std::vector<OpenEvent> OpenHost::CopyPending() const {
  std::vector<OpenEvent> copies;
  assembler_.VisitPending([&](const audit::Event& event) {
    const auto rank = static_cast<uint32_t>(copies.size());
    copies.push_back(CopyOf(event));
    copies.back().order.rank += rank;
  });
  return copies;
}

void OpenHost::AddRecords(const audit::Event& event, std::vector<KeptRecord>* records) const {
  const auto ended = ends_.find(event.tag(0));
  for (size_t i = 0; i < event.record_count(); ++i) {
    const RecordOrigin origin = OriginIn(complete_.runs, event.tag(i));
    const bool ends = ended != ends_.end() && i + 1 == ended->second.record;
    records->push_back({.position = origin.position,
                        .received_ms = origin.received_ms,
                        .address = origin.address,
                        .end_arrival = ends ? ended->second.arrival : 0,
                        .line = event.line(i)});
  }
}

std::vector<KeptRecord> OpenHost::PendingRecords() const {
  std::vector<KeptRecord> records;
  assembler_.VisitPending([&](const audit::Event& event) { AddRecords(event, &records); });
  // As they arrived: so they are joined again in the same way.
  std::ranges::sort(records, {}, &KeptRecord::position);
  return records;
}

std::vector<KeptRecord> OpenHost::AllRecords() const {
  std::vector<KeptRecord> records = PendingRecords();
  for (const auto& [day, events] : complete_.days) {
    for (const std::shared_ptr<const OpenEvent>& open : events) AddRecords(open->event, &records);
  }
  std::ranges::sort(records, {}, &KeptRecord::position);
  return records;
}

void OpenHost::DropComplete() {
  uint64_t first_pending = state_.next_position;
  assembler_.VisitPending([&](const audit::Event& event) {
    for (size_t i = 0; i < event.record_count(); ++i) {
      first_pending = std::min(first_pending, event.tag(i));
    }
  });
  // The run that holds the first pending record stays, and so does the last one: it may go on.
  std::vector<ArrivalRun>& runs = complete_.runs;
  const auto kept = std::ranges::upper_bound(runs, first_pending, {}, &ArrivalRun::position);
  const auto dropped = kept - runs.begin() - (kept == runs.begin() ? 0 : 1);
  memory_bytes_ -= complete_bytes_ + static_cast<size_t>(dropped) * sizeof(ArrivalRun);
  runs.erase(runs.begin(), runs.begin() + dropped);
  complete_.days.clear();
  complete_records_ = 0;
  complete_bytes_ = 0;
}

}  // namespace storage
