// Counts the values of a field over one moment of the store: from the index, as far as it can tell.

#pragma once

#include <optional>
#include <vector>

#include "absl/status/statusor.h"

#include "storage/batch.h"
#include "storage/search.h"
#include "storage/store_view.h"

namespace storage {

// See EventStore::Count(). `hosts` as in StoreSearch.
absl::StatusOr<std::vector<ValueCount>> CountValues(
    const StoreView& view, const std::vector<std::optional<Identity>>& hosts,
    const CountRequest& request);

}  // namespace storage
