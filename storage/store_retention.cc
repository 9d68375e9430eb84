#include <atomic>
#include <limits>
#include <optional>
#include <utility>

#include "absl/cleanup/cleanup.h"

#include "storage/block_store.h"
#include "storage/hold_list.h"
#include "storage/reclaimer.h"
#include "storage/retention_preview.h"
#include "storage/retention_run.h"
#include "storage/store_engine.h"

namespace storage {

namespace {

// Requested once one of two is.
class StopOfEither {
 public:
  StopOfEither(const std::stop_token& one, const std::stop_token& other)
      : on_one_(one, Request{&source_}), on_other_(other, Request{&source_}) {}

  std::stop_token token() const { return source_.get_token(); }

 private:
  struct Request {
    std::stop_source* source;
    void operator()() const { source->request_stop(); }
  };

  std::stop_source source_;
  const std::stop_callback<Request> on_one_;
  const std::stop_callback<Request> on_other_;
};

// For RocksDB: set once a stop is requested.
class StopFlag {
 public:
  explicit StopFlag(const std::stop_token& stop) : on_stop_(stop, Set{&is_set_}) {}

  std::atomic<bool>* get() { return &is_set_; }

 private:
  struct Set {
    std::atomic<bool>* flag;
    void operator()() const { *flag = true; }
  };

  std::atomic<bool> is_set_ = false;
  const std::stop_callback<Set> on_stop_;
};

absl::Status NotWritable() { return absl::UnavailableError("store: not writable"); }

}  // namespace

std::vector<Identity> EventStore::Engine::AllHosts() const {
  const std::lock_guard lock(mutex_);
  std::vector<Identity> hosts;
  for (HostId id = 0; id < hosts_.size(); ++id) hosts.push_back(hosts_.identity(id));
  return hosts;
}

absl::StatusOr<uint64_t> EventStore::Engine::AddHold(Hold hold) {
  const std::shared_ptr<Running> running = this->running();
  if (running == nullptr) return NotWritable();
  const std::lock_guard lock(running->blocks_mutex);
  return WriteHold(*running->rocks, std::move(hold));
}

absl::Status EventStore::Engine::RemoveHold(uint64_t id) {
  const std::shared_ptr<Running> running = this->running();
  if (running == nullptr) return NotWritable();
  const std::lock_guard lock(running->blocks_mutex);
  return DeleteHold(*running->rocks, id);
}

absl::StatusOr<std::vector<Hold>> EventStore::Engine::Holds() const {
  if (reading_ != nullptr) return LoadHolds(*reading_, {});
  const std::shared_ptr<Running> running = this->running();
  if (running == nullptr) return absl::UnavailableError("store: not open after a disk error");
  return LoadHolds(*running->rocks, {});
}

absl::StatusOr<std::vector<RuleEffect>> EventStore::Engine::PreviewRetention(
    const RetentionPolicy& policy, std::stop_token stop) const {
  // None of the hosts is wanted: what is open is not deleted.
  const absl::StatusOr<Moment> moment = Look({"\n"}, stop);
  if (!moment.ok()) return moment.status();
  RetentionScope scope{.rocks = *moment->view.rocks,
                       .hosts = AllHosts(),
                       .today = DayOf(options_.now_ms()),
                       .stop = std::move(stop)};
  scope.options.snapshot = moment->view.snapshot.get();
  return PreviewRetentionOf(scope, policy);
}

absl::Status EventStore::Engine::ApplyRetention(
    const RetentionPolicy& policy, std::stop_token stop,
    const std::function<void(const Deletion&)>& deleted) {
  const std::shared_ptr<Running> running = this->running();
  if (running == nullptr) return NotWritable();
  const StopOfEither stopped(stop, running->closing.get_token());
  const RetentionScope scope{.rocks = *running->rocks,
                             .hosts = AllHosts(),
                             .today = DayOf(options_.now_ms()),
                             .stop = stopped.token()};
  const std::function<void(const Deletion&)> note = [&](const Deletion& deletion) {
    SetReclaimIsDue(true);
    if (deleted) deleted(deletion);
  };
  const absl::Status applied = RetentionDeleter(scope, running->shared_blocks, note).Apply(policy);
  if (!applied.ok()) return applied;
  Reclaim(*running, scope.stop);
  return absl::OkStatus();
}

// What was deleted is deleted all the same: a failure is a problem of the store's, not the
// caller's.
void EventStore::Engine::Reclaim(const Running& running, const std::stop_token& stop) {
  {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(reclaim_is_due_, false)) return;
  }
  StopFlag stopped(stop);
  const absl::StatusOr<bool> reclaimed =
      Reclaimer(*running.rocks, running.shared_blocks.mutex, options_.reclaim_bytes_min)
          .ReclaimIfDue(stopped.get());
  if (!reclaimed.ok() || !*reclaimed) SetReclaimIsDue(true);
  if (reclaimed.ok() || absl::IsCancelled(reclaimed.status())) return;
  options_.on_problem(reclaimed.status());
}

void EventStore::Engine::SetReclaimIsDue(bool is_due) {
  const std::lock_guard lock(mutex_);
  reclaim_is_due_ = is_due;
}

// What was deleted leaves the files when they are rewritten, and on a full disk nothing else would
// cause that. Columns are most of it. Host by host, since a host's days lie beside each other.
absl::Status EventStore::Engine::GiveBack(const Running& running, std::vector<Deletion> deletions,
                                          const std::stop_token& stop) const {
  StopFlag stopped(stop);
  for (const Deletion& deletion : deletions) {
    if (*stopped.get()) break;
    std::optional<HostId> host;
    {
      const std::lock_guard lock(mutex_);
      host = hosts_.Find(deletion.host);
    }
    if (!host) continue;
    const std::string begin = EncodeBlockKey({.host = *host, .day = deletion.first_day});
    const std::string end = deletion.last_day == std::numeric_limits<Day>::max()
                                ? EncodeBlockKey({.host = *host + 1})
                                : EncodeBlockKey({.host = *host, .day = deletion.last_day + 1});
    const absl::Status compacted = CompactColumns(*running.rocks, begin, end, stopped.get());
    if (absl::IsCancelled(compacted)) break;
    if (!compacted.ok()) return compacted;
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> EventStore::Engine::DropOldest(
    uint64_t bytes, std::stop_token stop, const std::function<void(const Deletion&)>& deleted) {
  const std::shared_ptr<Running> running = this->running();
  if (running == nullptr) return NotWritable();
  const StopOfEither stopped(stop, running->closing.get_token());
  const RetentionScope scope{.rocks = *running->rocks,
                             .hosts = AllHosts(),
                             .today = DayOf(options_.now_ms()),
                             .stop = stopped.token()};
  StopBackups();
  const absl::Cleanup allow = [this] { AllowBackups(); };
  std::vector<Deletion> deletions;
  const auto note = [&](const Deletion& deletion) {
    SetReclaimIsDue(true);
    deletions.push_back(deletion);
    if (deleted) deleted(deletion);
  };
  const absl::StatusOr<uint64_t> dropped =
      RetentionDeleter(scope, running->shared_blocks, note).DropOldest(bytes);
  const absl::Status given_back = GiveBack(*running, std::move(deletions), scope.stop);
  if (!given_back.ok()) options_.on_problem(given_back);
  return dropped;
}

absl::Status EventStore::Engine::DropDay(const Identity& host, Day day) {
  const std::shared_ptr<Running> running = this->running();
  if (running == nullptr) return NotWritable();
  std::optional<HostId> id;
  {
    const std::lock_guard lock(mutex_);
    id = hosts_.Find(host);
  }
  if (!id) return absl::NotFoundError("store: no host " + host.name);
  const RetentionScope scope{
      .rocks = *running->rocks, .hosts = AllHosts(), .today = DayOf(options_.now_ms())};
  SetReclaimIsDue(true);
  return RetentionDeleter(scope, running->shared_blocks, {}).Drop({.host = *id, .day = day});
}

}  // namespace storage
