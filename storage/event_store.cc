#include "storage/event_store.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>
#include <utility>

#include <rocksdb/write_batch.h>

#include "storage/coding.h"
#include "storage/host_table.h"
#include "storage/journal.h"
#include "storage/journal_search.h"
#include "storage/retry_marks.h"
#include "storage/rocks.h"
#include "storage/store_directory.h"

namespace storage {

namespace {

// The keys of the column family "meta" begin with one of these: see storage/README.md.
constexpr char kHostPrefix = 'h';
constexpr char kRetryPrefix = 'r';
constexpr char kNextArrivalKey[] = "a";
constexpr char kGenerationKey[] = "g";

constexpr auto kReopenInterval = std::chrono::seconds(1);

constexpr char kOverflowName[] = "overflow";

}  // namespace

class EventStore::Engine {
 public:
  Engine(std::string path, const StoreOptions& options)
      : path_(std::move(path)), options_(options) {}

  absl::Status OpenForWriting();
  absl::Status OpenForReading();

  absl::StatusOr<AppendResult> Append(std::span<Delivery> deliveries);
  absl::Status SyncIfDue();
  absl::Status Seal();
  uint64_t NextConnection();
  std::vector<Identity> Hosts() const;
  absl::StatusOr<JournalSearch> StartSearch(const SearchRequest& request) const;

  void SetFlush(Flush flush, uint32_t flush_records) {
    options_.flush = flush;
    options_.flush_records = flush_records;
  }
  const std::string& damage() const { return damage_; }

 private:
  absl::Status OpenDatabase();
  absl::Status Reopen();
  absl::Status LoadMeta();
  absl::Status LoadNumber(const char* key, uint64_t* number);
  absl::Status StartGeneration();

  HostId HostFor(const Batch& batch, rocksdb::WriteBatch* write, AppendResult* result);
  void AddDelivery(Delivery* delivery, rocksdb::WriteBatch* write, AppendResult* result);
  void AddBatch(const Batch& batch, uint64_t received_ms, rocksdb::WriteBatch* write,
                AppendResult* result);
  absl::Status Write(rocksdb::WriteBatch* write, uint64_t records);
  std::shared_ptr<Rocks> rocks() const;

  const std::string path_;
  StoreOptions options_;
  std::optional<StoreDirectory> directory_;
  std::string damage_;

  // Of the thread that appends.
  RetryMarks marks_;
  uint64_t next_arrival_ = 0;
  uint64_t records_unsynced_ = 0;
  std::chrono::steady_clock::time_point last_reopen_{};

  mutable std::mutex mutex_;  // Guards what follows.
  std::shared_ptr<Rocks> rocks_;
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
  rocks_ = *std::move(rocks);
  return LoadMeta();
}

absl::Status EventStore::Engine::OpenDatabase() {
  absl::StatusOr<OpenedRocks> opened = OpenRocks(DatabasePath(path_));
  if (!opened.ok()) return opened.status();
  damage_ = std::move(opened->damage);
  {
    const std::lock_guard lock(mutex_);
    rocks_ = std::move(opened->rocks);
  }
  const absl::Status loaded = LoadMeta();
  if (!loaded.ok()) return loaded;
  return StartGeneration();
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

absl::Status EventStore::Engine::LoadMeta() {
  const std::shared_ptr<Rocks> rocks = this->rocks();
  marks_.Clear();
  const std::lock_guard lock(mutex_);
  hosts_.Clear();
  const std::unique_ptr<rocksdb::Iterator> entry(
      rocks->db->NewIterator(rocksdb::ReadOptions(), rocks->meta));
  for (entry->SeekToFirst(); entry->Valid(); entry->Next()) {
    std::string_view key = ToView(entry->key());
    const std::string_view value = ToView(entry->value());
    const char prefix = key.empty() ? '\0' : key[0];
    if (!key.empty()) key.remove_prefix(1);
    absl::Status loaded;
    if (prefix == kHostPrefix) loaded = hosts_.Load(key, value);
    if (prefix == kRetryPrefix) loaded = marks_.Load(key, value);
    if (!loaded.ok()) return loaded;
  }
  if (!entry->status().ok()) return FromRocks(entry->status(), "read meta");
  return LoadNumber(kNextArrivalKey, &next_arrival_);
}

absl::Status EventStore::Engine::LoadNumber(const char* key, uint64_t* number) {
  std::string value;
  const rocksdb::Status got = rocks_->db->Get(rocksdb::ReadOptions(), rocks_->meta, key, &value);
  *number = 0;
  if (got.IsNotFound()) return absl::OkStatus();
  if (!got.ok()) return FromRocks(got, "read meta");
  std::string_view in = value;
  if (!TakeFixed64(&in, number)) return absl::DataLossError("meta: a number is cut off");
  return absl::OkStatus();
}

// Numbers of connections are unique because each opening for writing has a number of its own.
absl::Status EventStore::Engine::StartGeneration() {
  const std::lock_guard lock(mutex_);
  uint64_t generation = 0;
  const absl::Status loaded = LoadNumber(kGenerationKey, &generation);
  if (!loaded.ok()) return loaded;
  std::string value;
  PutFixed64(&value, generation + 1);
  rocksdb::WriteOptions durable;
  durable.sync = true;
  const rocksdb::Status put = rocks_->db->Put(durable, rocks_->meta, kGenerationKey, value);
  if (!put.ok()) return FromRocks(put, "write meta");
  next_connection_ = (generation + 1) << 32;
  return absl::OkStatus();
}

std::shared_ptr<Rocks> EventStore::Engine::rocks() const {
  const std::lock_guard lock(mutex_);
  return rocks_;
}

absl::StatusOr<AppendResult> EventStore::Engine::Append(std::span<Delivery> deliveries) {
  if (!directory_) return absl::FailedPreconditionError("store: open for reading only");
  if (rocks() == nullptr) {
    const absl::Status reopened = Reopen();
    if (!reopened.ok()) return reopened;
  }
  AppendResult result;
  rocksdb::WriteBatch write;
  for (Delivery& delivery : deliveries) AddDelivery(&delivery, &write, &result);
  const absl::Status written = Write(&write, result.records);
  if (!written.ok()) {
    // The tables in memory are ahead of the files. The next call opens the files anew.
    const std::lock_guard lock(mutex_);
    rocks_.reset();
    last_reopen_ = std::chrono::steady_clock::now();
    return written;
  }
  return result;
}

void EventStore::Engine::AddDelivery(Delivery* delivery, rocksdb::WriteBatch* write,
                                     AppendResult* result) {
  std::optional<RetryMarks::Change> change;
  if (delivery->retry) {
    const RetryKey& key = *delivery->retry;
    std::optional<RetryMark> repeated;
    if (key.opens_connection) {
      repeated = marks_.FindRepeated(key, delivery->batches.front().first());
    }
    change = marks_.Set(key, next_arrival_, delivery->batches[key.last_batch].last(), repeated);
    if (repeated) {
      delivery->batches.front().RemoveFirst();
      ++result->duplicates_dropped;
    }
  }
  for (const Batch& batch : delivery->batches) {
    if (batch.record_count() > 0) AddBatch(batch, delivery->received_ms, write, result);
  }
  if (!change) return;
  const std::shared_ptr<Rocks> rocks = this->rocks();
  write->Put(rocks->meta, kRetryPrefix + change->key, change->value);
  for (const std::string& erased : change->erased) {
    write->Delete(rocks->meta, kRetryPrefix + erased);
  }
}

void EventStore::Engine::AddBatch(const Batch& batch, uint64_t received_ms,
                                  rocksdb::WriteBatch* write, AppendResult* result) {
  const HostId host = HostFor(batch, write, result);
  const std::string key = EncodeJournalKey({.host = host, .arrival = next_arrival_++});
  const std::string header = EncodeJournalHeader(received_ms, batch.address());
  const rocksdb::Slice key_slice = key;
  const rocksdb::Slice value_slices[] = {header, ToSlice(batch.encoded())};
  write->Put(rocks()->journal, rocksdb::SliceParts(&key_slice, 1),
             rocksdb::SliceParts(value_slices, 2));
  result->records += batch.record_count();
  result->bytes += batch.encoded().size();
}

HostId EventStore::Engine::HostFor(const Batch& batch, rocksdb::WriteBatch* write,
                                   AppendResult* result) {
  const std::lock_guard lock(mutex_);
  const auto add = [&](const Identity& host) {
    const HostId id = hosts_.Add(host);
    write->Put(rocks_->meta, kHostPrefix + HostTable::EncodeKey(id), HostTable::EncodeValue(host));
    return id;
  };
  if (const auto found = hosts_.Find(batch.host())) return *found;
  if (hosts_.size() < options_.hosts_max) return add(batch.host());

  ++result->hosts_overflowed;
  const Identity by_address{.kind = IdentityKind::kAddress, .name = batch.address()};
  if (const auto found = hosts_.Find(by_address)) return *found;
  const Identity overflow{.kind = IdentityKind::kCollector, .name = kOverflowName};
  if (const auto found = hosts_.Find(overflow)) return *found;
  return add(overflow);
}

absl::Status EventStore::Engine::Write(rocksdb::WriteBatch* write, uint64_t records) {
  const std::shared_ptr<Rocks> rocks = this->rocks();
  std::string next_arrival;
  PutFixed64(&next_arrival, next_arrival_);
  write->Put(rocks->meta, kNextArrivalKey, next_arrival);

  records_unsynced_ += records;
  const bool due = records_unsynced_ >= options_.flush_records;
  rocksdb::WriteOptions how;
  how.sync = options_.flush == Flush::kData || options_.flush == Flush::kSync ||
             (options_.flush == Flush::kIncremental && due);
  const rocksdb::Status written = rocks->db->Write(how, write);
  if (written.ok() && how.sync) records_unsynced_ = 0;
  return FromRocks(written, "write");
}

absl::Status EventStore::Engine::SyncIfDue() {
  if (options_.flush != Flush::kIncrementalAsync || records_unsynced_ < options_.flush_records) {
    return absl::OkStatus();
  }
  const std::shared_ptr<Rocks> rocks = this->rocks();
  if (rocks == nullptr) return absl::OkStatus();
  records_unsynced_ = 0;
  return FromRocks(rocks->db->SyncWAL(), "sync");
}

absl::Status EventStore::Engine::Seal() {
  const std::shared_ptr<Rocks> rocks = this->rocks();
  if (rocks == nullptr) return absl::UnavailableError("store: not writable");
  return FromRocks(rocks->db->Flush(rocksdb::FlushOptions(), {rocks->meta, rocks->journal}),
                   "seal");
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

absl::StatusOr<JournalSearch> EventStore::Engine::StartSearch(const SearchRequest& request) const {
  const std::lock_guard lock(mutex_);
  if (rocks_ == nullptr) return absl::UnavailableError("store: not open after a disk error");
  return JournalSearch(rocks_, hosts_, request.host_patterns);
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
const std::string& EventStore::damage() const { return engine_->damage(); }
uint64_t EventStore::NextConnection() { return engine_->NextConnection(); }
void EventStore::SetFlush(Flush flush, uint32_t flush_records) {
  engine_->SetFlush(flush, flush_records);
}
std::vector<Identity> EventStore::Hosts() const { return engine_->Hosts(); }

absl::Status EventStore::Search(const SearchRequest& request,
                                const std::function<bool(const FoundEvent&)>& sink) const {
  absl::StatusOr<JournalSearch> search = engine_->StartSearch(request);
  if (!search.ok()) return search.status();
  return search->FindEvents(request.predicate, sink);
}

absl::Status EventStore::SearchMalformed(
    const SearchRequest& request, const std::function<bool(const MalformedRecord&)>& sink) const {
  absl::StatusOr<JournalSearch> search = engine_->StartSearch(request);
  if (!search.ok()) return search.status();
  return search->FindMalformed(request.predicate.time_bounds(), sink);
}

}  // namespace storage
