// Users and groups, as the name services of this host know them (nsswitch.conf(5)).
//
// For any thread; waits as long as they do.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace base {

// kNotFound if they know none of this name, kUnavailable, with the reason, if they do not answer.
absl::StatusOr<uint32_t> FindUser(const std::string& name);
absl::StatusOr<uint32_t> FindGroup(const std::string& name);

// None if they know none of this number, or do not answer.
std::optional<std::string> FindUserName(uint32_t id);
std::optional<std::string> FindGroupName(uint32_t id);

}  // namespace base
