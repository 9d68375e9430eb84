// What was captured and is not worked on yet: between the thread that drains the kernel, which must
// not wait, and the one that does all the rest.

#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"

namespace client_plugin {

// What happens to a record for which the queue has no room.
enum class QueueFull : uint8_t {
  kDropNewest,  // It is dropped.
  kDropOldest,  // Those that have waited longest are.
  kBlock,       // It waits. Only for what comes from auditd: the kernel's records must be taken.
};

// Messages that came together: their types and payloads, packed.
class RecordChunk {
 public:
  void Add(uint16_t message_type, std::string_view payload);

  // Calls `sink` with each message, in their order.
  void ForEach(absl::FunctionRef<void(uint16_t message_type, std::string_view payload)> sink) const;

  size_t bytes() const { return packed_.size(); }
  uint32_t record_count() const { return record_count_; }

 private:
  std::string packed_;
  uint32_t record_count_ = 0;
};

struct RecordQueueOptions {
  // What may wait, in memory. Some 60,000 records, a second of a host at its limits.
  size_t bytes_max = size_t{16} << 20;
  QueueFull when_full = QueueFull::kDropNewest;
};

// All but the gauge only grow.
struct RecordQueueCounters {
  uint64_t bytes = 0;  // Gauge: that wait.
  uint64_t records = 0;
  uint64_t records_dropped = 0;
  uint64_t waits = 0;  // Times that Push() has waited.
};

// One thread takes; any may push, or ask.
class RecordQueue {
 public:
  explicit RecordQueue(const RecordQueueOptions& options)
      : options_(options), when_full_(options.when_full) {}

  RecordQueue(const RecordQueue&) = delete;

  // Takes all messages of the chunk or, at the limit, does what the options say; then the chunk is
  // empty.
  void Push(RecordChunk* chunk);

  // One message. Never waits: where Push() would, it is taken beyond the limit.
  void PushAtOnce(uint16_t message_type, std::string_view payload);

  // What has waited longest. Waits until there is something, the time is over or the queue is
  // closed; then there is none.
  std::optional<RecordChunk> Take(std::chrono::steady_clock::time_point until);

  // Waits until it is closed or, unless Push() waits for room, seven eighths of it are used: then
  // who takes must not dally. False if the time is over before.
  bool WaitForPressure(std::chrono::steady_clock::time_point until);

  // It is to be closed soon: if Push() waits for room, it does so no more, but drops and counts.
  void StopWaiting();

  // Nothing comes any more. What is there can still be taken; Push() drops and counts.
  void Close();

  // Whether it is closed and all was taken.
  bool is_at_end() const;

  RecordQueueCounters counters() const;

 private:
  void Add(RecordChunk chunk);

  bool is_under_pressure() const {
    const bool is_nearly_full = counters_.bytes > options_.bytes_max - options_.bytes_max / 8;
    return is_closed_ || (is_nearly_full && when_full_ != QueueFull::kBlock);
  }

  const RecordQueueOptions options_;
  mutable std::mutex mutex_;  // Guards what follows.
  std::condition_variable changed_;
  QueueFull when_full_;
  std::deque<RecordChunk> chunks_;
  RecordQueueCounters counters_;
  bool is_closed_ = false;
};

}  // namespace client_plugin
