// The events that have become whole lately, for those who follow the store.
//
// The indexer adds them as it reads their records, and each follower takes them at its own pace,
// without a look at blocks. They are shared, and kept up to a limit: who has fallen further behind
// finds them in the store. While nobody follows nothing is kept.

#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

#include "storage/open_host.h"
#include "storage/search.h"

namespace storage {

// A place in SearchOrder::kWhole, as SearchCursor has it:
//
//   arrival | position of the record that ends the event | host
//   arrival | 1 << 63 + rank                             | host      of one that no record ends
//
// Followers see whole arrivals, and an arrival is of one host: the rest tells its events apart.
using WholeKey = std::array<uint64_t, 5>;

// `end_position` is that of the record that `end` names.
WholeKey KeyOfWhole(HostId host, const EventOrder& order, const EventEnd& end,
                    uint64_t end_position);

// That of an event that is whole.
WholeKey KeyOfWhole(HostId host, const OpenEvent& open);

// Behind all events that are whole, if the next one without a record has that order.
WholeKey KeyBefore(const EventOrder& next);

struct WholeEvent {
  WholeKey key = {};
  HostId host = 0;
  std::shared_ptr<const OpenEvent> event = {};
};

// For any thread.
class WholeEvents {
 public:
  // Keeps events of so many bytes, about.
  explicit WholeEvents(size_t bytes_max) : bytes_max_(bytes_max) {}

  // Lets events be kept as long as it lives.
  class Watch {
   public:
    explicit Watch(WholeEvents& events);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    WholeEvents& events_;
  };

  bool is_watched() const { return watches_ > 0; }

  // Adds events in their order: all that there are between two places, of which the first is that
  // of the Add() before.
  void Add(const WholeKey& from, std::vector<WholeEvent> events, const WholeKey& to);

  // Forgets the events: what has come before this place may be in the store alone.
  void Restart(const WholeKey& at);

  struct Taken {
    bool has_gap = false;  // Events behind the place are not here any more.
    std::vector<WholeEvent> events = {};
    WholeKey reached = {};  // There are no others up to here.
  };

  // The next events behind a place. Waits for one until `stop` is requested or patience is over.
  Taken Take(const WholeKey& after, std::chrono::milliseconds patience, std::stop_token stop);

 private:
  const size_t bytes_max_;
  std::atomic<size_t> watches_ = 0;  // Changed with mutex_ held.

  std::mutex mutex_;  // Guards what follows.
  std::condition_variable_any added_;
  std::deque<WholeEvent> events_;
  size_t bytes_ = 0;
  std::optional<WholeKey> from_;  // All events from here on are in events_,
  WholeKey to_ = {};              // up to here. Without from_, nothing was added yet.
};

}  // namespace storage
