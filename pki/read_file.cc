#include "pki/read_file.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_format.h"

#include "base/small_file.h"

namespace pki {

absl::StatusOr<std::string> ReadFile(const std::string& path, size_t bytes_max) {
  // So that no more memory is taken than the file needs.
  std::error_code error;
  const uintmax_t bytes = std::filesystem::file_size(path, error);
  if (error) {
    const std::string message = absl::StrFormat("%s: %s", path, error.message());
    return error == std::errc::no_such_file_or_directory ? absl::NotFoundError(message)
                                                         : absl::UnavailableError(message);
  }
  if (bytes > bytes_max) {
    return absl::InvalidArgumentError(absl::StrFormat("%s: longer than %d bytes", path, bytes_max));
  }
  return base::ReadSmallFile(path, static_cast<size_t>(bytes));
}

}  // namespace pki
