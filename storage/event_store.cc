#include "storage/event_store.h"

#include <algorithm>
#include <chrono>
#include <limits>
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
constexpr char kGenerationKey[] = "g";

constexpr auto kReopenInterval = std::chrono::seconds(1);

constexpr char kOverflowName[] = "overflow";

// How many groups of a host are searched for the marks of its connections. More than one only
// counts for clients that share an address and a name; a mark beyond it is of a client that was
// silent for long while its siblings were not.
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
  const std::string& damage() const { return damage_; }

 private:
  absl::Status OpenDatabase();
  absl::Status Reopen();
  absl::Status LoadHosts();
  absl::Status LoadMarks();
  absl::Status LoadMarksOf(HostId host, rocksdb::Iterator* entry);
  absl::Status StartGeneration();

  HostId HostFor(const Batch& batch, rocksdb::WriteBatch* write, AppendResult* result);
  void AddDelivery(Delivery* delivery, rocksdb::WriteBatch* write, AppendResult* result);
  void AddBatch(const Batch& batch, JournalHeader header, rocksdb::WriteBatch* write,
                AppendResult* result);
  absl::Status Write(rocksdb::WriteBatch* write, uint64_t records);
  std::shared_ptr<Rocks> rocks() const;

  const std::string path_;
  StoreOptions options_;
  std::optional<StoreDirectory> directory_;
  std::string damage_;

  // Of the thread that appends.
  std::shared_ptr<Rocks> writing_;  // rocks_ as well; null after a failed write.
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
  return LoadHosts();
}

absl::Status EventStore::Engine::OpenDatabase() {
  absl::StatusOr<OpenedRocks> opened = OpenRocks(DatabasePath(path_));
  if (!opened.ok()) return opened.status();
  damage_ = std::move(opened->damage);
  {
    const std::lock_guard lock(mutex_);
    rocks_ = opened->rocks;
  }
  absl::Status loaded = LoadHosts();
  if (loaded.ok()) loaded = LoadMarks();
  if (loaded.ok()) loaded = StartGeneration();
  if (!loaded.ok()) return loaded;
  writing_ = std::move(opened->rocks);
  return absl::OkStatus();
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

absl::Status EventStore::Engine::LoadHosts() {
  const std::lock_guard lock(mutex_);
  hosts_.Clear();
  const std::unique_ptr<rocksdb::Iterator> entry(
      rocks_->db->NewIterator(rocksdb::ReadOptions(), rocks_->meta));
  for (entry->Seek({&kHostPrefix, 1}); entry->Valid(); entry->Next()) {
    std::string_view key = ToView(entry->key());
    if (key[0] != kHostPrefix) break;
    key.remove_prefix(1);
    const absl::Status loaded = hosts_.Load(key, ToView(entry->value()));
    if (!loaded.ok()) return loaded;
  }
  return FromRocks(entry->status(), "read the table of hosts");
}

absl::Status EventStore::Engine::LoadMarks() {
  marks_.Clear();
  next_arrival_ = 0;
  const std::lock_guard lock(mutex_);
  const std::unique_ptr<rocksdb::Iterator> entry(
      rocks_->db->NewIterator(rocksdb::ReadOptions(), rocks_->journal));
  for (HostId host = 0; host < hosts_.size(); ++host) {
    const absl::Status loaded = LoadMarksOf(host, entry.get());
    if (!loaded.ok()) return loaded;
  }
  return absl::OkStatus();
}

// Reads the groups of a host from its last one backwards, until all connections that share its
// client are known.
absl::Status EventStore::Engine::LoadMarksOf(HostId host, rocksdb::Iterator* entry) {
  constexpr uint64_t kLast = std::numeric_limits<uint64_t>::max();
  std::vector<uint64_t> connections;
  entry->SeekForPrev(EncodeJournalKey({.host = host, .arrival = kLast}));
  for (int groups = 0; entry->Valid() && groups < kMarkGroupsMax; ++groups, entry->Prev()) {
    const absl::StatusOr<JournalKey> key = DecodeJournalKey(ToView(entry->key()));
    if (!key.ok()) return key.status();
    if (key->host != host) break;
    next_arrival_ = std::max(next_arrival_, key->arrival + 1);
    absl::StatusOr<JournalGroup> group = JournalGroup::Decode(ToView(entry->value()));
    if (!group.ok()) return group.status();
    const JournalSender& sender = group->header().sender;
    if (sender.connection == 0) break;
    std::string_view line;
    for (;;) {
      const absl::StatusOr<bool> more = group->Next(&line);
      if (!more.ok()) return more.status();
      if (!*more) break;
    }
    marks_.Load(std::string(group->header().address), {.connection = sender.connection,
                                                       .arrival = key->arrival,
                                                       .sequence = sender.sequence,
                                                       .record = FingerprintOf(line)});
    const bool is_new =
        std::find(connections.begin(), connections.end(), sender.connection) == connections.end();
    if (is_new) connections.push_back(sender.connection);
    if (connections.size() >= sender.siblings) break;
  }
  return FromRocks(entry->status(), "read the journal");
}

// Numbers of connections are unique because each opening for writing has a number of its own.
absl::Status EventStore::Engine::StartGeneration() {
  const std::lock_guard lock(mutex_);
  std::string stored;
  const rocksdb::Status got =
      rocks_->db->Get(rocksdb::ReadOptions(), rocks_->meta, kGenerationKey, &stored);
  if (!got.ok() && !got.IsNotFound()) return FromRocks(got, "read meta");
  uint64_t generation = 0;
  std::string_view in = stored;
  if (got.ok() && !TakeFixed64(&in, &generation)) {
    return absl::DataLossError("meta: the generation is cut off");
  }
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
  if (writing_ == nullptr) {
    const absl::Status reopened = Reopen();
    if (!reopened.ok()) return reopened;
  }
  AppendResult result;
  rocksdb::WriteBatch write;
  for (Delivery& delivery : deliveries) AddDelivery(&delivery, &write, &result);
  const absl::Status written = Write(&write, result.records);
  if (!written.ok()) {
    // The tables in memory are ahead of the files. The next call opens the files anew.
    writing_.reset();
    const std::lock_guard lock(mutex_);
    rocks_.reset();
    last_reopen_ = std::chrono::steady_clock::now();
    return written;
  }
  return result;
}

void EventStore::Engine::AddDelivery(Delivery* delivery, rocksdb::WriteBatch* write,
                                     AppendResult* result) {
  JournalHeader header{.received_ms = delivery->received_ms};
  size_t last_batch = delivery->batches.size() - 1;
  if (delivery->retry) {
    const RetryKey& key = *delivery->retry;
    std::optional<RetryMark> repeated;
    if (key.opens_connection) {
      repeated = marks_.FindRepeated(key, delivery->batches.front().first());
    }
    last_batch = key.last_batch;
    const uint64_t last_arrival = next_arrival_ + delivery->batches.size();
    header.sender.siblings =
        marks_.Set(key, last_arrival, delivery->batches[last_batch].last(), repeated);
    header.sender.connection = header.sender.siblings > 0 ? key.connection : 0;
    header.sender.sequence = key.last_sequence;
    if (repeated) {
      delivery->batches.front().RemoveFirst();
      ++result->duplicates_dropped;
    }
  }
  for (size_t i = 0; i < delivery->batches.size(); ++i) {
    if (i != last_batch) AddBatch(delivery->batches[i], header, write, result);
  }
  AddBatch(delivery->batches[last_batch], header, write, result);
}

void EventStore::Engine::AddBatch(const Batch& batch, JournalHeader header,
                                  rocksdb::WriteBatch* write, AppendResult* result) {
  if (batch.record_count() == 0) return;
  const HostId host = HostFor(batch, write, result);
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
