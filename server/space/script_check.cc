#include "server/space/script_check.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <sys/stat.h>

#include "absl/strings/str_format.h"

namespace server {

namespace {

absl::Status Wrong(const std::string& path, const char* what) {
  return absl::FailedPreconditionError(absl::StrFormat("%s %s", path, what));
}

// Whoever may write to a directory may put another script in place of the one that was checked.
absl::Status CheckDirectory(const std::string& path) {
  struct stat found {};
  if (stat(path.c_str(), &found) != 0) return Wrong(path, strerror(errno));
  if (found.st_uid != 0) return Wrong(path, "does not belong to root");
  const bool others_write = (found.st_mode & (S_IWGRP | S_IWOTH)) != 0;
  if (others_write && (found.st_mode & S_ISVTX) == 0)
    return Wrong(path, "can be written by others");
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckScript(const std::string& path) {
  if (!path.starts_with('/')) return Wrong(path, "is not an absolute path");
  const std::unique_ptr<char, decltype(&free)> real(realpath(path.c_str(), nullptr), &free);
  if (real == nullptr) return Wrong(path, strerror(errno));
  std::string below = real.get();
  struct stat found {};
  if (stat(below.c_str(), &found) != 0) return Wrong(path, strerror(errno));
  if (!S_ISREG(found.st_mode)) return Wrong(path, "is not a regular file");
  if (found.st_uid != 0) return Wrong(path, "does not belong to root");
  if ((found.st_mode & (S_IWGRP | S_IWOTH)) != 0) return Wrong(path, "can be written by others");
  if ((found.st_mode & S_IXUSR) == 0) return Wrong(path, "cannot be run by its owner");
  while (below.size() > 1) {
    below.resize(std::max<size_t>(below.rfind('/'), 1));
    const absl::Status safe = CheckDirectory(below);
    if (!safe.ok()) return safe;
  }
  return absl::OkStatus();
}

}  // namespace server
