#include "storage/backup.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "absl/strings/str_format.h"

#include "base/new_file.h"
#include "storage/backup_directory.h"
#include "storage/rocks.h"
#include "storage/store_directory.h"

namespace storage {

namespace {

namespace fs = std::filesystem;

using Engine = rocksdb::BackupEngineReadOnly;

BackupEntry EntryOf(const rocksdb::BackupInfo& info) {
  return {.id = info.backup_id,
          .made_ms = static_cast<uint64_t>(info.timestamp) * 1000,
          .bytes = info.size,
          .files = info.number_files,
          .store_format = ParseFormatLine(info.app_metadata).value_or(0)};
}

std::vector<BackupEntry> EntriesOf(const Engine& engine) {
  std::vector<BackupEntry> entries;
  std::vector<rocksdb::BackupInfo> backups;
  engine.GetBackupInfo(&backups);
  for (const rocksdb::BackupInfo& backup : backups) entries.push_back(EntryOf(backup));
  std::vector<rocksdb::BackupID> damaged;
  engine.GetCorruptedBackups(&damaged);
  for (const rocksdb::BackupID id : damaged) entries.push_back({.id = id, .is_damaged = true});
  std::ranges::sort(entries, {}, &BackupEntry::id);
  return entries;
}

// The backup of that id, or the last one. A last one that is damaged is not passed over: who asks
// for it must know that what is left is older.
absl::StatusOr<BackupEntry> Choose(const Engine& engine, const std::string& directory,
                                   std::optional<uint32_t> id) {
  const std::vector<BackupEntry> entries = EntriesOf(engine);
  if (entries.empty()) {
    return absl::NotFoundError(absl::StrFormat("backup %s: none was made", directory));
  }
  const auto chosen = id ? std::ranges::find(entries, *id, &BackupEntry::id) : entries.end() - 1;
  if (chosen == entries.end()) {
    return absl::NotFoundError(absl::StrFormat("backup %s: there is no %d", directory, *id));
  }
  if (!chosen->is_damaged) return *chosen;
  rocksdb::BackupInfo ignored;
  const rocksdb::Status why = engine.GetBackupInfo(chosen->id, &ignored);
  return absl::DataLossError(
      absl::StrFormat("backup %s: %d is damaged: %s", directory, chosen->id, why.ToString()));
}

// Copies the database into `staging`, and looks whether it is one.
absl::Status CopyDatabase(const Engine& engine, const RestoreRequest& request, uint32_t id,
                          const std::string& staging) {
  std::error_code error;
  fs::create_directories(staging, error);
  if (error) {
    return absl::UnavailableError(
        absl::StrFormat("restore: %s: cannot create: %s", staging, error.message()));
  }
  rocksdb::Status copied = engine.RestoreDBFromBackup(id, staging, staging);
  if (copied.IsCorruption()) {
    // It does not say which file.
    const rocksdb::Status verified = engine.VerifyBackup(id, true);
    if (!verified.ok()) copied = verified;
  }
  if (!copied.ok()) {
    return FromBackupEngine(copied, request.backup_directory,
                            absl::StrFormat("restore %d to %s", id, request.store_directory));
  }
  return OpenRocksForReading(staging).status();
}

absl::Status Rename(const std::string& from, const std::string& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (!error) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrFormat("restore: cannot rename %s to %s: %s", from, to, error.message()));
}

// Whatever happens before the last step, what is there is no store.
absl::Status RestoreInto(const StoreDirectory& store, const Engine& engine,
                         const RestoreRequest& request, const BackupEntry& backup) {
  const std::string& path = store.path();
  const std::string staging = RestoringPath(path) + "/db";
  absl::Status status = CopyDatabase(engine, request, backup.id, staging);
  if (status.ok()) status = Rename(staging, DatabasePath(path));
  if (status.ok()) status = base::SyncDirectory(path);
  if (status.ok()) status = store.WriteFormat(backup.store_format);
  return status;
}

}  // namespace

absl::StatusOr<std::vector<BackupEntry>> ListBackups(const std::string& directory) {
  const absl::Status checked = BackupDirectory::Check(directory);
  if (!checked.ok()) return checked;
  const absl::StatusOr<std::unique_ptr<Engine>> engine = OpenBackupEngineForReading(directory);
  if (!engine.ok()) return engine.status();
  return EntriesOf(**engine);
}

absl::Status VerifyBackup(const std::string& directory, std::optional<uint32_t> id) {
  const absl::StatusOr<BackupDirectory> held = BackupDirectory::OpenForReading(directory);
  if (!held.ok()) return held.status();
  const absl::StatusOr<std::unique_ptr<Engine>> engine = OpenBackupEngineForReading(directory);
  if (!engine.ok()) return engine.status();
  const absl::StatusOr<BackupEntry> backup = Choose(**engine, directory, id);
  if (!backup.ok()) return backup.status();
  return FromBackupEngine((*engine)->VerifyBackup(backup->id, true), directory,
                          absl::StrFormat("verify %d", backup->id));
}

absl::StatusOr<RestoreResult> RestoreBackup(const RestoreRequest& request) {
  const std::string& directory = request.backup_directory;
  const absl::StatusOr<BackupDirectory> held = BackupDirectory::OpenForReading(directory);
  if (!held.ok()) return held.status();
  const absl::StatusOr<std::unique_ptr<Engine>> engine = OpenBackupEngineForReading(directory);
  if (!engine.ok()) return engine.status();
  const absl::StatusOr<BackupEntry> backup = Choose(**engine, directory, request.id);
  if (!backup.ok()) return backup.status();
  if (backup->store_format < 1 || backup->store_format > kStoreFormat) {
    return absl::FailedPreconditionError(
        absl::StrFormat("backup %s: %d is of a store of format %d, this program knows up to %d",
                        directory, backup->id, backup->store_format, kStoreFormat));
  }
  std::error_code error;
  const bool was_there = fs::exists(request.store_directory, error);
  const absl::StatusOr<StoreDirectory> store =
      StoreDirectory::OpenForRestore(request.store_directory);
  if (!store.ok()) return store.status();
  const absl::Status restored = RestoreInto(*store, **engine, request, *backup);
  if (restored.ok()) {
    fs::remove_all(RestoringPath(store->path()), error);
    return RestoreResult{.id = backup->id, .bytes = backup->bytes, .files = backup->files};
  }
  // As it was found, as far as the disk lets us: what is left is refused by all but a restore.
  fs::remove(store->path() + "/FORMAT", error);
  fs::remove_all(DatabasePath(store->path()), error);
  fs::remove_all(RestoringPath(store->path()), error);
  fs::remove(store->path() + "/LOCK", error);
  if (!was_there) fs::remove(store->path(), error);
  return restored;
}

}  // namespace storage
