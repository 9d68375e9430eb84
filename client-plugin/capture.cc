#include "client-plugin/capture.h"

#include <array>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>

namespace client_plugin {

namespace {

using std::chrono::steady_clock;

// What is handed over at once while more comes.
constexpr size_t kChunkBytes = 64 << 10;

// Who finds so much is behind, and does not pause.
constexpr size_t kBusyBytes = 256 << 10;

// However much comes, so often it looks whether it is to stop.
constexpr std::chrono::milliseconds kLookUp{100};

}  // namespace

Capture::Capture(std::unique_ptr<Source> source, RecordQueue& queue, const CaptureOptions& options,
                 std::function<void(const absl::Status&)> on_end)
    : source_(std::move(source)),
      queue_(queue),
      options_(options),
      on_end_(std::move(on_end)),
      stop_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this] { Run(); }) {}

Capture::~Capture() { Stop(); }

void Capture::Stop() {
  if (!thread_.joinable()) return;
  eventfd_write(stop_.get(), 1);
  thread_.join();
}

CaptureCounters Capture::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

void Capture::Run() {
  while (WaitForMore()) {
    const absl::Status drained = Drain(steady_clock::now() + kLookUp);
    if (drained.ok()) continue;
    on_end_(drained);
    return;
  }
  source_->Leave();
  (void)Drain(steady_clock::now() + options_.drain_time_max);
}

// False if it is to stop.
bool Capture::WaitForMore() {
  pollfd stop{.fd = stop_.get(), .events = POLLIN, .revents = 0};
  const bool is_busy = last_bytes_ >= kBusyBytes;
  if (!is_busy && poll(&stop, 1, static_cast<int>(options_.pause.count())) > 0) return false;
  std::array<pollfd, 2> both{stop, {.fd = source_->descriptor(), .events = POLLIN, .revents = 0}};
  poll(both.data(), both.size(), -1);
  return both[0].revents == 0;
}

// All there is, or what there is until the time is over.
absl::Status Capture::Drain(steady_clock::time_point until) {
  RecordChunk chunk;
  last_bytes_ = 0;
  for (absl::StatusOr<bool> more = true; more.ok() && *more && steady_clock::now() < until;) {
    more =
        source_->Read([&](uint16_t type, std::string_view payload) { chunk.Add(type, payload); });
    if (more.ok() && *more && chunk.bytes() < kChunkBytes) continue;
    last_bytes_ += chunk.bytes();
    if (chunk.bytes() > 0) queue_.Push(&chunk);
    Count();
    if (!more.ok()) return more.status();
  }
  last_bytes_ += chunk.bytes();
  if (chunk.bytes() > 0) queue_.Push(&chunk);  // The time was over.
  return absl::OkStatus();
}

void Capture::Count() {
  const std::lock_guard lock(mutex_);
  ++counters_.reads;
  counters_.overruns = source_->overruns();
  counters_.records_cut = source_->records_cut();
}

}  // namespace client_plugin
