#include "base/new_file.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include "absl/strings/str_format.h"

namespace base {

namespace {

absl::Status Failure(const std::string& path, int error) {
  const std::string message =
      absl::StrFormat("%s: %s", path, std::generic_category().message(error));
  switch (error) {
    case EEXIST:
      return absl::AlreadyExistsError(message);
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(message);
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(message);
    default:
      return absl::UnavailableError(message);
  }
}

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool WriteAll(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = write(fd, content.data(), content.size());
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) content.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

// Gives the file at `from` the name `to` as well. rename(2) would replace what is there.
bool Name(const std::string& from, const std::string& to, bool replaces) {
  return replaces ? rename(from.c_str(), to.c_str()) == 0 : link(from.c_str(), to.c_str()) == 0;
}

}  // namespace

absl::Status WriteNewFile(const std::string& path, std::string_view content,
                          const NewFileOptions& options) {
  const std::string directory = DirectoryOf(path);
  std::string fresh = directory + "/.new-XXXXXX";
  const int fd = mkostemp(fresh.data(), O_CLOEXEC);
  if (fd < 0) return Failure(path, errno);
  const bool is_written = WriteAll(fd, content) && fchmod(fd, options.mode) == 0 && fsync(fd) == 0;
  const bool is_named = is_written && Name(fresh, path, options.replaces);
  const int error = errno;
  close(fd);
  if (!is_named || !options.replaces) unlink(fresh.c_str());
  return is_named ? SyncDirectory(directory) : Failure(path, error);
}

absl::Status SyncDirectory(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return Failure(path, errno);
  const bool is_synced = fsync(fd) == 0;
  const int error = errno;
  close(fd);
  return is_synced ? absl::OkStatus() : Failure(path, error);
}

}  // namespace base
