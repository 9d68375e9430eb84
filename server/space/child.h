// A program that is run on its own: no shell, nothing of ours inherited.

#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace server {

struct Program {
  std::string path;
  std::vector<std::string> arguments = {};    // Without the name of the program.
  std::vector<std::string> environment = {};  // "NAME=value": all that there is.
  std::string input = {};                     // What it reads; it ends there.
  std::chrono::seconds time_max{60};
};

// Runs it and waits until it has ended. It has a process group of its own, no signal blocked or
// ignored, no file descriptor but its input, and an output that goes nowhere. Fails with kNotFound
// (it cannot be run), kAborted (it has failed; the message says how), kDeadlineExceeded (it was
// killed with its group), kUnavailable, or kCancelled: `stop_fd` became readable, and it goes on
// alone.
absl::Status RunProgram(const Program& program, int stop_fd);

}  // namespace server
