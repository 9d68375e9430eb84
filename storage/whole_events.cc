#include "storage/whole_events.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

namespace storage {

namespace {

constexpr uint64_t kNoRecord = uint64_t{1} << 63;

// What a follower takes at once: it may hold them for as long as its reader is slow.
constexpr size_t kTakenBytesMax = 256 << 10;

size_t BytesOf(const WholeEvent& one) {
  return one.event->event.bytes() + sizeof(WholeEvent) + sizeof(OpenEvent);
}

}  // namespace

WholeKey KeyOfWhole(HostId host, const EventOrder& order, const EventEnd& end,
                    uint64_t end_position) {
  if (end.record == 0) return {order.arrival, kNoRecord | order.rank, host, 0, 0};
  return {end.arrival, end_position, host, 0, 0};
}

WholeKey KeyOfWhole(HostId host, const OpenEvent& open) {
  const uint64_t position = open.end.record == 0 ? 0 : open.event.tag(open.end.record - 1);
  return KeyOfWhole(host, open.order, open.end, position);
}

// The rank of an event without a record is never 0.
WholeKey KeyBefore(const EventOrder& next) {
  return {next.arrival, (kNoRecord | next.rank) - 1, std::numeric_limits<uint64_t>::max(), 0, 0};
}

WholeEvents::Watch::Watch(WholeEvents& events) : events_(events) {
  const std::lock_guard lock(events_.mutex_);
  ++events_.watches_;
}

WholeEvents::Watch::~Watch() {
  const std::lock_guard lock(events_.mutex_);
  if (--events_.watches_ > 0) return;
  events_.events_.clear();
  events_.bytes_ = 0;
  events_.from_.reset();
}

void WholeEvents::Add(const WholeKey& from, std::vector<WholeEvent> events, const WholeKey& to) {
  std::vector<WholeEvent> forgotten;  // Given back without the lock.
  const std::lock_guard lock(mutex_);
  if (watches_ == 0) return;
  if (!from_) from_ = from;
  to_ = to;
  if (events.empty()) return;
  for (WholeEvent& one : events) {
    bytes_ += BytesOf(one);
    events_.push_back(std::move(one));
  }
  while (bytes_ > bytes_max_) {
    bytes_ -= BytesOf(events_.front());
    from_ = events_.front().key;
    forgotten.push_back(std::move(events_.front()));
    events_.pop_front();
  }
  added_.notify_all();
}

void WholeEvents::Restart(const WholeKey& at) {
  const std::lock_guard lock(mutex_);
  events_.clear();
  bytes_ = 0;
  from_.reset();
  if (watches_ == 0) return;
  from_ = at;
  to_ = at;
  added_.notify_all();
}

WholeEvents::Taken WholeEvents::Take(const WholeKey& after, std::chrono::milliseconds patience,
                                     std::stop_token stop) {
  std::unique_lock lock(mutex_);
  const auto has_some = [&] {
    return from_ && (*from_ > after || (!events_.empty() && events_.back().key > after));
  };
  added_.wait_for(lock, stop, patience, has_some);
  Taken taken{.reached = after};
  if (!from_) return taken;
  if (*from_ > after) {
    taken.has_gap = true;
    return taken;
  }
  size_t bytes = 0;
  auto next = std::ranges::upper_bound(events_, after, {}, &WholeEvent::key);
  for (; next != events_.end() && bytes < kTakenBytesMax; ++next) {
    bytes += BytesOf(*next);
    taken.events.push_back(*next);
  }
  taken.reached = next == events_.end() ? std::max(after, to_) : taken.events.back().key;
  return taken;
}

}  // namespace storage
