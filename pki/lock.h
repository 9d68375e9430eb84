// The right to be the only one who changes a file, or the files of a directory.

#pragma once

#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace pki {

// Held until destruction, or until the process ends. For those who take it only: flock(2).
class Lock {
 public:
  // Waits for others, also of this process, ten seconds at most: then kUnavailable. kNotFound,
  // kPermissionDenied, kAlreadyExists (it is no directory) or kUnavailable otherwise; messages do
  // not name the directory.
  static absl::StatusOr<Lock> OfDirectory(const std::string& directory);

  // Likewise, of one file, by way of a file beside it, "FILE.lock", that only who may write the
  // file can open: in a directory that others can read they could hold up the other lock.
  static absl::StatusOr<Lock> OfFile(const std::string& path);

  Lock(Lock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Lock& operator=(Lock&&) = delete;
  ~Lock();

 private:
  explicit Lock(int fd) : fd_(fd) {}

  absl::Status Wait() const;

  int fd_;  // -1 when moved from.
};

// What an error number of the system says of a directory, in the codes above.
absl::Status DirectoryError(int error);

}  // namespace pki
