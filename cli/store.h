// `auspex store`: looks at a store as a whole.

#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "query/time_range.h"

namespace cli {

// All of them read the store as it is, while auspexd may write to it.

// Prints how much of what there is.
absl::Status PrintStoreStats(const std::string& store, std::ostream& output);

// Prints a line for each thing that is wrong, and returns how many there are.
absl::StatusOr<uint64_t> CheckStore(const std::string& store, std::ostream& output);

// Prints the records of all hosts that match one of the patterns, as they were received.
absl::Status ExportStore(const std::string& store, const std::vector<std::string>& host_patterns,
                         const query::TimeRange& time, std::ostream& output);

// A point in time as 2026-11-24, 2026-11-24T12:00:00 or with a zone behind it: UTC if there is
// none. In milliseconds since the epoch.
absl::StatusOr<uint64_t> ParseExportTime(const std::string& text);

}  // namespace cli
