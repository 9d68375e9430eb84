#include "audit/assembler.h"

#include <algorithm>
#include <iterator>

#include "absl/hash/hash.h"

#include "audit/record_type.h"

namespace audit {

namespace {

// A time step of NodeClock, the longest that the time moves at once, is far above this.
constexpr std::chrono::milliseconds kTimeoutMax = std::chrono::hours(1);

AssemblerOptions Clamp(AssemblerOptions options) {
  const std::chrono::milliseconds zero{0};
  options.end_of_event_timeout = std::clamp(options.end_of_event_timeout, zero, kTimeoutMax);
  options.hold = std::clamp(options.hold, zero, kTimeoutMax);
  return options;
}

// Without ausearch's order, which may be that of clocks that were set back, an event need wait for
// no more than its own time and that of one that is in front of it.
constexpr uint64_t kTurnsMax = 2;

// Whether ausearch takes an event that begins with such a record for complete, although others
// could follow. So it does of types that it does not know.
bool IsTheOnlyOne(uint32_t type) { return EndsEvent(type) && !IsEndMark(type); }

// An event of the kernel, most often: a system call, its paths and the title of its process.
constexpr size_t kEventBytesUsual = 1024;

uint64_t Milliseconds(std::chrono::milliseconds duration) {
  return static_cast<uint64_t>(duration.count());
}

}  // namespace

Assembler::Assembler(const AssemblerOptions& options) : options_(Clamp(options)) {}

const Event& Assembler::Add(std::string_view line, const Record& record, uint64_t tag) {
  ++counters_.records;
  const std::optional<uint32_t> type = RecordTypeNumber(record.type);
  Observe(record, type);

  const auto pending = Join(record, type);
  pending->event.Add(line, tag);
  pending_bytes_ += line.size();
  if (pending->event.late()) ++counters_.late_records;
  if (type.has_value() && EndsEvent(*type)) pending->has_ended = true;
  NoteWhole(&*pending, type);

  LineUp();
  ReleaseDue();
  EnforceLimits();
  return pending->event;
}

std::optional<Event> Assembler::Take() {
  if (released_.empty()) return std::nullopt;
  std::optional<Event> event = std::move(released_.front().event);
  released_.pop_front();
  return event;
}

void Assembler::Flush() {
  while (!open_.empty()) LineUp(open_by_stamp_.begin()->second);
  while (!held_.empty()) Release();
  GiveUpGaps();
}

void Assembler::VisitPending(const std::function<void(const Event&)>& visit) const {
  for (const PendingList* pending : {&released_, &held_}) {
    for (const Pending& one : *pending) visit(one.event);
  }
  for (const auto& [place, pending] : open_by_stamp_) visit(pending->event);
}

// Waits no longer for serials that are missing.
void Assembler::GiveUpGaps() {
  for (auto& [name, node] : nodes_) {
    if (node.gaps.has_value()) counters_.serials_missing += node.gaps->GiveUp();
  }
}

// Moves the time, and watches the serials.
void Assembler::Observe(const Record& record, std::optional<uint32_t> type) {
  auto found = nodes_.find(record.node);
  if (found == nodes_.end()) {
    if (nodes_.size() == kNodesMax) {
      GiveUpGaps();
      nodes_.clear();
    }
    const Node unwatched{NodeClock(record.stamp.time_ms), now_ms_, std::nullopt};
    found = nodes_.emplace(record.node, unwatched).first;
  }
  Node& node = found->second;
  const NodeClock::Step step = node.clock.Observe(record.stamp.time_ms);
  node.now_ms += step.ms;
  // Nodes whose clocks run alike stay together. One that is left behind, by another that jumped
  // ahead or by its own that was set back, must not need hours to move the time again.
  if (step.set_back || now_ms_ > node.now_ms + NodeClock::kLateMaxMs) node.now_ms = now_ms_;
  now_ms_ = std::max(now_ms_, node.now_ms);

  if (type.has_value() && IsFromDaemon(*type)) return;
  const uint32_t serial = record.stamp.serial;
  if (!node.gaps.has_value()) {
    const auto patience = std::max(options_.end_of_event_timeout, options_.hold);
    node.gaps.emplace(serial, Milliseconds(patience));
  } else if (step.set_back) {
    counters_.serials_missing += node.gaps->Restart(serial);
  } else {
    counters_.serials_missing += node.gaps->Observe(serial, step.is_newest, now_ms_);
  }
}

// Notes whether the event is whole with the record that it was just given.
void Assembler::NoteWhole(Pending* pending, std::optional<uint32_t> type) {
  Event& event = pending->event;
  const bool is_first = event.record_count() == 1;
  const bool ends = pending->has_ended || (is_first && pending->needs_no_more);
  const bool tells_more = event.whole_records() > 0 && !(type && IsEndMark(*type));
  if (tells_more || (event.whole_records() == 0 && ends)) event.MarkWhole();
}

// Finds the event that a record belongs to, or makes it.
Assembler::PendingList::iterator Assembler::Join(const Record& record,
                                                 std::optional<uint32_t> type) {
  const bool stands_alone = type.has_value() && StandsAlone(*type);
  // Mostly that of the record before.
  if (last_joined_ && (*last_joined_)->event.stamp() == record.stamp &&
      (*last_joined_)->event.node() == record.node && !stands_alone) {
    return *last_joined_;
  }
  const auto found = joinable_.find(Key(record.node, record.stamp));
  if (found != joinable_.end() && !(stands_alone && IsComplete(*found->second))) {
    last_joined_ = found->second;
    return found->second;
  }
  open_.push_back({.event = Event(record.node, record.stamp),
                   .arrived_ms = now_ms_,
                   .number = begun_events_++,
                   .is_joinable = !stands_alone,
                   .needs_no_more = stands_alone || !type.has_value() || IsTheOnlyOne(*type)});
  const auto pending = std::prev(open_.end());
  open_by_stamp_.emplace_hint(open_by_stamp_.end(), PlaceOf(*pending), pending);
  last_begun_s_ = record.stamp.time_ms / 1000;
  if (pending->is_joinable) {
    const Key key(pending->event.node(), record.stamp);
    if (WasReleased(key)) pending->event.MarkLate();
    pending->event.Reserve(kEventBytesUsual);
    joinable_.emplace(key, pending);
    last_joined_ = pending;
  }
  return pending;
}

Assembler::Place Assembler::PlaceOf(const Pending& pending) {
  return {pending.event.stamp(), pending.number};
}

// Nothing tells when a late event ends, so it need not wait.
bool Assembler::IsComplete(const Pending& pending) const {
  return pending.has_ended || !pending.is_joinable || pending.event.late() ||
         AgeOf(pending) > Milliseconds(options_.end_of_event_timeout);
}

bool Assembler::IsDue(const Pending& pending) const {
  return IsComplete(pending) && AgeOf(pending) >= Milliseconds(options_.hold);
}

void Assembler::LineUp() {
  const uint64_t timeout_ms = Milliseconds(options_.end_of_event_timeout);
  while (!open_.empty()) {
    const auto lowest = open_by_stamp_.begin()->second;
    const uint64_t lowest_s = lowest->event.stamp().time_ms / 1000;
    const bool has_place = lowest->needs_no_more || lowest_s + timeout_ms / 1000 <= last_begun_s_ ||
                           (!options_.at_rest && IsDue(*lowest));
    if (!has_place) break;
    LineUp(lowest);
  }
  // After a clock was set back, there can be lower stamps for hours.
  const uint64_t age_max_ms = kTurnsMax * std::max(timeout_ms, Milliseconds(options_.hold));
  while (!options_.at_rest && !open_.empty() && AgeOf(open_.front()) > age_max_ms) {
    LineUp(open_.begin());
  }
}

void Assembler::LineUp(PendingList::iterator pending) {
  open_by_stamp_.erase(PlaceOf(*pending));
  held_.splice(held_.end(), open_, pending);
}

// An event that is not due yet holds back those behind it, whose places are behind it. It is due
// within one timeout or hold, so this ends.
void Assembler::ReleaseDue() {
  while (!held_.empty() && IsDue(held_.front())) Release();
}

void Assembler::EnforceLimits() {
  while (open_.size() + held_.size() > options_.events_max || pending_bytes_ > options_.bytes_max) {
    if (held_.empty()) LineUp(open_by_stamp_.begin()->second);
    ++(IsComplete(held_.front()) ? counters_.events_hurried : counters_.events_evicted);
    Release();
  }
}

// Lets the first of the held events out.
void Assembler::Release() {
  const Pending& pending = held_.front();
  pending_bytes_ -= pending.event.bytes();
  ++counters_.events;
  if (pending.is_joinable) {
    const Key key(pending.event.node(), pending.event.stamp());
    joinable_.erase(key);
    if (last_joined_ == held_.begin()) last_joined_.reset();
    const size_t hash = absl::Hash<Key>()(key);
    if (released_keys_.insert(hash).second) released_order_.push_back(hash);
    if (released_order_.size() > options_.events_max) {
      released_keys_.erase(released_order_.front());
      released_order_.pop_front();
    }
  }
  released_.splice(released_.end(), held_, held_.begin());
}

bool Assembler::WasReleased(const Key& key) const {
  return released_keys_.contains(absl::Hash<Key>()(key));
}

}  // namespace audit
