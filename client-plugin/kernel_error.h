// What the kernel's audit answers if it does not do something.

#pragma once

#include <string>

#include "absl/status/status.h"

namespace client_plugin {

// Of an errno(3): kPermissionDenied, kUnimplemented if there is no audit in the kernel, else
// kUnavailable. "audit: cannot DOING: reason".
absl::Status KernelError(const std::string& doing, int error);

}  // namespace client_plugin
