// The keys of the configuration that say what is done when space runs out.

#pragma once

#include <span>

#include "server/config_keys.h"

namespace server {

// In the order of auspexd.conf(5).
std::span<const HonouredKey> SpaceKeys();

}  // namespace server
