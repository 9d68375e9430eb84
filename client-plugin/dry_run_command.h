// `auspex-agent --dry-run`: what the filters would drop of logs that exist.

#pragma once

#include <string>
#include <vector>

namespace client_plugin {

struct DryRunOptions {
  std::vector<std::string> filters;  // In their order, as the configuration has them.

  // Logs as auditd writes them, enriched or not, in the order of their time; "-" is standard input.
  std::vector<std::string> logs;

  bool verbose = false;  // Print each record that would be dropped.
};

// Prints for each filter how much it would drop (or keep), and some records of it; then all that
// would be dropped. Lines that are no records are named on standard error, the first few of each
// log, and counted. Returns the exit status: that of a failure if a filter is wrong, or a log
// cannot be read; the other logs are read.
int RunDryRun(const DryRunOptions& options);

}  // namespace client_plugin
