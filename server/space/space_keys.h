// The keys of the configuration that say what is done when space runs out.

#pragma once

#include <span>
#include <string>

#include "server/config_keys.h"
#include "server/space/space_options.h"

namespace server {

// In the order of auspexd.conf(5).
std::span<const HonouredKey> SpaceKeys();

// The word of an action.
std::string NameOf(SpaceAction action);

}  // namespace server
