// How a command ends that has printed to standard output.

#pragma once

#include <string>

#include "absl/status/status.h"

namespace cli {

// 0; or 1 and "COMMAND: message" on standard error, also if what was printed cannot be written.
int ExitStatus(const std::string& command, absl::Status status);

}  // namespace cli
