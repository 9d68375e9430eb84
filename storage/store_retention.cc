#include <utility>

#include "storage/hold_list.h"
#include "storage/retention_run.h"
#include "storage/store_engine.h"

namespace storage {

namespace {

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
  const absl::Status can_be = CheckCanBeApplied(policy);
  if (!can_be.ok()) return can_be;
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
  const absl::Status can_be = CheckCanBeApplied(policy);
  if (!can_be.ok()) return can_be;
  const std::shared_ptr<Running> running = this->running();
  if (running == nullptr) return NotWritable();
  const RetentionScope scope{.rocks = *running->rocks,
                             .hosts = AllHosts(),
                             .today = DayOf(options_.now_ms()),
                             .stop = std::move(stop)};
  return RetentionDeleter(scope, running->numbers, running->blocks_mutex, deleted).Apply(policy);
}

absl::StatusOr<uint64_t> EventStore::Engine::DropOldest(
    uint64_t bytes, std::stop_token stop, const std::function<void(const Deletion&)>& deleted) {
  const std::shared_ptr<Running> running = this->running();
  if (running == nullptr) return NotWritable();
  const RetentionScope scope{.rocks = *running->rocks,
                             .hosts = AllHosts(),
                             .today = DayOf(options_.now_ms()),
                             .stop = std::move(stop)};
  return RetentionDeleter(scope, running->numbers, running->blocks_mutex, deleted)
      .DropOldest(bytes);
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
  return RetentionDeleter(scope, running->numbers, running->blocks_mutex, {})
      .Drop({.host = *id, .day = day});
}

}  // namespace storage
