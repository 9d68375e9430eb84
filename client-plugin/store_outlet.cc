#include "client-plugin/store_outlet.h"

#include <span>
#include <utility>

#include "absl/strings/str_cat.h"

#include "audit/record.h"
#include "base/clock.h"
#include "base/log.h"

namespace client_plugin {

namespace {

using Clock = std::chrono::steady_clock;

// How long it sleeps at most when there is nothing to do.
constexpr std::chrono::seconds kIdle{10};

}  // namespace

absl::StatusOr<std::unique_ptr<StoreOutlet>> StoreOutlet::Open(Spool& spool,
                                                               const StoreOutletOptions& options) {
  storage::StoreOptions store_options;
  store_options.on_problem = [](const absl::Status& problem) {
    spdlog::error("store: {}", std::string(problem.message()));
  };
  auto store = storage::EventStore::Open(options.directory, store_options);
  if (!store.ok()) return store.status();
  return std::unique_ptr<StoreOutlet>(new StoreOutlet(spool, options, *std::move(store)));
}

StoreOutlet::StoreOutlet(Spool& spool, const StoreOutletOptions& options,
                         std::unique_ptr<storage::EventStore> store)
    : spool_(spool), options_(options), store_(std::move(store)) {
  state_.destination = options.directory;
  state_.counters.is_connected = true;
  state_.counters.connections = 1;
  thread_ = std::thread([this] { Run(); });
}

StoreOutlet::~StoreOutlet() { Stop(std::chrono::milliseconds(0)); }

void StoreOutlet::Stop(std::chrono::milliseconds time_max) {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_by_ = Clock::now() + time_max;
  }
  bell_.Ring();
  thread_.join();
}

OutletState StoreOutlet::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

storage::Identity StoreOutlet::Host() const {
  return {.kind = storage::IdentityKind::kNode, .name = options_.host};
}

bool StoreOutlet::IsStopping() const {
  const std::lock_guard lock(mutex_);
  return stop_by_.has_value();
}

bool StoreOutlet::IsLate() const {
  const std::lock_guard lock(mutex_);
  return stop_by_ && Clock::now() >= *stop_by_;
}

void StoreOutlet::Run() {
  for (;;) {
    const absl::Status stored = StoreAll();
    Note(stored);
    if (IsLate() || (stored.ok() && IsStopping())) return;
    bell_.Wait(Clock::now() + (stored.ok() ? kIdle : options_.retry_after));
  }
}

absl::Status StoreOutlet::StoreAll() {
  for (const std::string& series : spool_.PendingSeries()) {
    const absl::Status stored = StoreSeries(series);
    if (!stored.ok()) return stored;
  }
  return absl::OkStatus();
}

// The store knows which batches it has, so that none is there twice, whenever the process dies.
absl::Status StoreOutlet::StoreSeries(const std::string& series) {
  absl::StatusOr<uint64_t> last = store_->LastBatchNumber(Host(), series);
  if (!last.ok()) return last.status();
  spool_.Acknowledge(series, *last);
  while (!IsLate()) {
    const absl::StatusOr<std::optional<SpoolBatch>> batch = spool_.Next(series, *last);
    if (!batch.ok()) return batch.status();
    if (!*batch) break;
    const absl::Status stored = StoreBatch(series, *last, **batch);
    if (!stored.ok()) return stored;
    *last = (*batch)->number();
    spool_.Acknowledge(series, *last);
    const std::lock_guard lock(mutex_);
    ++state_.counters.batches_sent;
    ++state_.counters.batches_acknowledged;
    state_.counters.records_acknowledged += (*batch)->record_count();
  }
  return absl::OkStatus();
}

absl::Status StoreOutlet::StoreBatch(const std::string& series, uint64_t follows,
                                     const SpoolBatch& batch) {
  storage::Delivery delivery{.received_ms = base::NowMs()};
  delivery.number = {.boot_id = series, .number = batch.number(), .follows = follows};
  delivery.losses = {.boot_id = Spool::BootOf(series), .totals = batch.marks().losses};
  storage::Batch& records = delivery.batches.emplace_back(Host(), "");
  batch.ForEachRecord([&records](std::string_view record) {
    if (audit::ParseRecord(record).ok()) {
      records.Add(record);
    } else {
      records.AddMalformed(record);
    }
  });
  const auto appended = store_->Append(std::span(&delivery, 1));
  if (!appended.ok()) return appended.status();
  using Outcome = storage::Receipt::Outcome;
  const Outcome outcome = delivery.receipt.outcome;
  if (outcome == Outcome::kStored || outcome == Outcome::kRepeated) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("the store does not take batch ", batch.number()));
}

// A problem is said once, and when it is over.
void StoreOutlet::Note(const absl::Status& status) {
  const std::lock_guard lock(mutex_);
  const std::string problem(status.message());
  if (!status.ok()) ++state_.counters.failures;
  if (state_.problem == problem) return;
  state_.problem = problem;
  state_.counters.is_connected = status.ok();
  if (status.ok()) {
    ++state_.counters.connections;
    spdlog::info("store: it can be written to again");
  } else {
    spdlog::error("store: {}", problem);
  }
}

}  // namespace client_plugin
