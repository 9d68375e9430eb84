// The time of day.

#pragma once

#include <cstdint>

namespace base {

// Milliseconds since the epoch, by this machine's clock. It may jump.
uint64_t NowMs();

}  // namespace base
