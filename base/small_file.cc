#include "base/small_file.h"

#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

#include "absl/strings/str_format.h"

namespace base {

absl::StatusOr<std::string> ReadSmallFile(const std::string& path, size_t bytes_max) {
  const auto failure = [&path](int error) {
    const std::string message =
        absl::StrFormat("%s: %s", path, std::generic_category().message(error));
    return error == ENOENT ? absl::NotFoundError(message) : absl::UnavailableError(message);
  };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"),
                                                             std::fclose);
  if (file == nullptr) return failure(errno);
  std::string text(bytes_max, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) return failure(errno);
  return text;
}

}  // namespace base
