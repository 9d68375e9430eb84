#include "client-plugin/record_queue.h"

#include <cstring>
#include <utility>

namespace client_plugin {

namespace {

// What is packed in front of each payload.
struct Head {
  uint32_t bytes;
  uint16_t message_type;
};
constexpr size_t kHeadBytes = sizeof(uint32_t) + sizeof(uint16_t);

}  // namespace

void RecordChunk::Add(uint16_t message_type, std::string_view payload) {
  const auto bytes = static_cast<uint32_t>(payload.size());
  char head[kHeadBytes];
  std::memcpy(head, &bytes, sizeof(bytes));
  std::memcpy(head + sizeof(bytes), &message_type, sizeof(message_type));
  packed_.append(head, kHeadBytes);
  packed_.append(payload);
  ++record_count_;
}

void RecordChunk::ForEach(absl::FunctionRef<void(uint16_t, std::string_view)> sink) const {
  for (std::string_view rest = packed_; !rest.empty();) {
    Head head{};
    std::memcpy(&head.bytes, rest.data(), sizeof(head.bytes));
    std::memcpy(&head.message_type, rest.data() + sizeof(head.bytes), sizeof(head.message_type));
    rest.remove_prefix(kHeadBytes);
    sink(head.message_type, rest.substr(0, head.bytes));
    rest.remove_prefix(head.bytes);
  }
}

void RecordQueue::Push(RecordChunk* chunk) {
  RecordChunk taken = std::exchange(*chunk, RecordChunk());
  std::unique_lock lock(mutex_);
  const auto has_room = [&] {
    // A chunk that is larger than all is taken alone: it would wait for ever.
    return is_closed_ || chunks_.empty() || counters_.bytes + taken.bytes() <= options_.bytes_max;
  };
  if (!has_room() && when_full_ == QueueFull::kBlock) {
    ++counters_.waits;
    changed_.wait(lock, [&] { return has_room() || when_full_ != QueueFull::kBlock; });
  }
  while (!has_room() && when_full_ == QueueFull::kDropOldest) {
    counters_.records_dropped += chunks_.front().record_count();
    counters_.bytes -= chunks_.front().bytes();
    chunks_.pop_front();
  }
  if (is_closed_ || !has_room()) {
    counters_.records_dropped += taken.record_count();
    return;
  }
  Add(std::move(taken));
}

// With mutex_ held.
void RecordQueue::Add(RecordChunk chunk) {
  counters_.bytes += chunk.bytes();
  counters_.records += chunk.record_count();
  chunks_.push_back(std::move(chunk));
  if (chunks_.size() == 1 || is_under_pressure()) changed_.notify_all();
}

void RecordQueue::PushAtOnce(uint16_t message_type, std::string_view payload) {
  RecordChunk chunk;
  chunk.Add(message_type, payload);
  {
    const std::lock_guard lock(mutex_);
    if (when_full_ == QueueFull::kBlock && !is_closed_) return Add(std::move(chunk));
  }
  Push(&chunk);
}

std::optional<RecordChunk> RecordQueue::Take(std::chrono::steady_clock::time_point until) {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, until, [this] { return is_closed_ || !chunks_.empty(); });
  if (chunks_.empty()) return std::nullopt;
  RecordChunk chunk = std::move(chunks_.front());
  chunks_.pop_front();
  counters_.bytes -= chunk.bytes();
  if (when_full_ == QueueFull::kBlock) changed_.notify_all();
  return chunk;
}

bool RecordQueue::WaitForPressure(std::chrono::steady_clock::time_point until) {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, until, [this] { return is_under_pressure(); });
}

void RecordQueue::StopWaiting() {
  const std::lock_guard lock(mutex_);
  if (when_full_ == QueueFull::kBlock) when_full_ = QueueFull::kDropNewest;
  changed_.notify_all();
}

void RecordQueue::Close() {
  const std::lock_guard lock(mutex_);
  is_closed_ = true;
  changed_.notify_all();
}

bool RecordQueue::is_at_end() const {
  const std::lock_guard lock(mutex_);
  return is_closed_ && chunks_.empty();
}

RecordQueueCounters RecordQueue::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

}  // namespace client_plugin
