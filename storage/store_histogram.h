// Counts events over time in one moment of the store: from the index where blocks lie whole in a
// bucket, else from columns; events are put together only to ask a predicate.

#pragma once

#include <optional>
#include <vector>

#include "absl/status/statusor.h"

#include "storage/batch.h"
#include "storage/search.h"
#include "storage/store_view.h"

namespace storage {

// See EventStore::CountOverTime(). `hosts` as in StoreSearch.
absl::StatusOr<Histogram> HistogramOf(const StoreView& view,
                                      const std::vector<std::optional<Identity>>& hosts,
                                      const HistogramRequest& request);

}  // namespace storage
