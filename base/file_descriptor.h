// A file descriptor with an owner.

#pragma once

#include <unistd.h>
#include <utility>

namespace base {

// Closes it when it goes.
class FileDescriptor {
 public:
  // None.
  FileDescriptor() = default;

  // What open(2) or socket(2) has returned: negative for none.
  explicit FileDescriptor(int fd) : fd_(fd) {}

  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileDescriptor() {
    if (is_open()) close(fd_);
  }

  bool is_open() const { return fd_ >= 0; }
  int get() const { return fd_; }

  // Gives it to another owner.
  int Release() && { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

}  // namespace base
