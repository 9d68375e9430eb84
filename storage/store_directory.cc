#include "storage/store_directory.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "absl/strings/str_format.h"

#include "base/new_file.h"
#include "base/number.h"

namespace storage {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFormatPrefix = "auspex store format ";

absl::Status Failed(const std::string& path, const char* what, int error) {
  const std::string message = absl::StrFormat("store %s: %s: %s", path, what, strerror(error));
  if (error == ENOENT || error == ENOTDIR) return absl::NotFoundError(message);
  if (error == EACCES || error == EPERM || error == EROFS) {
    return absl::PermissionDeniedError(message);
  }
  return absl::UnavailableError(message);
}

absl::Status Refused(const std::string& path, const std::string& why) {
  return absl::FailedPreconditionError(absl::StrFormat("store %s: %s", path, why));
}

absl::StatusOr<int> ReadFormat(const std::string& path) {
  const std::string file = path + "/FORMAT";
  std::ifstream stream(file);
  if (!stream) return Failed(path, "FORMAT", errno);
  std::string line;
  std::getline(stream, line);
  const absl::StatusOr<int> format = ParseFormatLine(line);
  if (!format.ok()) return Refused(path, "FORMAT does not say which format the store has");
  if (*format > kStoreFormat) {
    return Refused(path, absl::StrFormat("has format %d, this program knows formats up to %d",
                                         *format, kStoreFormat));
  }
  return *format;
}

absl::StatusOr<int> Lock(const std::string& path) {
  const int fd = open((path + "/LOCK").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (fd < 0) return Failed(path, "cannot open LOCK", errno);
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    char owner[32] = {};
    const ssize_t size = pread(fd, owner, sizeof(owner) - 1, 0);
    close(fd);
    return Refused(path, absl::StrFormat("is in use by process %s", size > 0 ? owner : "unknown"));
  }
  const std::string self = std::to_string(getpid());
  // Who holds the lock is a help for people only: a failure to note it changes nothing.
  if (ftruncate(fd, 0) == 0) std::ignore = pwrite(fd, self.data(), self.size(), 0);
  return fd;
}

// What an interrupted first start can leave behind does not make a directory foreign.
bool HoldsForeignFiles(const std::string& path) {
  for (const fs::directory_entry& entry : fs::directory_iterator(path)) {
    const std::string name = entry.path().filename();
    const bool is_ours = name == "LOCK" || name == "reserve" || name.starts_with(".new-");
    if (!is_ours && name != "lost+found") return true;
  }
  return false;
}

absl::Status MakeDirectory(const std::string& path) {
  if (mkdir(path.c_str(), 0750) != 0 && errno != EEXIST) {
    return Failed(path, "cannot create the directory", errno);
  }
  if (access(path.c_str(), R_OK | W_OK | X_OK) != 0) {
    return Failed(path, "cannot write to the directory", errno);
  }
  return absl::OkStatus();
}

}  // namespace

std::string DatabasePath(const std::string& store_path) { return store_path + "/db"; }
std::string ReservePath(const std::string& store_path) { return store_path + "/reserve"; }
std::string RestoringPath(const std::string& store_path) { return store_path + "/restoring"; }

std::string FormatLine(int format) { return absl::StrFormat("%s%d", kFormatPrefix, format); }

absl::StatusOr<int> ParseFormatLine(std::string_view line) {
  std::optional<int> format;
  if (line.starts_with(kFormatPrefix)) {
    format = base::ParseNumber<int>(line.substr(kFormatPrefix.size()));
  }
  if (!format || *format < 1) return absl::InvalidArgumentError("store: this tells no format");
  return *format;
}

absl::StatusOr<StoreDirectory> StoreDirectory::OpenForWriting(const std::string& path) {
  const absl::Status made = MakeDirectory(path);
  if (!made.ok()) return made;
  std::error_code error;
  const bool is_new = !fs::exists(path + "/FORMAT", error);
  if (error) return Failed(path, "FORMAT", error.value());
  int format = 0;
  if (!is_new) {
    const absl::StatusOr<int> known = ReadFormat(path);
    if (!known.ok()) return known.status();
    format = *known;
  } else {
    if (!fs::is_directory(path)) return Refused(path, "is not a directory");
    if (HoldsForeignFiles(path)) return Refused(path, "holds files, but no store");
  }
  const absl::StatusOr<int> lock = Lock(path);
  if (!lock.ok()) return lock.status();
  StoreDirectory directory(path, *lock);
  if (format < kStoreFormat) {
    const absl::Status written = directory.WriteFormat(kStoreFormat);
    if (!written.ok()) return written;
  }
  return directory;
}

absl::StatusOr<StoreDirectory> StoreDirectory::OpenForRestore(const std::string& path) {
  const absl::Status made = MakeDirectory(path);
  if (!made.ok()) return made;
  if (!fs::is_directory(path)) return Refused(path, "is not a directory");
  std::error_code error;
  const bool is_store = fs::exists(path + "/FORMAT", error);
  const bool was_begun = fs::exists(RestoringPath(path), error) && !is_store;
  if (is_store || (!was_begun && HoldsForeignFiles(path))) {
    return absl::AlreadyExistsError(
        absl::StrFormat("store %s: is not empty, and nothing is written over", path));
  }
  const absl::StatusOr<int> lock = Lock(path);
  if (!lock.ok()) return lock.status();
  StoreDirectory directory(path, *lock);
  if (was_begun) {
    fs::remove_all(DatabasePath(path), error);
    if (!error) fs::remove_all(RestoringPath(path), error);
    if (error) return Failed(path, "cannot remove what a restore has left", error.value());
    if (HoldsForeignFiles(path)) return Refused(path, "holds files, but no store");
  }
  return directory;
}

// Written whole or not at all: a crash leaves either no store or one whose format is known.
absl::Status StoreDirectory::WriteFormat(int format) const {
  const absl::Status written = base::WriteNewFile(path_ + "/FORMAT", FormatLine(format) + "\n",
                                                  {.mode = 0640, .replaces = true});
  if (written.ok()) return written;
  return absl::Status(written.code(), absl::StrFormat("store %s: cannot write FORMAT: %s", path_,
                                                      written.message()));
}

absl::Status StoreDirectory::CheckForReading(const std::string& path) {
  const absl::StatusOr<int> format = ReadFormat(path);
  if (!format.ok()) return format.status();
  if (*format >= kStoreFormatReadable) return absl::OkStatus();
  return Refused(path, absl::StrFormat("has the old format %d: start auspexd on it once", *format));
}

StoreDirectory::StoreDirectory(StoreDirectory&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

StoreDirectory::~StoreDirectory() {
  if (lock_ >= 0) close(lock_);
}

}  // namespace storage
