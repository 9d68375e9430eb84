// What a policy would delete, without deleting it.

#pragma once

#include <vector>

#include "absl/status/statusor.h"

#include "storage/due_days.h"
#include "storage/retention.h"

namespace storage {

// See EventStore. Reads blocks, and packs what would be left of them, where rules by key or type
// decide.
absl::StatusOr<std::vector<RuleEffect>> PreviewRetentionOf(const RetentionScope& scope,
                                                           const RetentionPolicy& policy);

}  // namespace storage
