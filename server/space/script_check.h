// Whether a script may be run as root, on behalf of a line in a configuration.

#pragma once

#include <string>

#include "absl/status/status.h"

namespace server {

// A script must be a regular file that root owns, that its owner may run and nobody else may write;
// and so must be each directory above it, save those where only owners may rename (the sticky
// bit). Checked with symbolic links followed. kFailedPrecondition says what is wrong.
absl::Status CheckScript(const std::string& path);

}  // namespace server
