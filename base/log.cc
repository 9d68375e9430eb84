#include "base/log.h"

#include <utility>

#include <spdlog/sinks/stdout_sinks.h>

namespace base {

std::string Text(const absl::Status& status) { return std::string(status.message()); }

void StartLog() {
  auto logger = spdlog::stderr_logger_mt("auspex");
  logger->set_pattern("%l %v");
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

bool LogLimit::Allow() {
  constexpr auto kInterval = std::chrono::seconds(10);
  const auto now = std::chrono::steady_clock::now();
  if (now - interval_start_ >= kInterval) {
    interval_start_ = now;
    used_ = 0;
  }
  if (used_ == per_interval_) {
    ++suppressed_;
    return false;
  }
  ++used_;
  return true;
}

uint64_t LogLimit::TakeSuppressed() { return std::exchange(suppressed_, 0); }

}  // namespace base
