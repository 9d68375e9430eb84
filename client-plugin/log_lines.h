// Texts of several lines, for the log: an entry for each line.

#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace client_plugin {

void LogInfo(std::string_view text);

// What is wrong, as errors.
void LogErrors(const absl::Status& status);

}  // namespace client_plugin
