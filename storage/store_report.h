// Reports over one moment of the store: from tallies where they can tell, else from columns.

#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "storage/report.h"
#include "storage/store_view.h"

namespace storage {

// See EventStore::Tally(). `hosts` as in StoreSearch.
absl::Status TallyEvents(const StoreView& view, const std::vector<std::optional<Identity>>& hosts,
                         const TallyRequest& request,
                         const std::function<bool(const FoundTally&)>& sink);

// See EventStore::ReadFacts(). Likewise.
absl::Status ReadFactsOf(const StoreView& view, const std::vector<std::optional<Identity>>& hosts,
                         const FactsRequest& request,
                         const std::function<bool(const FoundFacts&)>& sink);

}  // namespace storage
