// `auspex send`: plays the records of a file to a collector, as audisp-remote does. For trying a
// collector out, and for moving the logs of a host that has no audisp-remote.

#pragma once

#include <cstdint>
#include <istream>
#include <string>

#include "absl/status/statusor.h"

namespace cli {

struct SendOptions {
  std::string host = "127.0.0.1";
  std::string port = "60";
};

// Sends each line of `input` as a record and waits for its acknowledgement. Returns how many were
// acknowledged, which is all of them; a failure tells which line was not.
absl::StatusOr<uint64_t> Send(std::istream& input, const SendOptions& options);

}  // namespace cli
