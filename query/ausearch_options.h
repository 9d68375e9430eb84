// The command line of `auspex search`: the options of ausearch(8), and some of ours.
//
//   option := name [ words ]
//   words  := one or two arguments that do not begin with "-", but may be a negative number where a
//             number is asked for
//
// Options come in any order. One that is given twice means its last value, except --message,
// --node and --host, whose values are alternatives. Different options must all match.

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "query/attribute.h"
#include "query/ausearch_time.h"
#include "query/escape.h"
#include "query/outcome.h"
#include "query/predicate.h"

namespace query {

// With this status ausearch ends when it refuses its arguments, and also when nothing matches.
inline constexpr int kAusearchFailureStatus = 1;

enum class EventFormat {
  kDefault,    // AppendDefaultText().
  kRaw,        // AppendRawText().
  kInterpret,  // Interpreter::AppendInterpreted(),
  kCsv,        // AppendCsv(),
  kText,       // and AppendSentence().
  kJson,       // AppendJson().
};

// What the arguments are relative to.
struct AusearchContext {
  TimeContext time;

  // The numbers of users and groups of this machine, by name: for --local-names.
  std::function<std::optional<uint32_t>(const std::string&)> user_number = {};
  std::function<std::optional<uint32_t>(const std::string&)> group_number = {};
};

struct AusearchOptions {
  // What the events must match.
  std::optional<uint32_t> serial;
  std::vector<uint32_t> types;     // One of them. Empty: any.
  std::vector<std::string> nodes;  // One of them. Empty: any.
  TimeRange time;
  std::map<Attribute, std::string> attributes;  // All of them; kFile stands for kCwd, too.
  std::map<Attribute, NameIs> names;            // Of users and groups, instead of a number.
  bool any_user = false;     // One of kUid, kEuid and kAuid, which are all set, is enough.
  bool any_group = false;    // One of kGid and kEgid.
  bool any_context = false;  // One of kSubject and kObject.
  bool whole_word = false;   // Texts are all of a value, not a part of it.
  std::optional<bool> success;
  SyscallIs syscall;

  // Where to search.
  std::string store;                    // A directory. Empty: not given.
  std::string server;                   // A collector to ask instead. Empty: not given.
  std::vector<std::string> host_globs;  // One of them. Empty: every host.
  std::string input;                    // A log, or a directory of them, instead of a store.
  bool input_logs = false;              // The store even if standard input is a pipe.
  std::string checkpoint;               // The file that says where the last search has ended.
  bool only_checkpoint_time = false;    // Of what it says, only the time counts.
  std::optional<std::chrono::seconds> end_of_event_timeout;

  // What to print.
  EventFormat format = EventFormat::kDefault;
  EscapeMode escape = EscapeMode::kTty;
  bool extra_keys = false;  // More columns of CSV.
  bool extra_labels = false;
  bool extra_obj2 = false;
  bool extra_time = false;
  bool local_names = false;  // Users have their names of this machine, unless records tell them.
  bool by_time = false;      // In order of time, not of receipt.
  bool reverse = false;      // The last one first.
  std::optional<uint64_t> limit;  // Of events.
  bool just_one = false;          // Stop after the first event.
  bool line_buffered = false;     // Print each event at once.
  bool follow = false;            // Then wait for new ones, and print these.
  bool malformed = false;  // The malformed records. Only time, store and host_globs are set then.
  bool utc = false;        // Times are read and printed in UTC.
  bool explain = false;    // How the store found its answer, to standard error.
  bool debug = false;      // What was skipped, to standard error.
  bool help = false;       // Print AusearchUsage() and nothing else. The rest means nothing then.
  bool version = false;    // Likewise.

  // The first group of the above.
  Predicate predicate() const;
};

// Reads the arguments, without the names of the program and of the command. The zone of the context
// is not used with --utc, and its names are used with --local-names only. A failure is always
// kInvalidArgument. Its message is what ausearch prints to standard error, without the last
// newline; the program should print it, and end with kAusearchFailureStatus.
absl::StatusOr<AusearchOptions> ParseAusearchOptions(std::span<const std::string_view> arguments,
                                                     const AusearchContext& context);

// What --help prints: a line for each option.
std::string AusearchUsage();

}  // namespace query
