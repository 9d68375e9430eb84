#include "storage/event_store.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
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
constexpr char kGenerationKey[] = "g";

constexpr auto kReopenInterval = std::chrono::seconds(1);

// What a group takes in a write beside its records, about: its key, header and lengths.
constexpr size_t kGroupOverhead = 64;

constexpr char kOverflowName[] = "overflow";

// How many groups of a host are searched for the marks of its connections. More than a few are only
// read where clients share a name; a mark beyond it is of a client that was silent for long while
// the others were not.
constexpr int kMarkGroupsMax = 4096;

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

 private:
  // What is known of the files of an open database.
  struct Tables {
    HostTable hosts;
    RetryMarks marks;
    uint64_t next_arrival = 0;
    uint64_t generation = 0;
  };

  absl::Status OpenDatabase();
  absl::Status Reopen();
  void CloseDatabase();
  static absl::Status LoadHosts(const Rocks& rocks, HostTable* hosts);
  static absl::Status LoadMarks(const Rocks& rocks, Tables* tables);
  static absl::Status LoadMarksOf(HostId host, rocksdb::Iterator* entry, Tables* tables);
  static absl::Status StartGeneration(const Rocks& rocks, Tables* tables);

  HostId HostFor(const Batch& batch, rocksdb::WriteBatch* write, uint64_t* overflowed = nullptr);
  void AddDelivery(Delivery* delivery, rocksdb::WriteBatch* write, AppendResult* result);
  void AddBatch(const Batch& batch, JournalHeader header, rocksdb::WriteBatch* write,
                AppendResult* result);
  absl::Status Write(rocksdb::WriteBatch* write, uint64_t records);
  std::shared_ptr<Rocks> rocks() const;

  const std::string path_;
  StoreOptions options_;
  std::optional<StoreDirectory> directory_;

  // Of the thread that appends.
  std::shared_ptr<Rocks> writing_;  // rocks_ as well; null after a failed write.
  std::string damage_;              // Not told yet.
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
  return LoadHosts(*rocks_, &hosts_);
}

// All or nothing: a database that is only half known here is closed again.
absl::Status EventStore::Engine::OpenDatabase() {
  absl::StatusOr<OpenedRocks> opened = OpenRocks(DatabasePath(path_));
  if (!opened.ok()) return opened.status();
  const Rocks& rocks = *opened->rocks;
  Tables tables;
  absl::Status loaded = LoadHosts(rocks, &tables.hosts);
  if (loaded.ok()) loaded = LoadMarks(rocks, &tables);
  if (loaded.ok()) loaded = StartGeneration(rocks, &tables);
  if (!loaded.ok()) return loaded;

  if (!opened->damage.empty()) damage_ = std::move(opened->damage);
  marks_ = std::move(tables.marks);
  next_arrival_ = tables.next_arrival;
  writing_ = opened->rocks;
  const std::lock_guard lock(mutex_);
  rocks_ = std::move(opened->rocks);
  hosts_ = std::move(tables.hosts);
  next_connection_ = tables.generation << 32;
  return absl::OkStatus();
}

// Closing waits for RocksDB's own threads, so it happens outside of the lock.
void EventStore::Engine::CloseDatabase() {
  writing_.reset();
  std::shared_ptr<Rocks> closed;
  {
    const std::lock_guard lock(mutex_);
    closed.swap(rocks_);
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

absl::Status EventStore::Engine::LoadHosts(const Rocks& rocks, HostTable* hosts) {
  const std::unique_ptr<rocksdb::Iterator> entry(
      rocks.db->NewIterator(rocksdb::ReadOptions(), rocks.meta));
  for (entry->Seek({&kHostPrefix, 1}); entry->Valid(); entry->Next()) {
    std::string_view key = ToView(entry->key());
    if (key[0] != kHostPrefix) break;
    key.remove_prefix(1);
    const absl::Status loaded = hosts->Load(key, ToView(entry->value()));
    if (!loaded.ok()) return loaded;
  }
  return FromRocks(entry->status(), "read the table of hosts");
}

absl::Status EventStore::Engine::LoadMarks(const Rocks& rocks, Tables* tables) {
  const std::unique_ptr<rocksdb::Iterator> entry(
      rocks.db->NewIterator(rocksdb::ReadOptions(), rocks.journal));
  for (HostId host = 0; host < tables->hosts.size(); ++host) {
    const absl::Status loaded = LoadMarksOf(host, entry.get(), tables);
    if (!loaded.ok()) return loaded;
  }
  return absl::OkStatus();
}

// Reads the groups of a host from its last one backwards, until all its connections are known.
absl::Status EventStore::Engine::LoadMarksOf(HostId host, rocksdb::Iterator* entry,
                                             Tables* tables) {
  constexpr uint64_t kLast = std::numeric_limits<uint64_t>::max();
  absl::flat_hash_set<uint64_t> connections;
  size_t wanted = 1;
  entry->SeekForPrev(EncodeJournalKey({.host = host, .arrival = kLast}));
  for (int groups = 0; entry->Valid() && groups < kMarkGroupsMax; ++groups, entry->Prev()) {
    const absl::StatusOr<JournalKey> key = DecodeJournalKey(ToView(entry->key()));
    if (!key.ok()) return key.status();
    if (key->host != host) break;
    tables->next_arrival = std::max(tables->next_arrival, key->arrival + 1);
    absl::StatusOr<JournalGroup> group = JournalGroup::Decode(ToView(entry->value()));
    if (!group.ok()) return group.status();
    const JournalSender sender = group->header().sender;
    if (sender.connection == 0) continue;
    if (connections.empty()) wanted = sender.siblings;
    if (connections.insert(sender.connection).second) {
      const absl::StatusOr<std::string_view> line = group->Last();
      if (!line.ok()) return line.status();
      tables->marks.Load(host, {.client = std::string(group->header().address),
                                .connection = sender.connection,
                                .arrival = key->arrival,
                                .sequence = sender.sequence,
                                .record = FingerprintOf(*line)});
    }
    if (connections.size() >= wanted) break;
  }
  return FromRocks(entry->status(), "read the journal");
}

// Numbers of connections are unique because each opening for writing has a number of its own.
absl::Status EventStore::Engine::StartGeneration(const Rocks& rocks, Tables* tables) {
  std::string stored;
  const rocksdb::Status got =
      rocks.db->Get(rocksdb::ReadOptions(), rocks.meta, kGenerationKey, &stored);
  if (!got.ok() && !got.IsNotFound()) return FromRocks(got, "read meta");
  std::string_view in = stored;
  if (got.ok() && !TakeFixed64(&in, &tables->generation)) {
    return absl::DataLossError("meta: the generation is cut off");
  }
  ++tables->generation;
  std::string value;
  PutFixed64(&value, tables->generation);
  rocksdb::WriteOptions durable;
  durable.sync = true;
  return FromRocks(rocks.db->Put(durable, rocks.meta, kGenerationKey, value), "write meta");
}

std::shared_ptr<Rocks> EventStore::Engine::rocks() const {
  const std::lock_guard lock(mutex_);
  return rocks_;
}

absl::StatusOr<AppendResult> EventStore::Engine::Append(std::span<Delivery> deliveries) {
  if (!directory_) return absl::FailedPreconditionError("store: open for reading only");
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
    CloseDatabase();
    last_reopen_ = std::chrono::steady_clock::now();
    return written;
  }
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
    const HostId first_host = HostFor(batches.front(), write);
    const HostId last_host = HostFor(batches[last_batch], write);
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
  const HostId host = HostFor(batch, write, &result->hosts_overflowed);
  header.address = batch.address();
  const std::string key = EncodeJournalKey({.host = host, .arrival = next_arrival_++});
  const std::string encoded_header = EncodeJournalHeader(header);
  const rocksdb::Slice key_slice = key;
  const rocksdb::Slice value_slices[] = {encoded_header, ToSlice(batch.encoded())};
  write->Put(writing_->journal, rocksdb::SliceParts(&key_slice, 1),
             rocksdb::SliceParts(value_slices, 2));
  result->records += batch.record_count();
  result->bytes += batch.encoded().size();
}

HostId EventStore::Engine::HostFor(const Batch& batch, rocksdb::WriteBatch* write,
                                   uint64_t* overflowed) {
  const std::lock_guard lock(mutex_);
  const auto find_or_add = [&](const Identity& host, size_t hosts_max) -> std::optional<HostId> {
    if (const auto found = hosts_.Find(host)) return found;
    if (hosts_.size() >= hosts_max) return std::nullopt;
    const HostId id = hosts_.Add(host);
    write->Put(rocks_->meta, kHostPrefix + HostTable::EncodeKey(id), HostTable::EncodeValue(host));
    return id;
  };
  if (const auto id = find_or_add(batch.host(), options_.hosts_max)) return *id;
  if (overflowed != nullptr) ++*overflowed;
  const Identity by_address{.kind = IdentityKind::kAddress, .name = batch.address()};
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
  const rocksdb::Status written = writing_->db->Write(how, write);
  if (written.ok() && how.sync) records_unsynced_ = 0;
  return FromRocks(written, "write");
}

absl::Status EventStore::Engine::SyncIfDue() {
  if (options_.flush != Flush::kIncrementalAsync || records_unsynced_ < options_.flush_records) {
    return absl::OkStatus();
  }
  if (writing_ == nullptr) return absl::OkStatus();
  records_unsynced_ = 0;
  return FromRocks(writing_->db->SyncWAL(), "sync");
}

absl::Status EventStore::Engine::Seal() {
  const std::shared_ptr<Rocks> rocks = this->rocks();
  if (rocks == nullptr) return absl::UnavailableError("store: not writable");
  rocksdb::FlushOptions begin_only;
  begin_only.wait = false;
  begin_only.allow_write_stall = true;  // Else it would wait for earlier flushes.
  return FromRocks(rocks->db->Flush(begin_only, {rocks->meta, rocks->journal}), "seal");
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
