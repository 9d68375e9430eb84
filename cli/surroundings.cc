#include "cli/surroundings.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "absl/strings/str_format.h"
#include "cli/log_search.h"

#include "base/user_database.h"

namespace cli {

namespace {

// Where auspexd keeps its store unless its configuration says otherwise.
constexpr char kDefaultStore[] = "/var/lib/auspex/store";

}  // namespace

query::TimeContext CurrentTimeContext() {
  timespec now{};
  timespec since_boot{};
  clock_gettime(CLOCK_REALTIME, &now);
  clock_gettime(CLOCK_BOOTTIME, &since_boot);
  return {
      .now_s = now.tv_sec, .boot_s = now.tv_sec - since_boot.tv_sec, .zone = absl::LocalTimeZone()};
}

std::optional<uint32_t> UserNumber(const std::string& name) {
  const absl::StatusOr<uint32_t> found = base::FindUser(name);
  return found.ok() ? std::optional(*found) : std::nullopt;
}

std::optional<uint32_t> GroupNumber(const std::string& name) {
  const absl::StatusOr<uint32_t> found = base::FindGroup(name);
  return found.ok() ? std::optional(*found) : std::nullopt;
}

bool StandardInputIsPipe() {
  struct stat status {};
  return fstat(STDIN_FILENO, &status) == 0 && S_ISFIFO(status.st_mode);
}

absl::StatusOr<std::string> FindStore(const std::string& asked_for) {
  if (!asked_for.empty()) return asked_for;
  if (std::filesystem::exists(kDefaultStore)) return kDefaultStore;
  return absl::NotFoundError(
      "which store is to be read, or which collector asked? --store DIR or --server ADDRESS is "
      "missing");
}

absl::StatusOr<std::vector<std::string>> FindLogs(const std::string& input) {
  struct stat status {};
  if (stat(input.c_str(), &status) != 0) {
    return absl::NotFoundError(absl::StrFormat("stat: %s", std::strerror(errno)));
  }
  if (!S_ISDIR(status.st_mode)) return std::vector<std::string>{input};
  std::vector<std::string> logs = LogsIn(input);
  std::cerr << "NOTE - using logs in " << logs.back() << '\n';
  return logs;
}

absl::Status CheckReadable(const std::vector<std::string>& logs) {
  for (const std::string& log : logs) {
    if (access(log.c_str(), R_OK) == 0) continue;
    return absl::PermissionDeniedError(
        absl::StrFormat("Error opening %s (%s)", log, std::strerror(errno)));
  }
  return absl::OkStatus();
}

}  // namespace cli
