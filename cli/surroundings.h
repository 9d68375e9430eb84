// What the commands find around them: the time, the users of this machine, logs and stores.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "query/ausearch_time.h"

namespace cli {

// Now, the last start, and the local zone.
query::TimeContext CurrentTimeContext();

std::optional<uint32_t> UserNumber(const std::string& name);
std::optional<uint32_t> GroupNumber(const std::string& name);

bool StandardInputIsPipe();

// The store that was asked for; if none was, that of the default place. kNotFound if there is none
// there either.
absl::StatusOr<std::string> FindStore(const std::string& asked_for);

// The log at `input`, or those of the directory, the oldest first; then the newest is named on
// standard error, as ausearch does. A failure has ausearch's message.
absl::StatusOr<std::vector<std::string>> FindLogs(const std::string& input);

// Fails, with ausearch's message, if one of the logs cannot be read.
absl::Status CheckReadable(const std::vector<std::string>& logs);

}  // namespace cli
