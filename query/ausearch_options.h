// The command line of `auspex search`: the options of ausearch(8), and some of ours.
//
//   option := name [ words ]
//   words  := one or two arguments that do not begin with "-"
//
// Options come in any order. One that is given twice means its last value, except --message,
// --node and --host, whose values are alternatives. Different options must all match.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "query/ausearch_time.h"
#include "query/predicate.h"

namespace query {

// With this status ausearch ends when it refuses its arguments, and also when nothing matches.
inline constexpr int kAusearchFailureStatus = 1;

enum class EventFormat {
  kDefault,  // AppendDefaultText().
  kRaw,      // AppendRawText().
};

struct AusearchOptions {
  // What the events must match.
  std::optional<uint32_t> serial;
  std::vector<uint32_t> types;     // One of them. Empty: any.
  std::optional<std::string> key;  // A part of a key.
  std::vector<std::string> nodes;  // One of them. Empty: any.
  TimeRange time;

  // Where to search.
  std::string store;                    // A directory. Empty: not given.
  std::vector<std::string> host_globs;  // One of them. Empty: every host.

  // What to print.
  EventFormat format = EventFormat::kDefault;
  bool by_time = false;    // In order of time, not of receipt.
  bool just_one = false;   // Stop after the first event.
  bool malformed = false;  // The malformed records. Only time, store and host_globs are set then.
  bool utc = false;        // Times are read and printed in UTC.
  bool help = false;       // Print AusearchUsage() and nothing else. The rest means nothing then.

  // The first group of the above.
  Predicate predicate() const;
};

// Reads the arguments, without the names of the program and of the command. `context` is what
// times are relative to; its zone is not used with --utc. A failure is always kInvalidArgument.
// Its message is what ausearch prints to standard error, without the last newline; the program
// should print it, and end with kAusearchFailureStatus.
absl::StatusOr<AusearchOptions> ParseAusearchOptions(std::span<const std::string_view> arguments,
                                                     const TimeContext& context);

// What --help prints: a line for each option.
std::string AusearchUsage();

}  // namespace query
