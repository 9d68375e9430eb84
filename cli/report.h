// auspex report: aureport(8) over a store, logs or a pipe.

#pragma once

#include <span>
#include <string_view>

namespace cli {

// Runs the command with the arguments behind its name, and returns its exit status.
int Report(std::span<const std::string_view> arguments);

}  // namespace cli
