// Following: EventStore::Follow().

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>

#include "absl/container/flat_hash_map.h"

#include "storage/store_engine.h"
#include "storage/store_search.h"

namespace storage {

namespace {

// Events are taken so often at most: what comes one by one is given in fewer steps.
constexpr std::chrono::milliseconds kStep{10};

// While the store is opened anew.
constexpr std::chrono::milliseconds kReopenStep{200};

// A search keeps files open, and events that were open when it began. A reader that is slow must
// not make us keep them for hours.
constexpr std::chrono::seconds kSearchTime{5};

absl::Status Stopped() { return absl::CancelledError("follow: cancelled"); }

// Waits until the end of a step. False if it is time to stop.
bool WaitForStep(std::chrono::steady_clock::time_point end, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_until(lock, stop, end, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace

// The hosts whose events are wanted, as they are met.
class EventStore::Engine::WantedHosts {
 public:
  WantedHosts(const Engine& engine, const FollowRequest& request)
      : engine_(engine), request_(request) {}

  // Null if the host is not wanted.
  const Identity* Find(HostId host) {
    const auto [found, is_new] = hosts_.try_emplace(host);
    if (is_new) {
      const std::lock_guard lock(engine_.mutex_);
      if (engine_.hosts_.Matches(host, request_.host_patterns, request_.visible_hosts)) {
        found->second = std::make_unique<const Identity>(engine_.hosts_.identity(host));
      }
    }
    return found->second.get();
  }

 private:
  const Engine& engine_;
  const FollowRequest& request_;
  absl::flat_hash_map<HostId, std::unique_ptr<const Identity>> hosts_;
};

absl::Status EventStore::Engine::Follow(const FollowRequest& request, const FollowSink& sink) {
  if (!directory_) return absl::FailedPreconditionError("store: open for reading only");
  if (request.after && request.after->order != SearchOrder::kWhole) {
    return absl::InvalidArgumentError("follow: the cursor is of another order");
  }
  const WholeEvents::Watch watch(whole_);
  WantedHosts hosts(*this, request);
  SearchCursor reached{.order = SearchOrder::kWhole};
  bool has_gap = request.after.has_value();
  if (has_gap) {
    reached = *request.after;
  } else {
    const std::shared_ptr<Running> running = this->running();
    if (running == nullptr) return absl::UnavailableError("store: not open after a disk error");
    const absl::StatusOr<WholeKey> now = running->indexer.Settled(request.stop);
    if (!now.ok()) return now.status();
    reached.key = *now;
  }
  for (;;) {
    const auto begin = std::chrono::steady_clock::now();
    CaughtUp caught_up;
    if (has_gap) {
      const absl::StatusOr<CaughtUp> searched = CatchUp(request, sink, &reached);
      if (request.stop.stop_requested()) return Stopped();
      // The database is closed after a disk error, and opened anew: what was asked of it has ended.
      if (absl::IsUnavailable(searched.status()) || absl::IsCancelled(searched.status())) {
        if (!sink.reached(reached)) return absl::OkStatus();
        if (!WaitForStep(begin + kReopenStep, request.stop)) return Stopped();
        continue;
      }
      if (!searched.ok()) return searched.status();
      caught_up = *searched;
    }
    if (!caught_up.is_wanted || !sink.reached(reached)) return absl::OkStatus();
    if (!caught_up.is_whole) continue;
    if (!WaitForStep(begin + kStep, request.stop)) return Stopped();
    const WholeEvents::Taken taken = whole_.Take(reached.key, request.beat, request.stop);
    if (request.stop.stop_requested()) return Stopped();
    has_gap = taken.has_gap;
    for (const WholeEvent& one : taken.events) {
      const Identity* const host = hosts.Find(one.host);
      if (host == nullptr || !request.predicate.Matches(one.event->event)) continue;
      const FoundEvent found{.host = *host,
                             .address = one.event->address,
                             .received_ms = one.event->received_ms,
                             .event = one.event->event,
                             .pending = one.event->pending,
                             .cursor = {.order = SearchOrder::kWhole, .key = one.key}};
      if (!sink.event(found)) return absl::OkStatus();
    }
    reached.key = taken.reached;
  }
}

// Gives what is in the store behind *reached, and sets it to the end of what was given.
absl::StatusOr<EventStore::Engine::CaughtUp> EventStore::Engine::CatchUp(
    const FollowRequest& request, const FollowSink& sink, SearchCursor* reached) const {
  const absl::StatusOr<Moment> moment =
      Look(request.host_patterns, request.stop, request.visible_hosts);
  if (!moment.ok()) return moment.status();
  // Arrivals are counted on from what the files hold. A store that has lost some, or that was put
  // back from a copy, has other events behind the cursor.
  if (reached->key[0] > moment->view.settled[0]) {
    return absl::OutOfRangeError(
        "follow: the store has nothing so new: it has lost what was there");
  }
  const SearchRequest behind{.predicate = request.predicate,
                             .order = SearchOrder::kWhole,
                             .after = *reached,
                             .stop = request.stop,
                             .memory_bytes_max = request.memory_bytes_max};
  const auto end = std::chrono::steady_clock::now() + kSearchTime;
  CaughtUp caught_up;
  StoreSearch search(moment->view, moment->hosts, behind);
  const absl::Status searched = search.FindEvents([&](const FoundEvent& found) {
    caught_up.is_wanted = sink.event(found);
    reached->key = found.cursor.key;
    caught_up.is_whole = std::chrono::steady_clock::now() < end;
    return caught_up.is_wanted && caught_up.is_whole;
  });
  if (!searched.ok()) return searched;
  if (caught_up.is_wanted && caught_up.is_whole) {
    reached->key = std::max(reached->key, moment->view.settled);
  }
  return caught_up;
}

}  // namespace storage
