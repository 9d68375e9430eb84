// `auspex search`: ausearch(8) over a store.

#pragma once

#include <span>
#include <string_view>

namespace cli {

// Runs the command with its arguments (without "auspex search"). Returns the exit status, as
// ausearch's: 0 if something was found, 1 if not or on an error, which goes to standard error.
int Search(std::span<const std::string_view> arguments);

}  // namespace cli
