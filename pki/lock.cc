#include "pki/lock.h"

#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <sys/file.h>
#include <system_error>
#include <thread>
#include <unistd.h>

namespace pki {

namespace {

// Others hold the lock for one write to the disk.
constexpr auto kLockTimeMax = std::chrono::seconds(10);
constexpr auto kLockRetry = std::chrono::milliseconds(5);

}  // namespace

absl::Status DirectoryError(int error) {
  const std::string message = std::generic_category().message(error);
  switch (error) {
    case ENOENT:
      return absl::NotFoundError(message);
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(message);
    case EEXIST:
    case ENOTEMPTY:
      return absl::AlreadyExistsError("the directory is not empty");
    case ENOTDIR:
      return absl::AlreadyExistsError(message);
    default:
      return absl::UnavailableError(message);
  }
}

absl::StatusOr<Lock> Lock::OfDirectory(const std::string& directory) {
  const int fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return DirectoryError(errno);
  Lock lock(fd);
  const absl::Status taken = lock.Wait();
  if (!taken.ok()) return taken;
  return lock;
}

absl::StatusOr<Lock> Lock::OfFile(const std::string& path) {
  const int fd = open((path + ".lock").c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return DirectoryError(errno);
  Lock lock(fd);
  const absl::Status taken = lock.Wait();
  if (!taken.ok()) return taken;
  return lock;
}

absl::Status Lock::Wait() const {
  // flock() has no time limit of its own, and a process that was stopped would hold up ours.
  const auto deadline = std::chrono::steady_clock::now() + kLockTimeMax;
  while (flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return DirectoryError(errno);
    if (std::chrono::steady_clock::now() > deadline) {
      return absl::UnavailableError("another process does not let go of it");
    }
    std::this_thread::sleep_for(kLockRetry);
  }
  return absl::OkStatus();
}

Lock::~Lock() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace pki
