// Files that a person has written: read in one go, and never without a limit.

#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace base {

// The first `bytes_max` bytes of a file, or all of it. Whoever must know that there is no more asks
// for one more. kNotFound if there is no such file, kUnavailable if it cannot be read; the message
// is "PATH: reason".
//
// A pipe may have a writer who never writes, so it is no file; unless the caller may wait, as a
// command of a shell may.
absl::StatusOr<std::string> ReadSmallFile(const std::string& path, size_t bytes_max,
                                          bool may_wait = false);

}  // namespace base
