// Finds whom a command asks.

#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "cli/source.h"

namespace cli {

// The store, or the collector, that was asked for; else the collector of ChooseServer(); else the
// store of the default place. At most one of the two is given, the other is empty. Does not
// connect, so only calls tell whether it is there.
absl::StatusOr<std::unique_ptr<Source>> OpenSource(const std::string& store,
                                                   const std::string& server);

}  // namespace cli
