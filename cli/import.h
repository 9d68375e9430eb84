// `auspex import`: brings logs that exist into a store.

#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "cli/progress.h"

namespace cli {

struct ImportArguments {
  std::string store;
  std::string host;                // Of records that name no node; this machine, if empty.
  std::vector<std::string> paths;  // "-" is standard input.
};

// Imports the logs, rotated ones in order of their age, and writes to `output` what became of each
// record. A failure names the file; what was imported until then stays, and is known the next time.
absl::Status Import(const ImportArguments& arguments, std::ostream& output, Progress& progress);

}  // namespace cli
