#include "base/directory_watch.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>
#include <utility>

#include "absl/strings/str_format.h"

namespace base {

absl::StatusOr<DirectoryWatch> DirectoryWatch::Open(const std::string& path) {
  DirectoryWatch watch(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  constexpr uint32_t kChanges = IN_MODIFY | IN_CREATE | IN_MOVED_TO;
  if (watch.fd_ < 0 || inotify_add_watch(watch.fd_, path.c_str(), kChanges) < 0) {
    return absl::UnavailableError(
        absl::StrFormat("cannot watch %s: %s", path, std::strerror(errno)));
  }
  return watch;
}

DirectoryWatch::DirectoryWatch(DirectoryWatch&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)) {}

DirectoryWatch::~DirectoryWatch() {
  if (fd_ >= 0) close(fd_);
}

void DirectoryWatch::Wait(std::chrono::milliseconds timeout) {
  pollfd waiting = {.fd = fd_, .events = POLLIN, .revents = 0};
  poll(&waiting, 1, static_cast<int>(timeout.count()));
  // What has changed does not matter, only that something has.
  alignas(inotify_event) std::array<char, 4096> changes;
  while (read(fd_, changes.data(), changes.size()) > 0) {
  }
}

}  // namespace base
