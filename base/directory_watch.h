// Waits until something changes in a directory: inotify(7).

#pragma once

#include <chrono>
#include <string>

#include "absl/status/statusor.h"

namespace base {

// For one thread.
class DirectoryWatch {
 public:
  // Watches the files right in the directory, from now on: what is written to them, and which come.
  static absl::StatusOr<DirectoryWatch> Open(const std::string& path);

  DirectoryWatch(DirectoryWatch&& other) noexcept;
  DirectoryWatch& operator=(DirectoryWatch&&) = delete;
  ~DirectoryWatch();

  // Returns when something has changed since the last call, or when the time is over.
  void Wait(std::chrono::milliseconds timeout);

 private:
  explicit DirectoryWatch(int fd) : fd_(fd) {}

  int fd_;  // -1 when moved from.
};

}  // namespace base
