#include "storage/backup_directory.h"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "absl/strings/str_format.h"

#include "base/new_file.h"
#include "base/small_file.h"
#include "storage/rocks.h"

namespace storage {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFormatLine = "auspex backup format 1\n";
constexpr std::string_view kFormatPrefix = "auspex backup format ";
constexpr std::string_view kStorePrefix = "store ";

// Far more than the two lines take.
constexpr size_t kBackupFileBytesMax = 1024;

absl::Status Failed(const std::string& path, std::string_view what, int error) {
  const std::string message =
      absl::StrFormat("backup %s: %s: %s", path, what, std::generic_category().message(error));
  if (error == ENOENT || error == ENOTDIR) return absl::NotFoundError(message);
  if (error == EACCES || error == EPERM || error == EROFS) {
    return absl::PermissionDeniedError(message);
  }
  if (error == ENOSPC || error == EDQUOT) return absl::ResourceExhaustedError(message);
  return absl::UnavailableError(message);
}

absl::Status Refused(const std::string& path, std::string_view why) {
  return absl::FailedPreconditionError(absl::StrFormat("backup %s: %s", path, why));
}

// The id of the store whose backups are here. kNotFound if there is no directory or no BACKUP file.
absl::StatusOr<std::string> ReadStoreId(const std::string& path) {
  const absl::StatusOr<std::string> text =
      base::ReadSmallFile(path + "/BACKUP", kBackupFileBytesMax);
  if (!text.ok()) {
    return absl::Status(text.status().code(),
                        absl::StrFormat("backup %s: %s", path, text.status().message()));
  }
  std::string_view in = *text;
  if (!in.starts_with(kFormatLine)) {
    const bool is_ours = in.starts_with(kFormatPrefix);
    return Refused(path, is_ours ? "is of a newer format than this program knows"
                                 : "BACKUP does not say that backups are here");
  }
  in.remove_prefix(kFormatLine.size());
  if (!in.starts_with(kStorePrefix) || !in.ends_with('\n')) {
    return Refused(path, "BACKUP does not say which store the backups are of");
  }
  in.remove_prefix(kStorePrefix.size());
  in.remove_suffix(1);
  return std::string(in);
}

// What an interrupted first backup can leave behind does not make a directory foreign.
absl::StatusOr<bool> HoldsForeignFiles(const std::string& path) {
  std::error_code error;
  fs::directory_iterator entry(path, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename();
    if (name != "LOCK" && name != "lost+found" && !name.starts_with(".new-")) return true;
  }
  if (error) return Failed(path, "cannot list", error.value());
  return false;
}

absl::StatusOr<base::FileDescriptor> Lock(const std::string& path, int open_flags, int how) {
  base::FileDescriptor file(open((path + "/LOCK").c_str(), open_flags | O_CLOEXEC, 0640));
  if (!file.is_open()) return Failed(path, "cannot open LOCK", errno);
  if (flock(file.get(), how | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return Failed(path, "cannot lock", errno);
    return Refused(path, "is in use: backups are being made, verified or restored");
  }
  return file;
}

absl::Status Make(const std::string& path) {
  if (mkdir(path.c_str(), 0750) != 0) {
    return errno == EEXIST ? absl::OkStatus() : Failed(path, "cannot create the directory", errno);
  }
  const std::string parent = fs::path(path).parent_path();
  return base::SyncDirectory(parent.empty() ? "." : parent);
}

std::string Canonical(const std::string& path) {
  std::error_code error;
  const std::string canonical = fs::weakly_canonical(fs::absolute(path, error), error);
  return error ? path : canonical + (canonical.ends_with('/') ? "" : "/");
}

}  // namespace

absl::StatusOr<BackupDirectory> BackupDirectory::OpenForStore(const std::string& path,
                                                              const std::string& store_path,
                                                              const std::string& store_id) {
  if (path.empty()) return absl::InvalidArgumentError("backup: no directory is given");
  if (Canonical(path).starts_with(Canonical(store_path))) {
    return Refused(path, "is in the directory of the store, and would be lost with it");
  }
  const absl::Status made = Make(path);
  if (!made.ok()) return made;
  std::error_code error;
  if (!fs::exists(path + "/BACKUP", error)) {
    const absl::StatusOr<bool> is_foreign = HoldsForeignFiles(path);
    if (!is_foreign.ok()) return is_foreign.status();
    if (*is_foreign) return Refused(path, "holds files, but no backups");
  }
  absl::StatusOr<base::FileDescriptor> lock = Lock(path, O_RDWR | O_CREAT, LOCK_EX);
  if (!lock.ok()) return lock.status();
  const absl::StatusOr<std::string> owner = ReadStoreId(path);
  if (owner.ok() && *owner != store_id) return Refused(path, "holds backups of another store");
  if (!owner.ok() && !absl::IsNotFound(owner.status())) return owner.status();
  if (!owner.ok()) {
    const absl::Status written = base::WriteNewFile(
        path + "/BACKUP", absl::StrFormat("%s%s%s\n", kFormatLine, kStorePrefix, store_id),
        {.mode = 0640});
    if (!written.ok()) {
      return absl::Status(written.code(), absl::StrFormat("backup %s", written.message()));
    }
  }
  return BackupDirectory(*std::move(lock));
}

absl::StatusOr<BackupDirectory> BackupDirectory::OpenForReading(const std::string& path) {
  const absl::Status checked = Check(path);
  if (!checked.ok()) return checked;
  absl::StatusOr<base::FileDescriptor> lock = Lock(path, O_RDONLY, LOCK_SH);
  // Who has copied the backups elsewhere may have left it out.
  if (absl::IsNotFound(lock.status())) lock = base::FileDescriptor();
  if (!lock.ok()) return lock.status();
  return BackupDirectory(*std::move(lock));
}

absl::Status BackupDirectory::Check(const std::string& path) { return ReadStoreId(path).status(); }

std::string BackupEnginePath(const std::string& directory) { return directory + "/backups"; }

absl::StatusOr<std::unique_ptr<rocksdb::BackupEngineReadOnly>> OpenBackupEngineForReading(
    const std::string& directory) {
  std::error_code error;
  if (!fs::exists(BackupEnginePath(directory), error) && !error) {
    return absl::NotFoundError(absl::StrFormat("backup %s: none was made", directory));
  }
  rocksdb::BackupEngineReadOnly* engine = nullptr;
  const rocksdb::Status opened = rocksdb::BackupEngineReadOnly::Open(
      rocksdb::BackupEngineOptions(BackupEnginePath(directory)), rocksdb::Env::Default(), &engine);
  if (!opened.ok()) return FromBackupEngine(opened, directory, "open");
  return std::unique_ptr<rocksdb::BackupEngineReadOnly>(engine);
}

absl::Status FromBackupEngine(const rocksdb::Status& status, const std::string& directory,
                              std::string_view doing) {
  if (status.ok()) return absl::OkStatus();
  return absl::Status(FromRocks(status, doing).code(),
                      absl::StrFormat("backup %s: %s: %s", directory, doing, status.ToString()));
}

}  // namespace storage
