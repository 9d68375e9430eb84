// Files that programs have written, which can be large.

#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace pki {

// All of a file. kInvalidArgument if it is longer than `bytes_max`, kNotFound if there is no such
// file, kUnavailable if it cannot be read; the message is "PATH: reason".
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t bytes_max);

}  // namespace pki
