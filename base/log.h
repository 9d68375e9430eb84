// The log of a program: standard error, one line an entry, "level message key=value ...".
// The supervisor (systemd) adds time and host.
//
// Only programs log. Libraries (audit/, query/, storage/) return what happened.

#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include <spdlog/spdlog.h>

namespace base {

// What a failure says, for an entry.
std::string Text(const absl::Status& status);

// Sends spdlog's default logger to standard error in the format above. Call once, from main().
void StartLog();

// Limits what a peer can make a program write: true at most `per_interval` times in an interval
// of 10 s. The first entry of the next interval should tell how many were suppressed. Not for
// use by several threads at once.
class LogLimit {
 public:
  explicit LogLimit(uint32_t per_interval) : per_interval_(per_interval) {}

  bool Allow();

  // How many entries were not allowed since this was last called.
  uint64_t TakeSuppressed();

 private:
  const uint32_t per_interval_;
  std::chrono::steady_clock::time_point interval_start_{};
  uint32_t used_ = 0;
  uint64_t suppressed_ = 0;
};

}  // namespace base
