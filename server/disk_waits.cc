#include "server/disk_waits.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

namespace server {

namespace {

bool IsUninterruptible(const std::filesystem::path& thread) {
  std::ifstream status(thread / "status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("State:")) return line.starts_with("State:\tD");
  }
  return false;
}

}  // namespace

bool WaitsForDisk() {
  std::error_code gone;  // Nothing can be told then, which is as if nobody waited.
  for (std::filesystem::directory_iterator thread("/proc/self/task", gone), end;
       !gone && thread != end; thread.increment(gone)) {
    if (IsUninterruptible(thread->path())) return true;
  }
  return false;
}

}  // namespace server
