// How a store that runs is backed up: see backup.h.

#include <algorithm>
#include <iterator>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"
#include <rocksdb/utilities/backup_engine.h>

#include "base/new_file.h"
#include "storage/backup_directory.h"
#include "storage/store_engine.h"

namespace storage {

namespace {

using rocksdb::BackupEngine;

constexpr char kStoreIdKey[] = "u";

// Given with the first backup. A restored store has the same.
absl::StatusOr<std::string> StoreId(const Rocks& rocks) {
  std::string id;
  const rocksdb::Status got = rocks.db->Get(rocksdb::ReadOptions(), rocks.meta, kStoreIdKey, &id);
  if (got.ok()) return id;
  if (!got.IsNotFound()) return FromRocks(got, "read meta");
  id = rocks.db->GetEnv()->GenerateUniqueId();
  rocksdb::WriteOptions durable;
  durable.sync = true;
  const rocksdb::Status put = rocks.db->Put(durable, rocks.meta, kStoreIdKey, id);
  if (!put.ok()) return FromRocks(put, "write meta");
  return id;
}

absl::StatusOr<std::unique_ptr<BackupEngine>> OpenEngine(const BackupRequest& request) {
  rocksdb::BackupEngineOptions options(BackupEnginePath(request.directory));
  options.backup_rate_limit = request.bytes_per_second_max;
  BackupEngine* engine = nullptr;
  const rocksdb::Status opened = BackupEngine::Open(options, rocksdb::Env::Default(), &engine);
  if (!opened.ok()) return FromBackupEngine(opened, request.directory, "open");
  return std::unique_ptr<BackupEngine>(engine);
}

std::set<std::string> FilesOf(const std::vector<rocksdb::BackupInfo>& backups) {
  std::set<std::string> files;
  for (const rocksdb::BackupInfo& backup : backups) {
    for (const auto& file : backup.file_details) files.insert(file.relative_filename);
  }
  return files;
}

// Of the backup `id`; `before` are those that were there before it.
absl::StatusOr<BackupResult> Measure(const BackupEngine& engine, uint32_t id,
                                     const std::vector<rocksdb::BackupInfo>& before) {
  rocksdb::BackupInfo made;
  const rocksdb::Status got = engine.GetBackupInfo(id, &made, true);
  if (!got.ok()) return FromRocks(got, "read a backup");
  BackupResult result{.id = id, .bytes = made.size, .files = made.number_files};
  const std::set<std::string> known = FilesOf(before);
  for (const auto& file : made.file_details) {
    if (known.contains(file.relative_filename)) continue;
    result.bytes_new += file.size;
    ++result.files_new;
  }
  return result;
}

// Those that are damaged, and those that are too many.
absl::Status DeleteOld(BackupEngine* engine, const BackupRequest& request,
                       const std::vector<rocksdb::BackupInfo>& before, BackupResult* result) {
  rocksdb::Status deleted;
  engine->GetCorruptedBackups(&result->damaged);
  for (const uint32_t id : result->damaged) {
    if (deleted.ok()) deleted = engine->DeleteBackup(id);
  }
  if (deleted.ok()) deleted = engine->PurgeOldBackups(request.keep_count);
  const size_t too_many =
      before.size() + 1 - std::min<size_t>(before.size() + 1, request.keep_count);
  for (size_t i = 0; i < too_many; ++i) result->deleted.push_back(before[i].backup_id);
  return FromBackupEngine(
      deleted, request.directory,
      absl::StrFormat("%d is made, but old ones cannot be deleted", result->id));
}

// Who can end a backup, beside who has asked for it.
struct StoreStops {
  std::stop_token closing;
  std::stop_token needs_space;
};

// Ends what the engine does when one of them asks for it.
class StopOnRequest {
 public:
  StopOnRequest(BackupEngine& engine, const std::stop_token& caller, const StoreStops& store)
      : caller_(caller, [&engine] { engine.StopBackup(); }),
        closing_(store.closing, [&engine] { engine.StopBackup(); }),
        needs_space_(store.needs_space, [&engine] { engine.StopBackup(); }) {}

 private:
  std::stop_callback<std::function<void()>> caller_;
  std::stop_callback<std::function<void()>> closing_;
  std::stop_callback<std::function<void()>> needs_space_;
};

absl::StatusOr<uint32_t> Create(BackupEngine* engine, const Rocks& rocks,
                                const BackupRequest& request, const StoreStops& stops) {
  rocksdb::CreateBackupOptions options;
  // The journal's latest is in the write-ahead log, which is copied: a flush would make the store
  // write, and a small file each time.
  options.flush_before_backup = false;
  options.decrease_background_thread_cpu_priority = true;
  options.background_thread_cpu_priority = rocksdb::CpuPriority::kIdle;
  const StopOnRequest stop(*engine, request.stop, stops);
  uint32_t id = 0;
  const rocksdb::Status made =
      engine->CreateNewBackupWithMetadata(options, rocks.db.get(), FormatLine(kStoreFormat), &id);
  if (made.ok()) return id;
  if (made.IsIncomplete() && request.stop.stop_requested()) {
    return absl::CancelledError(absl::StrFormat("backup %s: stopped", request.directory));
  }
  if (made.IsIncomplete() && stops.needs_space.stop_requested()) {
    return absl::UnavailableError(absl::StrFormat(
        "backup %s: stopped, because the store's disk is full and what it deletes must leave it",
        request.directory));
  }
  if (made.IsIncomplete() && stops.closing.stop_requested()) {
    return absl::UnavailableError(
        absl::StrFormat("backup %s: stopped, because the store was closed", request.directory));
  }
  return FromBackupEngine(made, request.directory, "make");
}

}  // namespace

absl::StatusOr<BackupResult> EventStore::Engine::Backup(const BackupRequest& request) {
  if (request.keep_count < 1) {
    return absl::InvalidArgumentError("backup: at least one backup must be kept");
  }
  const std::unique_lock only(backup_mutex_, std::try_to_lock);
  if (!only.owns_lock()) return absl::FailedPreconditionError("backup: one is being made");
  std::shared_ptr<Rocks> rocks;
  StoreStops stops;
  {
    const std::lock_guard lock(mutex_);
    if (running_ == nullptr) return absl::UnavailableError("store: not writable");
    rocks = running_->rocks;
    stops.closing = running_->closing.get_token();
    stops.needs_space = backup_stop_.get_token();
  }
  const absl::StatusOr<std::string> store_id = StoreId(*rocks);
  if (!store_id.ok()) return store_id.status();
  const absl::StatusOr<BackupDirectory> held =
      BackupDirectory::OpenForStore(request.directory, path_, *store_id);
  if (!held.ok()) return held.status();
  const absl::StatusOr<std::unique_ptr<BackupEngine>> engine = OpenEngine(request);
  if (!engine.ok()) return engine.status();
  std::vector<rocksdb::BackupInfo> before;
  (*engine)->GetBackupInfo(&before, true);
  absl::StatusOr<uint32_t> id;
  {
    const std::lock_guard copying(copying_mutex_);
    id = Create(engine->get(), *rocks, request, stops);
  }
  if (!id.ok()) return id.status();
  const absl::Status synced = base::SyncDirectory(request.directory);
  if (!synced.ok()) return synced;
  rocks.reset();
  absl::StatusOr<BackupResult> result = Measure(**engine, *id, before);
  if (!result.ok()) return result;
  const absl::Status deleted = DeleteOld(engine->get(), request, before, &*result);
  if (!deleted.ok()) return deleted;
  return result;
}

// RocksDB deletes no file while one is copied. One that begins before AllowBackups() ends at once.
void EventStore::Engine::StopBackups() {
  {
    const std::lock_guard lock(mutex_);
    backup_stop_.request_stop();
  }
  const std::lock_guard copied(copying_mutex_);
}

void EventStore::Engine::AllowBackups() {
  const std::lock_guard lock(mutex_);
  backup_stop_ = std::stop_source();
}

}  // namespace storage
