#include "storage/event_store.h"

#include <utility>

#include "storage/store_count.h"
#include "storage/store_engine.h"
#include "storage/store_histogram.h"
#include "storage/store_inspect.h"
#include "storage/store_report.h"
#include "storage/store_search.h"

namespace storage {

EventStore::EventStore(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {}
EventStore::~EventStore() = default;

absl::StatusOr<std::unique_ptr<EventStore>> EventStore::Open(const std::string& path,
                                                             const StoreOptions& options) {
  auto engine = std::make_unique<Engine>(path, options);
  const absl::Status opened = engine->OpenForWriting();
  if (!opened.ok()) return opened;
  return std::unique_ptr<EventStore>(new EventStore(std::move(engine)));
}

absl::StatusOr<std::unique_ptr<EventStore>> EventStore::OpenForReading(const std::string& path) {
  auto engine = std::make_unique<Engine>(path, StoreOptions());
  const absl::Status opened = engine->OpenForReading();
  if (!opened.ok()) return opened;
  return std::unique_ptr<EventStore>(new EventStore(std::move(engine)));
}

absl::StatusOr<AppendResult> EventStore::Append(std::span<Delivery> deliveries) {
  return engine_->Append(deliveries);
}
bool EventStore::has_room() const { return engine_->has_room(); }
void EventStore::OnRoom(std::function<void()> told) { engine_->OnRoom(std::move(told)); }
absl::StatusOr<uint64_t> EventStore::LastBatchNumber(const Identity& agent,
                                                     std::string_view boot_id) {
  return engine_->LastBatchNumber(agent, boot_id);
}
absl::Status EventStore::SyncIfDue() { return engine_->SyncIfDue(); }
absl::Status EventStore::Seal() { return engine_->Seal(); }
uint64_t EventStore::NextConnection() { return engine_->NextConnection(); }
void EventStore::SetFlush(Flush flush, uint32_t flush_records) {
  engine_->SetFlush(flush, flush_records);
}
void EventStore::SetSealing(size_t open_bytes_max, std::chrono::seconds seal_age) {
  engine_->SetSealing(open_bytes_max, seal_age);
}
absl::StatusOr<HostList> EventStore::ListHosts(const HostListRequest& request) const {
  return engine_->ListHosts(request);
}

absl::Status EventStore::Settle(std::stop_token stop) { return engine_->Settle(std::move(stop)); }
absl::StatusOr<std::unique_ptr<Import>> EventStore::StartImport(const ImportOptions& options) {
  return engine_->StartImport(options);
}
absl::Status EventStore::DropDay(const Identity& host, uint32_t day) {
  return engine_->DropDay(host, day);
}

absl::StatusOr<uint64_t> EventStore::AddHold(Hold hold) {
  return engine_->AddHold(std::move(hold));
}
absl::Status EventStore::RemoveHold(uint64_t id) { return engine_->RemoveHold(id); }
absl::StatusOr<std::vector<Hold>> EventStore::Holds() const { return engine_->Holds(); }
absl::StatusOr<std::vector<RuleEffect>> EventStore::PreviewRetention(const RetentionPolicy& policy,
                                                                     std::stop_token stop) const {
  return engine_->PreviewRetention(policy, std::move(stop));
}
absl::Status EventStore::ApplyRetention(const RetentionPolicy& policy, std::stop_token stop,
                                        const std::function<void(const Deletion&)>& deleted) {
  return engine_->ApplyRetention(policy, std::move(stop), deleted);
}
absl::StatusOr<uint64_t> EventStore::DropOldest(
    uint64_t bytes, std::stop_token stop, const std::function<void(const Deletion&)>& deleted) {
  return engine_->DropOldest(bytes, std::move(stop), deleted);
}

absl::Status EventStore::Search(const SearchRequest& request,
                                const std::function<bool(const FoundEvent&)>& sink) const {
  absl::StatusOr<Engine::Moment> moment =
      engine_->Look(request.host_patterns, request.stop, request.visible_hosts);
  if (!moment.ok()) return moment.status();
  StoreSearch search(moment->view, moment->hosts, request);
  return search.FindEvents(sink);
}

absl::Status EventStore::Follow(const FollowRequest& request, const FollowSink& sink) const {
  return engine_->Follow(request, sink);
}

absl::Status EventStore::SearchMalformed(
    const SearchRequest& request, const std::function<bool(const MalformedRecord&)>& sink) const {
  absl::StatusOr<Engine::Moment> moment =
      engine_->Look(request.host_patterns, request.stop, request.visible_hosts);
  if (!moment.ok()) return moment.status();
  StoreSearch search(moment->view, moment->hosts, request);
  return search.FindMalformed(sink);
}

absl::StatusOr<std::vector<ValueCount>> EventStore::Count(const CountRequest& request) const {
  absl::StatusOr<Engine::Moment> moment =
      engine_->Look(request.host_patterns, request.stop, request.visible_hosts);
  if (!moment.ok()) return moment.status();
  return CountValues(moment->view, moment->hosts, request);
}

absl::StatusOr<Histogram> EventStore::CountOverTime(const HistogramRequest& request) const {
  const absl::StatusOr<Engine::Moment> moment =
      engine_->Look(request.host_patterns, request.stop, request.visible_hosts);
  if (!moment.ok()) return moment.status();
  return HistogramOf(moment->view, moment->hosts, request);
}

absl::Status EventStore::Tally(const TallyRequest& request,
                               const std::function<bool(const FoundTally&)>& sink) const {
  const absl::StatusOr<Engine::Moment> moment =
      engine_->Look(request.host_patterns, request.stop, request.visible_hosts);
  if (!moment.ok()) return moment.status();
  return TallyEvents(moment->view, moment->hosts, request, sink);
}

absl::Status EventStore::ReadFacts(const FactsRequest& request,
                                   const std::function<bool(const FoundFacts&)>& sink) const {
  const absl::StatusOr<Engine::Moment> moment =
      engine_->Look(request.host_patterns, request.stop, request.visible_hosts);
  if (!moment.ok()) return moment.status();
  return ReadFactsOf(moment->view, moment->hosts, request, sink);
}

absl::StatusOr<BackupResult> EventStore::Backup(const BackupRequest& request) {
  return engine_->Backup(request);
}

absl::StatusOr<StoreStats> EventStore::Stats() const {
  absl::StatusOr<Engine::Moment> moment = engine_->Look({}, {});
  if (!moment.ok()) return moment.status();
  return CollectStats(moment->view, moment->hosts, engine_->path());
}

StoreActivity EventStore::Activity() const { return engine_->Activity(); }

ActiveHosts EventStore::WhoIsActive(size_t hosts_max) const {
  return engine_->WhoIsActive(hosts_max);
}
bool EventStore::is_open() const { return engine_->is_open(); }

absl::Status EventStore::Check(std::stop_token stop,
                               const std::function<void(const std::string& what)>& wrong) const {
  absl::StatusOr<Engine::Moment> moment = engine_->Look({}, stop);
  if (!moment.ok()) return moment.status();
  return CheckStore(moment->view, moment->hosts, stop, wrong);
}

absl::Status EventStore::Export(const ExportRequest& request,
                                const std::function<bool(const ExportedRecord&)>& sink) const {
  absl::StatusOr<Engine::Moment> moment = engine_->Look(request.host_patterns, request.stop);
  if (!moment.ok()) return moment.status();
  return ExportRecords(moment->view, moment->hosts, request, sink);
}

}  // namespace storage
