#include "client-plugin/worker.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "audit/record.h"
#include "base/log.h"

namespace client_plugin {

namespace {

// What a power failure may take.
constexpr std::chrono::seconds kSyncInterval{1};

// For who goes on from these.
BatchMarks Settled(BatchMarks marks) {
  marks.losses.missing_events += std::exchange(marks.awaited_events, 0);
  return marks;
}

}  // namespace

Worker::Worker(RecordQueue& queue, Spool& spool, OwnRecords& own_records,
               std::unique_ptr<LineMaker> lines, const WorkerOptions& options,
               std::function<void()> on_batch)
    : queue_(queue),
      spool_(spool),
      own_records_(own_records),
      options_(options),
      on_batch_(std::move(on_batch)),
      at_start_(Settled(spool.marks())),
      serials_(at_start_.last_serial),
      told_(spool.marks().losses),
      lines_(std::move(lines)),
      kernel_records_(at_start_.losses.kernel_records),
      kernel_lost_(at_start_.kernel_lost),
      thread_([this] { Run(); }) {}

Worker::~Worker() { thread_.join(); }

void Worker::SetKernelLost(uint32_t lost) {
  const std::lock_guard lock(mutex_);
  kernel_records_ += lost >= kernel_lost_ ? lost - kernel_lost_ : lost;
  kernel_lost_ = lost;
}

void Worker::SetOverruns(uint64_t overruns) {
  const std::lock_guard lock(mutex_);
  overruns_ = overruns;
}

Losses Worker::losses() const { return Totals().losses; }

// What is lost, and the kernel's count of the same moment.
BatchMarks Worker::Totals() const {
  BatchMarks marks{.losses = spool_.marks().losses};
  const Losses& before = at_start_.losses;
  const uint64_t dropped = queue_.counters().records_dropped;
  const std::lock_guard lock(mutex_);
  marks.kernel_lost = kernel_lost_;
  marks.losses.kernel_records = kernel_records_;
  marks.losses.overruns = before.overruns + overruns_;
  marks.losses.missing_events = before.missing_events + missing_events_;
  marks.losses.queue_records = before.queue_records + dropped;
  return marks;
}

void Worker::SetLines(std::unique_ptr<LineMaker> lines) {
  const std::lock_guard lock(mutex_);
  next_lines_ = std::move(lines);
}

WorkerState Worker::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void Worker::Run() {
  Clock::time_point next_sync = Clock::now() + kSyncInterval;
  while (!queue_.is_at_end()) {
    const Clock::time_point flush_at = batch_began_ + options_.batch_age;
    const auto chunk = queue_.Take(batch_.empty() ? next_sync : std::min(flush_at, next_sync));
    if (chunk) Take(*chunk);
    const Clock::time_point now = Clock::now();
    if (!batch_.empty() && now >= batch_began_ + options_.batch_age) Flush();
    if (now < next_sync) continue;
    next_sync = now + kSyncInterval;
    KeepHouse();
  }
  TellLosses();
  if (!batch_.empty()) Flush();
  Sync();
}

void Worker::Take(const RecordChunk& chunk) {
  const auto saw = [this](const audit::Record& record, uint16_t type) {
    serials_.Observe(record, type);
  };
  const auto add = [this](std::string_view line) { AddToBatch(line); };
  chunk.ForEach(
      [&](uint16_t type, std::string_view payload) { lines_->Take(type, payload, saw, add); });
  const std::lock_guard lock(mutex_);
  missing_events_ = serials_.missing_events();
  state_.records += chunk.record_count();
}

// What need not be at once.
void Worker::KeepHouse() {
  Sync();
  if (Clock::now() >= told_at_ + options_.losses_interval) TellLosses();
  LineMakerCounters counters = lines_->counters();
  const std::lock_guard lock(mutex_);
  state_.lines = std::move(counters);
  if (next_lines_) lines_ = std::move(next_lines_);
}

// A collector takes no record that is empty, too long or of several lines: one would hold up all.
void Worker::AddToBatch(std::string_view line) {
  if (line.empty()) return;
  if (batch_.empty()) batch_began_ = Clock::now();
  line = line.substr(0, audit::kRecordBytesMax);
  if (line.find('\n') == std::string_view::npos) {
    batch_.Add(line);
  } else {
    std::string one_line(line);
    std::ranges::replace(one_line, '\n', ' ');
    batch_.Add(one_line);
  }
  const bool is_full = batch_.record_count() >= options_.batch_records ||
                       batch_.body().size() >= options_.batch_bytes;
  if (is_full) Flush();
}

// Stores the batch. While the disk fails it is tried again, as long as the queue has room for what
// comes meanwhile.
void Worker::Flush() {
  {
    const std::lock_guard lock(mutex_);
    missing_events_ = serials_.missing_events();
  }
  BatchMarks marks = Totals();
  marks.last_serial = serials_.last_serial();
  marks.awaited_events = serials_.awaited_events();
  batch_.set_marks(marks);
  for (;;) {
    const absl::Status appended = spool_.Append(&batch_);
    if (absl::IsResourceExhausted(appended)) break;  // The spool has counted it.
    NoteProblem(appended);
    if (appended.ok()) break;
    if (queue_.WaitForPressure(Clock::now() + options_.retry_after)) {
      spool_.GiveUp(batch_);
      break;
    }
  }
  batch_.Clear();
  on_batch_();
}

void Worker::TellLosses() {
  const Losses losses = this->losses();
  if (losses == told_) return;
  told_ = losses;
  told_at_ = Clock::now();
  AddToBatch(own_records_.Lost(losses));
}

void Worker::Sync() {
  if (const absl::Status synced = spool_.Sync(); !synced.ok()) NoteProblem(synced);
}

// A problem is said once, and when it is over.
void Worker::NoteProblem(const absl::Status& status) {
  const std::lock_guard lock(mutex_);
  const std::string problem(status.message());
  if (!status.ok()) ++state_.spool_failures;
  if (state_.problem == problem) return;
  state_.problem = problem;
  if (status.ok()) {
    spdlog::info("spool: it can be written to again");
  } else {
    spdlog::error("spool: {}", problem);
  }
}

}  // namespace client_plugin
