#include "server/space/reserve_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/str_format.h"

#include "base/file_descriptor.h"
#include "storage/store_directory.h"

namespace server {

namespace {

absl::Status Failed(const std::string& path, int error) {
  return absl::UnavailableError(absl::StrFormat("%s: %s", path, strerror(error)));
}

}  // namespace

ReserveFile::ReserveFile(const std::string& store_dir) : path_(storage::ReservePath(store_dir)) {}

uint64_t ReserveFile::held_bytes() const {
  struct stat found {};
  if (lstat(path_.c_str(), &found) != 0 || !S_ISREG(found.st_mode)) return 0;
  constexpr uint64_t kStatBlockBytes = 512;
  // Blocks are rounded up, and the file says what was asked for.
  return std::min(static_cast<uint64_t>(found.st_size),
                  static_cast<uint64_t>(found.st_blocks) * kStatBlockBytes);
}

absl::Status ReserveFile::Make(uint64_t bytes) {
  if (bytes == 0) return GiveBack();
  const base::FileDescriptor file(
      open(path_.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.is_open()) return Failed(path_, errno);
  const auto size = static_cast<off_t>(bytes);
  int error = ftruncate(file.get(), size) == 0 ? 0 : errno;
  if (error == 0) error = posix_fallocate(file.get(), 0, size);
  if (error == 0) return absl::OkStatus();
  const absl::Status removed = GiveBack();
  return removed.ok() ? Failed(path_, error) : removed;
}

absl::Status ReserveFile::GiveBack() {
  if (unlink(path_.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return Failed(path_, errno);
}

}  // namespace server
