#include "client-plugin/log_lines.h"

#include <string>

#include "absl/strings/str_split.h"

#include "base/log.h"

namespace client_plugin {

namespace {

void Log(spdlog::level::level_enum level, absl::string_view text) {
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    spdlog::log(level, "{}", std::string(line));
  }
}

}  // namespace

void LogInfo(std::string_view text) { Log(spdlog::level::info, {text.data(), text.size()}); }

void LogErrors(const absl::Status& status) { Log(spdlog::level::err, status.message()); }

}  // namespace client_plugin
