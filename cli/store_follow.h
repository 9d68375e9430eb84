// Waits for new events in a store that another process writes to: `auspex search --follow`.

#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"

#include "storage/search.h"

namespace cli {

// Calls `sink` with each event that matches, in the order of receipt, and then with those that
// come, each once, until it returns false. An event is given when its last record has come, or
// when it has waited for more for some seconds. An event that grows after that is given again, as
// a whole. `request` must be in the order of receipt.
absl::Status FollowStore(const std::string& path, storage::SearchRequest request,
                         const std::function<bool(const storage::FoundEvent&)>& sink);

}  // namespace cli
