// The calls that are being answered: how many there may be, who makes them, how they end.
//
// Each call has a thread of its own while it is answered: a search reads from the disk, and waits
// for a reader that is slow.

#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"

#include "server/api/caller.h"
#include "server/api/method.h"
#include "server/metrics.h"

namespace server {

struct CallLimits {
  // Calls that are answered at once: what two processors can do something for, and some that wait
  // for their readers.
  size_t calls_max = 64;

  // Of them, those of one caller: one dashboard must not take the places of all others.
  size_t calls_of_caller_max = 32;

  // Of all calls, and of those of one caller, the ones that go on until they are ended: others must
  // find a place.
  size_t endless_calls_max = 32;
  size_t endless_calls_of_caller_max = 8;

  // A caller that does not take a message within this is cut off.
  std::chrono::milliseconds stall_max{60'000};

  // A caller whose call has to end has so long to take the message that is on its way. Then it
  // hears of no reason but CANCELLED.
  std::chrono::milliseconds end_time{2'000};

  // Messages that wait for a caller to read, of one call.
  size_t answer_bytes = 64 << 10;
};

// What is counted of calls. For any thread. All but the gauge only grow.
struct CallCounters {
#define AUSPEX_CALL_COUNTERS(X)                                                          \
  X(calls_open, "gauge: calls that are being answered")                                  \
  X(calls_endless_open, "gauge: of them, those that go on until they are ended")         \
  X(calls_total, "calls that were answered")                                             \
  X(calls_refused_identity_total, "calls refused because nobody knows who makes them")   \
  X(calls_refused_role_total, "calls refused because the caller may not make them")      \
  X(calls_refused_limit_total, "calls refused because there were too many")              \
  X(calls_refused_endless_total, "of them, those that would go on until they are ended") \
  X(calls_ended_stalled_total, "calls ended because their callers did not read")         \
  X(calls_ended_limit_total, "calls ended because their answers were too large")         \
  X(calls_ended_time_total, "calls ended because they took longer than api_max_time")    \
  X(calls_ended_revoked_total, "calls ended because their callers may not ask any more")
#define AUSPEX_DECLARE(name, meaning) std::atomic<uint64_t> name = 0;
  AUSPEX_CALL_COUNTERS(AUSPEX_DECLARE)
#undef AUSPEX_DECLARE
};

// With the prefix "auspexd_".
std::vector<Metric> MetricsOf(const CallCounters& counters);

// A call that has ended, or was refused to a caller that we know.
struct EndedCall {
  const Caller& caller;
  const Method& method;
  const google::protobuf::Message& request;
  uint64_t results = 0;
  std::string detail = {};  // Call::detail.
  absl::Status status = {};
};

// For any thread.
class Calls {
 public:
  // `callers` must outlive the calls. `ended` is told of each call before its caller is, on the
  // thread of the call.
  Calls(const Callers& callers, const CallLimits& limits,
        std::function<void(const EndedCall&)> ended);

  // As Stop().
  ~Calls();

  // Answers a call on a thread of its own, then calls `done` there with how it has ended: when all
  // replies are on their way, or the call is over. If the call is refused `done` is called at once.
  // `request` and `replies` must live until then. `stop` ends the call.
  void Answer(const Method& method, const absl::StatusOr<Caller>& caller,
              const google::protobuf::Message& request, Replies& replies, std::stop_source stop,
              std::function<void(const absl::Status&)> done);

  // Of calls that end by themselves and have not begun yet, how long they may take. 0, as it is at
  // first: as long as it takes.
  void SetTimeMax(std::chrono::milliseconds time_max);

  // Ends the calls of whoever may not do any more what it might when they began. To be called when
  // the rules of access have changed.
  void EndRevoked();

  // Refuses new calls, and ends those there are. Waits until no thread of a call is left. May be
  // called more than once.
  void Stop();

  // A caller did not read for `stall_max`.
  void CountStalled() { ++counters_.calls_ended_stalled_total; }

  const CallLimits& limits() const { return limits_; }
  const CallCounters& counters() const { return counters_; }

 private:
  using Clock = std::chrono::steady_clock;

  struct Running {
    Caller caller;
    bool is_endless = false;
    std::stop_source stop;
    Clock::time_point deadline = Clock::time_point::max();
    std::chrono::milliseconds time_max{0};
    bool is_late = false;  // Ended by the deadline.
  };

  struct Count {
    size_t all = 0;
    size_t endless = 0;
  };

  absl::Status TakePlace(const Method& method, const Caller& caller, const std::stop_source& stop,
                         uint64_t* call);
  void GivePlaceBack(uint64_t call);
  std::string ReasonToRefuse(const Method& method, const Caller& caller,
                             const Count& of_caller) const;
  absl::Status ReasonToEnd(const Caller& caller) const;
  void EndLate(const std::stop_token& stop);

  const Callers& callers_;
  const CallLimits limits_;
  const std::function<void(const EndedCall&)> ended_call_;
  CallCounters counters_;

  std::mutex mutex_;  // Guards what follows.
  std::condition_variable ended_;
  std::condition_variable_any begun_;
  std::chrono::milliseconds time_max_{0};
  std::unordered_map<uint64_t, Running> running_;
  size_t endless_ = 0;                                  // Of them.
  absl::flat_hash_map<std::string, Count> running_of_;  // By the name of the caller.
  uint64_t next_call_ = 0;
  bool stopping_ = false;

  std::jthread timer_;  // Last: runs EndLate().
};

}  // namespace server
