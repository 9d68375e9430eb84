// Searches logs that are in no store: files, or what comes through a pipe.
//
// Events come in the order of ausearch(8): see audit/assembler.h. Records are read and joined on a
// thread of their own, and matched on the caller's.

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

#include "audit/event.h"
#include "query/time_range.h"

namespace cli {

struct LogSearchOptions {
  // Read one after the other as one log, the oldest first; packed by gzip or zstd or not. Empty:
  // standard input, as it comes.
  std::vector<std::string> paths = {};

  query::TimeRange time = {};  // Records outside of it are not looked at.
  std::optional<std::chrono::seconds> end_of_event_timeout = {};

  // Events whose records may still come in a longer log are left out.
  bool complete_only = false;

  // At the end, wait for what is written to the last log. It must be a plain file. When it is
  // rotated, go on with the one that takes its name.
  bool follow = false;

  // Set to the time of the first record, in the range or not, if there is one. Must outlive the
  // search.
  std::optional<uint64_t>* first_record_ms = nullptr;
};

struct LogSearchSinks {
  // Takes each event; false ends the search. Called on the thread of SearchLogs().
  std::function<bool(const audit::Event&)> event;

  // Takes each line that is no record, and why. Likewise.
  std::function<bool(std::string_view line, std::string_view why)> malformed;

  // Called when nothing more comes for now.
  std::function<void()> idle;
};

// Reads until the end, or until a sink wants no more. Fails as LogInput does.
absl::Status SearchLogs(const LogSearchOptions& options, const LogSearchSinks& sinks);

// The logs of auditd in a directory: audit.log.2, audit.log.1, audit.log, as many as there are
// without a gap, packed or not. At least audit.log, even if it is not there.
std::vector<std::string> LogsIn(const std::string& directory);

}  // namespace cli
