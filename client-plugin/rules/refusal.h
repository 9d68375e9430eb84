// What is said of a rule that cannot be.

#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace client_plugin {

// kInvalidArgument: "why".
absl::Status Refusal(std::string_view why);

// kInvalidArgument: "TEXT" why. Of a text whatever is not printable is written as escapes, and of
// a long one the beginning is enough.
absl::Status RefusalOf(std::string_view text, std::string_view why);

}  // namespace client_plugin
