// Looks at one moment of the store as a whole.

#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "storage/inspect.h"
#include "storage/store_view.h"

namespace storage {

// `hosts` as in StoreSearch.
using WantedHosts = std::vector<std::optional<Identity>>;

// See EventStore for all three.
absl::StatusOr<StoreStats> CollectStats(const StoreView& view, const WantedHosts& hosts,
                                        const std::string& store_path);

absl::Status CheckStore(const StoreView& view, const WantedHosts& hosts,
                        const std::stop_token& stop,
                        const std::function<void(const std::string& what)>& wrong);

absl::Status ExportRecords(const StoreView& view, const WantedHosts& hosts,
                           const ExportRequest& request,
                           const std::function<bool(const ExportedRecord&)>& sink);

}  // namespace storage
