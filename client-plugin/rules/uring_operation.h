// The operations of io_uring(7), which the list of that name has in place of syscalls.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace client_plugin {

// The number of an operation: "openat", or none. libaudit 3.0 does not know them.
std::optional<uint32_t> UringOperationNumber(std::string_view name);

// Its name; empty for one that is newer than we are.
std::string_view UringOperationName(uint32_t number);

}  // namespace client_plugin
