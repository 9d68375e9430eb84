// The command line of `auspex report`: the options of aureport(8), and some of ours.
//
//   option := name [ words ]
//   words  := one or two arguments that do not begin with "-"
//
// Options come in any order. Only one report can be asked for; without one it is the summary of
// everything. An option that is given twice means its last value, except --node and --host, whose
// values are alternatives.

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "query/ausearch_time.h"
#include "query/escape.h"
#include "query/report/report_filter.h"
#include "query/report/report_kind.h"
#include "query/report/report_question.h"

namespace query {

// With this status aureport ends when it refuses its arguments, and also when a report has no rows.
inline constexpr int kAureportFailureStatus = 1;

enum class ReportFormat : uint8_t { kText, kCsv, kJson };

struct ReportOptions {
  ReportKind kind = ReportKind::kOverall;
  bool summary = false;  // Totals instead of rows. Always true of kOverall.
  ReportFilter filter;

  // Where from.
  std::string store;                    // A directory. Empty: not given.
  std::string server;                   // A collector to ask instead. Empty: not given.
  std::vector<std::string> host_globs;  // One of them. Empty: every host.
  std::string input;                    // A log, or a directory of them, instead of a store.
  bool input_logs = false;              // The store even if standard input is a pipe.
  std::optional<std::chrono::seconds> end_of_event_timeout;

  // What to print.
  bool by_host = false;  // One report for each host; of summaries, one table with a host column.
  bool interpret = false;
  bool local_names = false;  // Users have their names of this machine, unless records tell them.
  EscapeMode escape = EscapeMode::kTty;
  ReportFormat format = ReportFormat::kText;
  std::optional<uint64_t> limit;  // Of rows.
  bool utc = false;
  bool debug = false;    // What was skipped, to standard error.
  bool explain = false;  // How the store found its answer, to standard error.
  bool help = false;     // Print ReportUsage() and nothing else. The rest means nothing then.
  bool version = false;  // Likewise.

  // What the report is asked for. Names of this machine come behind it.
  ReportQuestion question() const;
};

// Reads the arguments, without the names of the program and of the command. The zone of the context
// is not used with --utc. A failure is always kInvalidArgument. Its message is what aureport prints
// to standard error, without the last newline; the program should print it, and end with
// kAureportFailureStatus.
absl::StatusOr<ReportOptions> ParseReportOptions(std::span<const std::string_view> arguments,
                                                 const TimeContext& context);

// What --help prints: a line for each option.
std::string ReportUsage();

}  // namespace query
