#include "cli/backups.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/remote/admin_call.h"

#include "query/utc_time.h"
#include "storage/event_store.h"
#include "storage/store_directory.h"

namespace cli {

namespace {

void Print(const std::string& directory, const storage::BackupResult& made, std::ostream& output) {
  output << absl::StrFormat("backup %d in %s: %d bytes in %d files, of which %d bytes are new\n",
                            made.id, directory, made.bytes, made.files, made.bytes_new);
  if (!made.deleted.empty()) {
    output << "deleted, being more than are kept: " << absl::StrJoin(made.deleted, ", ") << '\n';
  }
  if (!made.damaged.empty()) {
    output << "deleted, being damaged: " << absl::StrJoin(made.damaged, ", ") << '\n';
  }
}

}  // namespace

absl::Status BackUpStore(const std::string& store, const storage::BackupRequest& request,
                         std::ostream& output) {
  // To open it would make one.
  const absl::Status is_there = storage::StoreDirectory::CheckForReading(store);
  if (!is_there.ok()) return is_there;
  const auto opened = storage::EventStore::Open(store, {});
  if (!opened.ok()) return opened.status();
  const absl::StatusOr<storage::BackupResult> made = (*opened)->Backup(request);
  if (!made.ok()) return made.status();
  Print(request.directory, *made, output);
  return absl::OkStatus();
}

absl::Status BackUpCollector(const std::string& server, const storage::BackupRequest& request,
                             std::ostream& output) {
  const absl::StatusOr<Connection> connection = ConnectForAdmin(server);
  if (!connection.ok()) return connection.status();
  auspex::v1::BackupRequest message;
  message.set_directory(request.directory);
  message.set_keep_count(request.keep_count);
  auspex::v1::BackupResponse made;
  const absl::Status called =
      CallAdmin(*connection, &auspex::v1::AdminService::Stub::Backup, message, &made, std::nullopt);
  if (!called.ok()) return called;
  Print(made.directory(),
        {.id = made.id(),
         .bytes = made.bytes(),
         .bytes_new = made.bytes_new(),
         .files = made.files(),
         .files_new = made.files_new(),
         .deleted = {made.deleted().begin(), made.deleted().end()},
         .damaged = {made.damaged().begin(), made.damaged().end()}},
        output);
  return absl::OkStatus();
}

absl::Status PrintBackups(const std::string& directory, std::ostream& output) {
  const absl::StatusOr<std::vector<storage::BackupEntry>> backups = storage::ListBackups(directory);
  if (!backups.ok()) return backups.status();
  for (const storage::BackupEntry& backup : *backups) {
    if (backup.is_damaged) {
      output << absl::StrFormat("%5d  damaged: files are missing, or of another size\n", backup.id);
      continue;
    }
    output << absl::StrFormat("%5d  %s  %d bytes in %d files, store format %d\n", backup.id,
                              query::UtcTimeText(backup.made_ms), backup.bytes, backup.files,
                              backup.store_format);
  }
  return absl::OkStatus();
}

absl::Status VerifyBackup(const std::string& directory, std::optional<uint32_t> id,
                          std::ostream& output) {
  const absl::Status verified = storage::VerifyBackup(directory, id);
  if (verified.ok()) output << "all is well\n";
  return verified;
}

absl::Status RestoreStore(const storage::RestoreRequest& request, std::ostream& output) {
  const absl::StatusOr<storage::RestoreResult> restored = storage::RestoreBackup(request);
  if (!restored.ok()) return restored.status();
  output << absl::StrFormat("backup %d is now the store %s: %d bytes in %d files\n", restored->id,
                            request.store_directory, restored->bytes, restored->files);
  return absl::OkStatus();
}

}  // namespace cli
