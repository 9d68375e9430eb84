#include "server/disk_waits.h"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string_view>
#include <utility>

namespace server {

namespace {

// How often a thread has begun to wait, if it is in a wait that no signal ends.
std::optional<uint64_t> WaitOf(const std::filesystem::path& thread) {
  constexpr std::string_view kWaiting = "State:\tD";
  constexpr std::string_view kBegun = "voluntary_ctxt_switches:\t";
  std::ifstream status(thread / "status");
  bool is_waiting = false;
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(kWaiting)) is_waiting = true;
    if (!is_waiting || !line.starts_with(kBegun)) continue;
    uint64_t begun = 0;
    std::from_chars(line.data() + kBegun.size(), line.data() + line.size(), begun);
    return begun;
  }
  return std::nullopt;
}

}  // namespace

bool DiskWaits::Look() {
  std::map<std::string, uint64_t> waiting;
  bool found = false;
  std::error_code gone;  // Nothing can be told then, which is as if nobody waited.
  for (std::filesystem::directory_iterator thread("/proc/self/task", gone), end;
       !gone && thread != end; thread.increment(gone)) {
    const std::optional<uint64_t> begun = WaitOf(thread->path());
    if (!begun) continue;
    std::string id = thread->path().filename();
    const auto before = waiting_.find(id);
    found = found || (before != waiting_.end() && before->second == *begun);
    waiting.emplace(std::move(id), *begun);
  }
  waiting_ = std::move(waiting);
  return found;
}

}  // namespace server
