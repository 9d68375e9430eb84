#include "client-plugin/worker.h"

#include <algorithm>
#include <libaudit.h>
#include <optional>
#include <utility>

#include "audit/record.h"
#include "audit/record_type.h"
#include "base/log.h"
#include "client-plugin/kernel_record.h"
#include "client-plugin/source.h"

namespace client_plugin {

namespace {

// What a power failure may take.
constexpr std::chrono::seconds kSyncInterval{1};

}  // namespace

Worker::Worker(RecordQueue& queue, Spool& spool, OwnRecords& own_records,
               const WorkerOptions& options, std::function<void()> on_batch)
    : queue_(queue),
      spool_(spool),
      own_records_(own_records),
      options_(options),
      on_batch_(std::move(on_batch)),
      at_start_(spool.marks()),
      serials_(at_start_.last_serial),
      told_(at_start_.losses),
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

Losses Worker::losses() const {
  Losses losses = spool_.marks().losses;
  const Losses& before = at_start_.losses;
  const uint64_t dropped = queue_.counters().records_dropped;
  const std::lock_guard lock(mutex_);
  losses.kernel_records = kernel_records_;
  losses.overruns = before.overruns + overruns_;
  losses.missing_events = before.missing_events + missing_events_;
  losses.queue_records = before.queue_records + dropped;
  return losses;
}

WorkerCounters Worker::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
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
    Sync();
    if (now >= told_at_ + options_.losses_interval) TellLosses();
  }
  TellLosses();
  if (!batch_.empty()) Flush();
  Sync();
}

void Worker::Take(const RecordChunk& chunk) {
  chunk.ForEach([this](uint16_t type, std::string_view payload) { Take(type, payload); });
  const std::lock_guard lock(mutex_);
  missing_events_ = serials_.missing_events();
  counters_.records = records_;
  counters_.end_marks = end_marks_;
  counters_.malformed = malformed_;
}

void Worker::Take(uint16_t message_type, std::string_view payload) {
  ++records_;
  line_.clear();
  const bool is_line = message_type == kWholeLine || message_type == kOwnLine;
  if (is_line) {
    line_.append(payload);
  } else {
    AppendLine(message_type, payload, &line_);
  }
  std::optional<uint32_t> type = message_type;
  if (const absl::StatusOr<audit::Record> record = audit::ParseRecord(line_); record.ok()) {
    if (is_line) type = audit::RecordTypeNumber(record->type);
    if (message_type != kOwnLine) serials_.Observe(*record, type);
  } else {
    ++malformed_;
  }
  if (type == AUDIT_EOE) {
    ++end_marks_;
    return;
  }
  AddToBatch(line_);
}

void Worker::AddToBatch(std::string_view line) {
  if (batch_.empty()) batch_began_ = Clock::now();
  batch_.Add(line);
  const bool is_full = batch_.record_count() >= options_.batch_records ||
                       batch_.body().size() >= options_.batch_bytes;
  if (is_full) Flush();
}

// Stores the batch. While the disk fails it is tried again, as long as the queue has room for what
// comes meanwhile.
void Worker::Flush() {
  uint32_t kernel_lost = 0;
  {
    const std::lock_guard lock(mutex_);
    missing_events_ = serials_.missing_events();
    kernel_lost = kernel_lost_;
  }
  batch_.set_marks(
      {.losses = losses(), .kernel_lost = kernel_lost, .last_serial = serials_.last_serial()});
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
  batch_ = SpoolBatch();
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
  if (!status.ok()) ++counters_.spool_failures;
  if (counters_.problem == problem) return;
  counters_.problem = problem;
  if (status.ok()) {
    spdlog::info("spool: it can be written to again");
  } else {
    spdlog::error("spool: {}", problem);
  }
}

}  // namespace client_plugin
