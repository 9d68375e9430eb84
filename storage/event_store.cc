#include "storage/event_store.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <mutex>
#include <optional>
#include <utility>

#include <rocksdb/write_batch.h>

#include "storage/block_merger.h"
#include "storage/host_state.h"
#include "storage/host_table.h"
#include "storage/indexer.h"
#include "storage/journal.h"
#include "storage/log_import.h"
#include "storage/retry_marks.h"
#include "storage/rocks.h"
#include "storage/store_count.h"
#include "storage/store_directory.h"
#include "storage/store_inspect.h"
#include "storage/store_search.h"
#include "storage/store_tables.h"

namespace storage {

namespace {

constexpr auto kReopenInterval = std::chrono::seconds(1);
constexpr auto kReopenAfterFailure = std::chrono::seconds(30);

// What a group takes in a write beside its records, about: its key, header and lengths.
constexpr size_t kGroupOverhead = 64;

constexpr char kOverflowName[] = "overflow";

// An open database and those who work on it. The order of the members is that in which they start.
struct Running {
  Running(std::shared_ptr<Rocks> opened, const StoreOptions& options,
          std::function<void(const absl::Status&)> on_failure)
      : rocks(std::move(opened)),
        merger(rocks, numbers, options.now_ms, options.on_problem),
        indexer(rocks, numbers,
                {.open_bytes_max = options.open_bytes_max, .seal_age = options.seal_age},
                {.on_block = [this](HostId host, Day day) { merger.Notice(host, day); },
                 .on_damage = options.on_problem,
                 .on_failure = std::move(on_failure)}) {}

  const std::shared_ptr<Rocks> rocks;
  BlockNumbers numbers;
  BlockMerger merger;
  Indexer indexer;
};

}  // namespace

class EventStore::Engine {
 public:
  Engine(std::string path, const StoreOptions& options)
      : path_(std::move(path)), options_(options) {}

  // Threads of the store still report here until they have ended.
  ~Engine() { CloseDatabase(); }

  absl::Status OpenForWriting();
  absl::Status OpenForReading();

  absl::StatusOr<AppendResult> Append(std::span<Delivery> deliveries);
  absl::Status SyncIfDue();
  absl::Status Seal();
  uint64_t NextConnection();
  std::vector<Identity> Hosts() const;
  StoreActivity Activity() const;
  absl::Status Settle(std::stop_token stop);
  absl::Status DropDay(const Identity& host, Day day);
  absl::StatusOr<std::unique_ptr<Import>> StartImport(const ImportOptions& options);

  // The store as it is, and the hosts that match one of the patterns, by number.
  struct Moment {
    StoreView view;
    std::vector<std::optional<Identity>> hosts;
  };
  absl::StatusOr<Moment> Look(const std::vector<std::string>& host_patterns,
                              const std::stop_token& stop) const;

  const std::string& path() const { return path_; }

  void SetFlush(Flush flush, uint32_t flush_records) {
    options_.flush = flush;
    options_.flush_records = flush_records;
  }

 private:
  absl::Status OpenDatabase();
  absl::Status Reopen();
  void CloseAfterFailure();
  void CloseDatabase();
  HostId HostFor(const Identity& identity, const std::string& address, rocksdb::WriteBatch* write,
                 uint64_t* overflowed = nullptr);
  void AddDelivery(Delivery* delivery, rocksdb::WriteBatch* write, AppendResult* result);
  void AddBatch(const Batch& batch, JournalHeader header, rocksdb::WriteBatch* write,
                AppendResult* result);
  absl::Status Write(rocksdb::WriteBatch* write, uint64_t records);
  std::shared_ptr<Running> running() const;

  const std::string path_;
  StoreOptions options_;
  std::optional<StoreDirectory> directory_;

  // Of the thread that appends.
  std::shared_ptr<Running> writing_;    // running_ as well; null after a failed write.
  std::vector<Indexer::Group> groups_;  // Of the write that is being made.
  std::string damage_;                  // Not told yet.
  RetryMarks marks_;
  uint64_t next_arrival_ = 0;
  uint64_t records_unsynced_ = 0;
  std::chrono::steady_clock::time_point last_reopen_{};

  mutable std::mutex mutex_;  // Guards what follows.
  std::shared_ptr<Running> running_;
  std::shared_ptr<Rocks> reading_;  // Instead of running_, where nothing is written.
  bool indexer_failed_ = false;
  HostTable hosts_;
  uint64_t next_connection_ = 0;
};

absl::Status EventStore::Engine::OpenForWriting() {
  absl::StatusOr<StoreDirectory> directory = StoreDirectory::OpenForWriting(path_);
  if (!directory.ok()) return directory.status();
  directory_.emplace(*std::move(directory));
  return OpenDatabase();
}

absl::Status EventStore::Engine::OpenForReading() {
  const absl::Status readable = StoreDirectory::CheckForReading(path_);
  if (!readable.ok()) return readable;
  absl::StatusOr<std::shared_ptr<Rocks>> rocks = OpenRocksForReading(DatabasePath(path_));
  if (!rocks.ok()) return rocks.status();
  reading_ = *std::move(rocks);
  return LoadHosts(*reading_, &hosts_);
}

// All or nothing: a database that is only half known here is closed again.
absl::Status EventStore::Engine::OpenDatabase() {
  absl::StatusOr<OpenedRocks> opened = OpenRocks(DatabasePath(path_), options_.on_problem);
  if (!opened.ok()) return opened.status();
  absl::StatusOr<StoreTables> loaded = LoadTables(*opened->rocks);
  if (!loaded.ok()) return loaded.status();
  StoreTables& tables = *loaded;

  if (!opened->damage.empty()) damage_ = std::move(opened->damage);
  marks_ = std::move(tables.marks);
  next_arrival_ = tables.next_arrival;
  const auto on_failure = [this](const absl::Status& status) {
    options_.on_problem(status);
    const std::lock_guard lock(mutex_);
    indexer_failed_ = true;
  };
  writing_ = std::make_shared<Running>(std::move(opened->rocks), options_, on_failure);
  const std::lock_guard lock(mutex_);
  running_ = writing_;
  indexer_failed_ = false;
  hosts_ = std::move(tables.hosts);
  next_connection_ = tables.generation << 32;
  return absl::OkStatus();
}

// Closing waits for RocksDB's own threads, so it happens outside of the lock.
void EventStore::Engine::CloseDatabase() {
  writing_.reset();
  std::shared_ptr<Running> closed;
  {
    const std::lock_guard lock(mutex_);
    closed.swap(running_);
  }
}

// After a failed write RocksDB refuses all others, and what is in its log is not known here: only
// opening the files again tells what they hold.
absl::Status EventStore::Engine::Reopen() {
  const auto now = std::chrono::steady_clock::now();
  if (now - last_reopen_ < kReopenInterval) {
    return absl::UnavailableError("store: not writable, next attempt within a second");
  }
  last_reopen_ = now;
  return OpenDatabase();
}

// Without its indexer a store fills its journal for ever. What keeps it from working may be over
// by now; what it has not done is done again from the journal.
void EventStore::Engine::CloseAfterFailure() {
  {
    const std::lock_guard lock(mutex_);
    if (!indexer_failed_) return;
  }
  if (writing_ == nullptr) return;
  const auto now = std::chrono::steady_clock::now();
  if (now - last_reopen_ < kReopenAfterFailure) return;
  CloseDatabase();
}

std::shared_ptr<Running> EventStore::Engine::running() const {
  const std::lock_guard lock(mutex_);
  return running_;
}

absl::StatusOr<AppendResult> EventStore::Engine::Append(std::span<Delivery> deliveries) {
  if (!directory_) return absl::FailedPreconditionError("store: open for reading only");
  CloseAfterFailure();
  if (writing_ == nullptr) {
    const absl::Status reopened = Reopen();
    if (!reopened.ok()) return reopened;
  }
  AppendResult result;
  size_t bytes = 0;
  for (const Delivery& delivery : deliveries) {
    for (const Batch& batch : delivery.batches) bytes += batch.encoded().size() + kGroupOverhead;
  }
  rocksdb::WriteBatch write(bytes);
  for (Delivery& delivery : deliveries) AddDelivery(&delivery, &write, &result);
  const absl::Status written = Write(&write, result.records);
  if (!written.ok()) {
    // The tables in memory are ahead of the files. The next call opens the files anew.
    groups_.clear();
    CloseDatabase();
    last_reopen_ = std::chrono::steady_clock::now();
    return written;
  }
  writing_->indexer.Push(std::exchange(groups_, {}));
  result.damage = std::exchange(damage_, {});
  return result;
}

void EventStore::Engine::AddDelivery(Delivery* delivery, rocksdb::WriteBatch* write,
                                     AppendResult* result) {
  JournalHeader header{.received_ms = delivery->received_ms};
  std::vector<Batch>& batches = delivery->batches;
  size_t last_batch = batches.size() - 1;
  JournalSender sender;
  if (delivery->retry) {
    const RetryKey& key = *delivery->retry;
    last_batch = key.last_batch;
    const HostId first_host = HostFor(batches.front().host(), batches.front().address(), write);
    const Batch& last = batches[last_batch];
    const HostId last_host = HostFor(last.host(), last.address(), write);
    std::optional<RetryMark> repeated;
    if (key.opens_connection) {
      repeated = marks_.FindRepeated(first_host, key, batches.front().first());
    }
    if (repeated) marks_.Erase(first_host, repeated->connection);
    const uint64_t last_arrival = next_arrival_ + batches.size();
    sender = {.connection = key.connection,
              .sequence = key.last_sequence,
              .siblings = marks_.Set(last_host, key, last_arrival, batches[last_batch].last())};
    if (repeated) {
      batches.front().RemoveFirst();
      ++result->duplicates_dropped;
    }
  }
  for (size_t i = 0; i < batches.size(); ++i) {
    header.sender = i == last_batch ? sender : JournalSender();
    AddBatch(batches[i], header, write, result);
  }
}

void EventStore::Engine::AddBatch(const Batch& batch, JournalHeader header,
                                  rocksdb::WriteBatch* write, AppendResult* result) {
  if (batch.record_count() == 0) return;
  const HostId host = HostFor(batch.host(), batch.address(), write, &result->hosts_overflowed);
  header.address = batch.address();
  Indexer::Group& group = groups_.emplace_back();
  group.key = {.host = host, .arrival = next_arrival_++};
  group.value = EncodeJournalHeader(header);
  group.value.append(batch.encoded());
  write->Put(writing_->rocks->journal, EncodeJournalKey(group.key), group.value);
  result->records += batch.record_count();
  result->bytes += batch.encoded().size();
}

HostId EventStore::Engine::HostFor(const Identity& identity, const std::string& address,
                                   rocksdb::WriteBatch* write, uint64_t* overflowed) {
  const std::lock_guard lock(mutex_);
  const auto find_or_add = [&](const Identity& host, size_t hosts_max) -> std::optional<HostId> {
    if (const auto found = hosts_.Find(host)) return found;
    if (hosts_.size() >= hosts_max) return std::nullopt;
    const HostId id = hosts_.Add(host);
    write->Put(writing_->rocks->meta, HostTable::EncodeKey(id), HostTable::EncodeValue(host));
    return id;
  };
  if (const auto id = find_or_add(identity, options_.hosts_max)) return *id;
  if (overflowed != nullptr) ++*overflowed;
  const Identity by_address{.kind = IdentityKind::kAddress, .name = address};
  if (const auto id = find_or_add(by_address, size_t{2} * options_.hosts_max)) return *id;
  const Identity overflow{.kind = IdentityKind::kCollector, .name = kOverflowName};
  return *find_or_add(overflow, std::numeric_limits<size_t>::max());
}

absl::Status EventStore::Engine::Write(rocksdb::WriteBatch* write, uint64_t records) {
  records_unsynced_ += records;
  const bool due = records_unsynced_ >= options_.flush_records;
  rocksdb::WriteOptions how;
  how.sync = options_.flush == Flush::kData || options_.flush == Flush::kSync ||
             (options_.flush == Flush::kIncremental && due);
  const rocksdb::Status written = writing_->rocks->db->Write(how, write);
  if (written.ok() && how.sync) records_unsynced_ = 0;
  return FromRocks(written, "write");
}

absl::Status EventStore::Engine::SyncIfDue() {
  if (options_.flush != Flush::kIncrementalAsync || records_unsynced_ < options_.flush_records) {
    return absl::OkStatus();
  }
  if (writing_ == nullptr) return absl::OkStatus();
  records_unsynced_ = 0;
  return FromRocks(writing_->rocks->db->SyncWAL(), "sync");
}

absl::Status EventStore::Engine::Seal() {
  const std::shared_ptr<Running> running = this->running();
  if (running == nullptr) return absl::UnavailableError("store: not writable");
  running->indexer.SealAll();
  return absl::OkStatus();
}

StoreActivity EventStore::Engine::Activity() const {
  const std::shared_ptr<Running> running = this->running();
  if (running == nullptr) return {};
  StoreActivity activity;
  running->indexer.AddTo(&activity);
  running->merger.AddTo(&activity);
  return activity;
}

absl::Status EventStore::Engine::Settle(std::stop_token stop) {
  const std::shared_ptr<Running> running = this->running();
  if (running == nullptr) return absl::UnavailableError("store: not writable");
  running->indexer.SealAll();
  absl::Status settled = running->indexer.Wait(stop);
  if (settled.ok()) settled = running->merger.Wait(stop);
  if (!settled.ok()) return settled;
  return FlushAll(*running->rocks);
}

absl::StatusOr<std::unique_ptr<Import>> EventStore::Engine::StartImport(
    const ImportOptions& options) {
  if (writing_ == nullptr) return absl::UnavailableError("store: not writable");
  // From here on the hosts' states are in the files, not in the indexer.
  writing_->indexer.SealAll();
  const absl::Status sealed = writing_->indexer.Wait({});
  if (!sealed.ok()) return sealed;
  ImportContext context{
      .rocks = writing_->rocks,
      .numbers = writing_->numbers,
      .open_bytes_max = options_.open_bytes_max,
      .host_for = [this](const Identity& host,
                         rocksdb::WriteBatch* write) { return HostFor(host, host.name, write); },
      .next_arrival = [this] { return next_arrival_++; },
      .on_block = [this](HostId host, Day day) { writing_->merger.Notice(host, day); }};
  return std::make_unique<LogImport>(std::move(context), options);
}

absl::Status EventStore::Engine::DropDay(const Identity& host, Day day) {
  const std::shared_ptr<Running> running = this->running();
  if (running == nullptr) return absl::UnavailableError("store: not writable");
  std::optional<HostId> id;
  {
    const std::lock_guard lock(mutex_);
    id = hosts_.Find(host);
  }
  if (!id) return absl::NotFoundError("store: no host " + host.name);
  return running->merger.Drop(*id, day);
}

uint64_t EventStore::Engine::NextConnection() {
  const std::lock_guard lock(mutex_);
  return next_connection_++;
}

std::vector<Identity> EventStore::Engine::Hosts() const {
  std::vector<Identity> hosts;
  {
    const std::lock_guard lock(mutex_);
    hosts.reserve(hosts_.size());
    for (HostId id = 0; id < hosts_.size(); ++id) hosts.push_back(hosts_.identity(id));
  }
  std::sort(hosts.begin(), hosts.end(),
            [](const Identity& a, const Identity& b) { return a.name < b.name; });
  return hosts;
}

absl::StatusOr<EventStore::Engine::Moment> EventStore::Engine::Look(
    const std::vector<std::string>& host_patterns, const std::stop_token& stop) const {
  Moment moment;
  std::shared_ptr<Running> running;
  {
    const std::lock_guard lock(mutex_);
    running = running_;
    moment.hosts = hosts_.Matching(host_patterns);
  }
  const auto wanted = [&](HostId id) { return id < moment.hosts.size() && moment.hosts[id]; };
  absl::StatusOr<StoreView> view = absl::UnavailableError("store: not open after a disk error");
  if (running != nullptr) view = running->indexer.View(wanted, stop);
  if (reading_ != nullptr) view = ViewOfFiles(reading_, wanted);
  if (!view.ok()) return view.status();
  moment.view = *std::move(view);
  return moment;
}

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
absl::Status EventStore::SyncIfDue() { return engine_->SyncIfDue(); }
absl::Status EventStore::Seal() { return engine_->Seal(); }
uint64_t EventStore::NextConnection() { return engine_->NextConnection(); }
void EventStore::SetFlush(Flush flush, uint32_t flush_records) {
  engine_->SetFlush(flush, flush_records);
}
std::vector<Identity> EventStore::Hosts() const { return engine_->Hosts(); }

absl::Status EventStore::Settle(std::stop_token stop) { return engine_->Settle(std::move(stop)); }
absl::StatusOr<std::unique_ptr<Import>> EventStore::StartImport(const ImportOptions& options) {
  return engine_->StartImport(options);
}
absl::Status EventStore::DropDay(const Identity& host, uint32_t day) {
  return engine_->DropDay(host, day);
}

absl::Status EventStore::Search(const SearchRequest& request,
                                const std::function<bool(const FoundEvent&)>& sink) const {
  absl::StatusOr<Engine::Moment> moment = engine_->Look(request.host_patterns, request.stop);
  if (!moment.ok()) return moment.status();
  StoreSearch search(std::move(moment->view), std::move(moment->hosts), request);
  return search.FindEvents(sink);
}

absl::Status EventStore::SearchMalformed(
    const SearchRequest& request, const std::function<bool(const MalformedRecord&)>& sink) const {
  absl::StatusOr<Engine::Moment> moment = engine_->Look(request.host_patterns, request.stop);
  if (!moment.ok()) return moment.status();
  StoreSearch search(std::move(moment->view), std::move(moment->hosts), request);
  return search.FindMalformed(sink);
}

absl::StatusOr<std::vector<ValueCount>> EventStore::Count(const CountRequest& request) const {
  absl::StatusOr<Engine::Moment> moment = engine_->Look(request.host_patterns, request.stop);
  if (!moment.ok()) return moment.status();
  return CountValues(moment->view, std::move(moment->hosts), request);
}

absl::StatusOr<StoreStats> EventStore::Stats() const {
  absl::StatusOr<Engine::Moment> moment = engine_->Look({}, {});
  if (!moment.ok()) return moment.status();
  return CollectStats(moment->view, moment->hosts, engine_->path());
}

StoreActivity EventStore::Activity() const { return engine_->Activity(); }

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
