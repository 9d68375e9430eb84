#include "base/small_file.h"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <memory>
#include <sys/stat.h>
#include <system_error>
#include <tuple>
#include <utility>

#include "absl/strings/str_format.h"

#include "base/file_descriptor.h"

namespace base {

absl::StatusOr<std::string> ReadSmallFile(const std::string& path, size_t bytes_max,
                                          bool may_wait) {
  const auto failure = [&path](int error) {
    const std::string message =
        absl::StrFormat("%s: %s", path, std::generic_category().message(error));
    return error == ENOENT ? absl::NotFoundError(message) : absl::UnavailableError(message);
  };
  FileDescriptor opened(open(path.c_str(), O_RDONLY | O_CLOEXEC | (may_wait ? 0 : O_NONBLOCK)));
  struct stat status {};
  if (!opened.is_open() || fstat(opened.get(), &status) != 0) return failure(errno);
  if (S_ISFIFO(status.st_mode) && !may_wait) {
    return absl::UnavailableError(path + ": this is a pipe, not a file");
  }
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(fdopen(opened.get(), "r"),
                                                             std::fclose);
  if (file == nullptr) return failure(errno);
  std::ignore = std::move(opened).Release();
  std::string text(bytes_max, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) return failure(errno);
  return text;
}

}  // namespace base
