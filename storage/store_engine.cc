#include "storage/store_engine.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_format.h"

#include "audit/record.h"
#include "storage/host_state.h"
#include "storage/log_import.h"
#include "storage/store_tables.h"

namespace storage {

namespace {

constexpr auto kReopenInterval = std::chrono::seconds(1);
constexpr auto kReopenAfterFailure = std::chrono::seconds(30);

// What a group takes in a write beside its records, about: its key, header and lengths.
constexpr size_t kGroupOverhead = 64;

constexpr char kOverflowName[] = "overflow";

// What fails while a store is opened is told of a directory: RocksDB does not always name it.
absl::Status NamingStore(const std::string& path, const absl::Status& status) {
  constexpr std::string_view kPrefix = "store: ";
  std::string_view message{status.message().data(), status.message().size()};
  if (!message.starts_with(kPrefix)) return status;
  message.remove_prefix(kPrefix.size());
  return absl::Status(status.code(), absl::StrFormat("store %s: %s", path, message));
}

}  // namespace

absl::Status EventStore::Engine::OpenForWriting() {
  absl::StatusOr<StoreDirectory> directory = StoreDirectory::OpenForWriting(path_);
  if (!directory.ok()) return directory.status();
  directory_.emplace(*std::move(directory));
  return NamingStore(path_, OpenDatabase());
}

absl::Status EventStore::Engine::OpenForReading() {
  const absl::Status readable = StoreDirectory::CheckForReading(path_);
  if (!readable.ok()) return readable;
  absl::StatusOr<std::shared_ptr<Rocks>> rocks = OpenRocksForReading(DatabasePath(path_));
  if (!rocks.ok()) return NamingStore(path_, rocks.status());
  reading_ = *std::move(rocks);
  absl::Status loaded = LoadHosts(*reading_, &hosts_);
  HostLosses losses;
  if (loaded.ok()) loaded = LoadLosses(*reading_, &losses);
  lost_ = losses.Sums();
  return loaded;
}

// All or nothing: a database that is only half known here is closed again.
absl::Status EventStore::Engine::OpenDatabase() {
  absl::StatusOr<OpenedRocks> opened = OpenRocks(DatabasePath(path_), options_.on_problem);
  if (!opened.ok()) return opened.status();
  absl::StatusOr<StoreTables> loaded = LoadTables(*opened->rocks, options_.hosts_max);
  if (!loaded.ok()) return loaded.status();
  StoreTables& tables = *loaded;

  if (!opened->damage.empty()) damage_ = std::move(opened->damage);
  marks_ = std::move(tables.marks);
  numbers_ = std::move(tables.numbers);
  losses_ = std::move(tables.losses);
  next_arrival_ = tables.next_arrival;
  const auto on_failure = [this](const absl::Status& status) {
    options_.on_problem(status);
    const std::lock_guard lock(mutex_);
    indexer_failed_ = true;
  };
  const auto on_room = [this] {
    const std::lock_guard lock(on_room_mutex_);
    if (on_room_ != nullptr) on_room_();
  };
  writing_ = std::make_shared<Running>(std::move(opened->rocks), options_, tables, whole_, on_room,
                                       on_failure);
  const std::lock_guard lock(mutex_);
  running_ = writing_;
  indexer_failed_ = false;
  // Where the end of the journal was damaged, hosts may be gone, and their numbers be given again.
  size_t same = 0;
  while (same < activity_.size() && same < tables.hosts.size() &&
         tables.hosts.identity(static_cast<HostId>(same)) ==
             hosts_.identity(static_cast<HostId>(same))) {
    ++same;
  }
  activity_.resize(same);
  pace_.resize(same);
  hosts_ = std::move(tables.hosts);
  lost_ = losses_.Sums();
  next_connection_ = tables.generation << 32;
  return absl::OkStatus();
}

// Closing waits for RocksDB's own threads, so it happens outside of the lock.
void EventStore::Engine::CloseDatabase() {
  if (writing_ != nullptr) writing_->closing.request_stop();
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

absl::Status EventStore::Engine::EnsureWritable() {
  if (!directory_) return absl::FailedPreconditionError("store: open for reading only");
  CloseAfterFailure();
  return writing_ == nullptr ? Reopen() : absl::OkStatus();
}

// What the tables in memory know is in the files, too: else they are not writable.
absl::StatusOr<uint64_t> EventStore::Engine::LastBatchNumber(const Identity& agent,
                                                             std::string_view boot_id) {
  const absl::Status writable = EnsureWritable();
  if (!writable.ok()) return writable;
  return numbers_.Last(agent, boot_id);
}

absl::StatusOr<AppendResult> EventStore::Engine::Append(std::span<Delivery> deliveries) {
  const absl::Status writable = EnsureWritable();
  if (!writable.ok()) return writable;
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
    delivered_.clear();
    told_losses_.clear();
    CloseDatabase();
    last_reopen_ = std::chrono::steady_clock::now();
    return written;
  }
  writing_->indexer.Push(std::exchange(groups_, {}));
  NoteActivity();
  result.damage = std::exchange(damage_, {});
  return result;
}

void EventStore::Engine::AddDelivery(Delivery* delivery, rocksdb::WriteBatch* write,
                                     AppendResult* result) {
  JournalHeader header{.received_ms = delivery->received_ms};
  std::vector<Batch>& batches = delivery->batches;
  if (delivery->number) {
    const Identity& agent = batches.front().host();
    delivery->receipt = numbers_.Take(agent, *delivery->number);
    if (delivery->receipt.outcome == Receipt::Outcome::kRepeated) {
      for (const Batch& batch : batches) {
        result->duplicates_dropped += batch.record_count();
        delivered_.push_back({.host = HostFor(batch.host(), batch.address(), write),
                              .activity = {.duplicates_dropped = batch.record_count()}});
      }
    }
    if (delivery->receipt.outcome != Receipt::Outcome::kStored) return;
    write->Put(writing_->rocks->meta, BatchNumbers::EncodeKey(agent), numbers_.EncodeValue(agent));
    if (delivery->losses) {
      TakeLosses(HostFor(agent, batches.front().address(), write), *delivery->losses, write);
    }
  }
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
      delivered_.push_back({.host = first_host, .activity = {.duplicates_dropped = 1}});
    }
  }
  for (size_t i = 0; i < batches.size(); ++i) {
    header.sender = i == last_batch ? sender : JournalSender();
    AddBatch(std::move(batches[i]), header, write, result);
  }
}

void EventStore::Engine::TakeLosses(HostId host, const BootLosses& told,
                                    rocksdb::WriteBatch* write) {
  if (!losses_.Take(host, told)) return;
  write->Put(writing_->rocks->meta, HostLosses::EncodeKey(host), losses_.EncodeValue(host));
  told_losses_[host] = losses_.Sum(host);
}

void EventStore::Engine::AddBatch(Batch batch, JournalHeader header, rocksdb::WriteBatch* write,
                                  AppendResult* result) {
  if (batch.record_count() == 0) return;
  const HostId host = HostFor(batch.host(), batch.address(), write, &result->hosts_overflowed);
  header.address = batch.address();
  result->records += batch.record_count();
  result->bytes += batch.encoded().size();
  result->malformed += batch.malformed_count();
  Delivered& delivered =
      delivered_.emplace_back(Delivered{.host = host,
                                        .activity = {.records = batch.record_count(),
                                                     .bytes = batch.encoded().size(),
                                                     .malformed = batch.malformed_count(),
                                                     .last_received_ms = header.received_ms}});
  const absl::StatusOr<audit::Record> last = audit::ParseRecord(batch.last());
  if (last.ok()) delivered.stamp_ms = last->stamp.time_ms;
  Indexer::Group& group = groups_.emplace_back();
  group.key = {.host = host, .arrival = next_arrival_++};
  group.value = std::move(batch).ReleaseBehind(EncodeJournalHeader(header));
  write->Put(writing_->rocks->journal, EncodeJournalKey(group.key), ToSlice(group.value.view()));
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

// Of what has been written.
void EventStore::Engine::NoteActivity() {
  const std::lock_guard lock(mutex_);
  activity_.resize(hosts_.size());
  pace_.resize(hosts_.size());
  for (const auto& [host, delivered, stamp_ms] : delivered_) {
    HostActivity& activity = activity_[host];
    if (delivered.records > 0) {
      pace_[host].Add(delivered.records, delivered.last_received_ms, stamp_ms);
    }
    activity.records += delivered.records;
    activity.bytes += delivered.bytes;
    activity.malformed += delivered.malformed;
    activity.duplicates_dropped += delivered.duplicates_dropped;
    activity.last_received_ms = std::max(activity.last_received_ms, delivered.last_received_ms);
  }
  delivered_.clear();
  for (const auto& [host, losses] : told_losses_) lost_[host] = losses;
  told_losses_.clear();
}

ActiveHosts EventStore::Engine::WhoIsActive(size_t hosts_max) const {
  ActiveHosts active;
  const std::lock_guard lock(mutex_);
  for (HostId host = 0; host < hosts_.size(); ++host) {
    const auto lost = lost_.find(host);
    const bool is_active = host < activity_.size() && activity_[host] != HostActivity();
    if (!is_active && lost == lost_.end()) continue;
    if (active.hosts.size() == hosts_max) {
      ++active.more;
      continue;
    }
    ActiveHost& told = active.hosts.emplace_back(ActiveHost{.host = hosts_.identity(host)});
    if (is_active) told.activity = activity_[host];
    if (lost != lost_.end()) told.losses = lost->second;
  }
  return active;
}

void EventStore::Engine::OnRoom(std::function<void()> told) {
  const std::lock_guard lock(on_room_mutex_);
  on_room_ = std::move(told);
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
  const Rocks& rocks = *running->rocks;
  for (rocksdb::ColumnFamilyHandle* const family :
       {rocks.meta, rocks.journal, rocks.summaries, rocks.columns, rocks.terms, rocks.tallies}) {
    activity.table_bytes += TableBytes(rocks, family);
  }
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
  const absl::Status flushed = FlushAll(*running->rocks);
  return flushed.ok() ? CompactJournal(*running->rocks) : flushed;
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

uint64_t EventStore::Engine::NextConnection() {
  const std::lock_guard lock(mutex_);
  return next_connection_++;
}

absl::StatusOr<EventStore::Engine::Moment> EventStore::Engine::Look(
    const std::vector<std::string>& host_patterns, const std::stop_token& stop,
    const std::vector<std::string>& visible_hosts) const {
  Moment moment;
  std::shared_ptr<Running> running;
  {
    const std::lock_guard lock(mutex_);
    running = running_;
    moment.hosts = hosts_.Matching(host_patterns, visible_hosts);
  }
  // The view is made a little later, and a host may be added meanwhile.
  const auto wanted = [&](HostId id) {
    if (id < moment.hosts.size()) return moment.hosts[id].has_value();
    const std::lock_guard lock(mutex_);
    return hosts_.Matches(id, host_patterns, visible_hosts);
  };
  absl::StatusOr<StoreView> view = absl::UnavailableError("store: not open after a disk error");
  if (running != nullptr) view = running->indexer.View(wanted, stop);
  if (reading_ != nullptr) view = ViewOfFiles(reading_, wanted);
  if (!view.ok()) return view.status();
  moment.view = *std::move(view);
  const std::lock_guard lock(mutex_);
  if (hosts_.size() > moment.hosts.size()) {
    moment.hosts = hosts_.Matching(host_patterns, visible_hosts);
  }
  return moment;
}

}  // namespace storage
