#include "query/ausearch_options.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_format.h"

#include "audit/record_type.h"

namespace query {

namespace {

using Words = std::span<const std::string_view>;

enum class Argument {
  kNone,       // The option stands alone. What follows is read as an option.
  kRefused,    // Likewise, but the message is another one.
  kWord,       // One word.
  kTypeWord,   // Likewise. Every failure lists the types.
  kTimeWords,  // One word or two.
};

// One row per option of ausearch(8).
struct Option {
  std::string_view short_name;  // May be empty.
  std::string_view long_name;
  Argument argument;
  std::string_view help_argument;
  std::string_view help;
  absl::Status (*apply)(Words words, const TimeContext& context, AusearchOptions* options);
};

absl::Status Refuse(std::string message) { return absl::InvalidArgumentError(std::move(message)); }

bool IsDigit(char character) { return '0' <= character && character <= '9'; }

// Reads the whole word as a decimal number. Gives 0 or an errno.
template <typename Number>
int ParseNumber(std::string_view word, Number* number) {
  const auto [end, errc] = std::from_chars(word.data(), word.data() + word.size(), *number);
  if (errc == std::errc::result_out_of_range) return ERANGE;
  if (errc != std::errc{} || end != word.data() + word.size()) return EINVAL;
  return 0;
}

absl::Status ApplySerial(Words words, const TimeContext&, AusearchOptions* options) {
  const std::string_view word = words[0];
  if (word.empty() || !IsDigit(word[0])) {
    return Refuse(absl::StrFormat("Audit event id must be a numeric value, was %s", word));
  }
  uint32_t serial = 0;
  if (ParseNumber(word, &serial) != 0) return Refuse("Illegal value for audit event ID");
  options->serial = serial;
  return absl::OkStatus();
}

// The types whose names ausearch lists: those below are requests to the kernel, not records.
constexpr uint32_t kFirstListedType = 1005;  // USER.
constexpr uint32_t kLastListedType = 2599;   // The end of the VIRT types.

// Requests again, in between.
bool IsUnlisted(uint32_t type) { return type >= 1007 && type < 1100; }

// The end of each message about a type. ausearch leaves a blank behind each name.
std::string ValidTypes() {
  std::string text = "Valid message types are: ALL ";
  for (uint32_t type = kFirstListedType; type <= kLastListedType; ++type) {
    const std::string name = audit::RecordTypeName(type);
    if (IsUnlisted(type) || name.starts_with("UNKNOWN[")) continue;
    text += name + " ";
  }
  return text;
}

absl::Status AddType(std::string_view word, AusearchOptions* options) {
  if (!word.empty() && IsDigit(word[0])) {
    uint32_t type = 0;
    if (const int error = ParseNumber(word, &type)) {
      return Refuse(absl::StrFormat("Numeric message type conversion error (%s) for %s\n%s",
                                    std::strerror(error), word, ValidTypes()));
    }
    options->types.push_back(type);
    return absl::OkStatus();
  }
  const std::optional<uint32_t> type =
      audit::RecordTypeNumber(absl::AsciiStrToUpper({word.data(), word.size()}));
  if (!type) return Refuse(ValidTypes());
  options->types.push_back(*type);
  return absl::OkStatus();
}

// ALL is known alone only. It takes nothing back of another --message.
absl::Status ApplyTypes(Words words, const TimeContext&, AusearchOptions* options) {
  std::string_view list = words[0];
  if (absl::EqualsIgnoreCase({list.data(), list.size()}, "ALL")) return absl::OkStatus();
  if (list.find(',') == std::string_view::npos) return AddType(list, options);
  while (!list.empty()) {
    const std::string_view word = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), word.size() + 1));
    if (word.empty()) continue;
    if (const absl::Status added = AddType(word, options); !added.ok()) return added;
  }
  return absl::OkStatus();
}

absl::Status ApplyStart(Words words, const TimeContext& context, AusearchOptions* options) {
  const absl::StatusOr<int64_t> start = ParseAusearchTime(TimeEdge::kStart, words, context);
  if (!start.ok()) return start.status();
  options->time.from_ms = static_cast<uint64_t>(*start) * 1000;
  return absl::OkStatus();
}

absl::Status ApplyEnd(Words words, const TimeContext& context, AusearchOptions* options) {
  const absl::StatusOr<int64_t> end = ParseAusearchTime(TimeEdge::kEnd, words, context);
  if (!end.ok()) return end.status();
  options->time.to_ms = static_cast<uint64_t>(*end) * 1000 + 999;
  return absl::OkStatus();
}

absl::Status ApplyRaw(Words, const TimeContext&, AusearchOptions* options) {
  if (options->format != EventFormat::kDefault) return Refuse("Conflicting output format --raw");
  options->format = EventFormat::kRaw;
  return absl::OkStatus();
}

// For options that set a flag or keep their word.
template <auto Member>
absl::Status SetFlag(Words, const TimeContext&, AusearchOptions* options) {
  options->*Member = true;
  return absl::OkStatus();
}

template <auto Member>
absl::Status SetText(Words words, const TimeContext&, AusearchOptions* options) {
  options->*Member = std::string(words[0]);
  return absl::OkStatus();
}

template <auto Member>
absl::Status AddText(Words words, const TimeContext&, AusearchOptions* options) {
  (options->*Member).emplace_back(words[0]);
  return absl::OkStatus();
}

constexpr std::string_view kUtcName = "--utc";

constexpr Option kOptions[] = {
    {"-a", "--event", Argument::kWord, "ID", "events with this serial number", ApplySerial},
    {"", "--by-time", Argument::kNone, "", "in order of time, not of receipt",
     SetFlag<&AusearchOptions::by_time>},
    {"-h", "--help", Argument::kNone, "", "this list", SetFlag<&AusearchOptions::help>},
    {"", "--host", Argument::kWord, "GLOB", "events of these hosts; may be repeated",
     AddText<&AusearchOptions::host_globs>},
    {"", "--just-one", Argument::kNone, "", "stop after the first event",
     SetFlag<&AusearchOptions::just_one>},
    {"-k", "--key", Argument::kWord, "KEY", "events with a key that contains KEY",
     SetText<&AusearchOptions::key>},
    {"", "--malformed", Argument::kNone, "", "print the malformed records instead of events",
     SetFlag<&AusearchOptions::malformed>},
    {"-m", "--message", Argument::kTypeWord, "TYPE[,TYPE]",
     "events with a record of such a type, or ALL", ApplyTypes},
    {"-n", "--node", Argument::kWord, "NODE", "events that name this node; may be repeated",
     AddText<&AusearchOptions::nodes>},
    {"-r", "--raw", Argument::kRefused, "", "print records as they were received", ApplyRaw},
    {"", "--store", Argument::kWord, "DIR", "the store to search",
     SetText<&AusearchOptions::store>},
    {"-te", "--end", Argument::kTimeWords, "[DATE] [TIME]", "events up to this time", ApplyEnd},
    {"-ts", "--start", Argument::kTimeWords, "[DATE] [TIME]", "events from this time on",
     ApplyStart},
    {"", kUtcName, Argument::kNone, "", "read and print times in UTC",
     SetFlag<&AusearchOptions::utc>},
};

const Option* FindOption(std::string_view name) {
  for (const Option& option : kOptions) {
    if (name == option.long_name || (!name.empty() && name == option.short_name)) return &option;
  }
  return nullptr;
}

// How many of the words behind an option are its own. A failure tells what is wrong with them.
absl::StatusOr<size_t> CountWords(const Option& option, std::string_view name, Words following) {
  switch (option.argument) {
    case Argument::kNone:
      return 0;
    case Argument::kRefused:
      if (following.empty()) return 0;
      return Refuse(absl::StrFormat("Argument is NOT required for %s", option.long_name));
    case Argument::kWord:
      if (!following.empty()) return 1;
      return Refuse(absl::StrFormat("Argument is required for %s", name));
    case Argument::kTypeWord:
      if (!following.empty()) return 1;
      return Refuse(absl::StrFormat("Argument is required for %s\n%s", name, ValidTypes()));
    case Argument::kTimeWords:
      if (!following.empty()) return std::min<size_t>(following.size(), 2);
      return Refuse(absl::StrFormat("%s requires either date and/or time", name));
  }
  return 0;
}

// The words in front of the next option.
Words TakeWhileNotOption(Words arguments) {
  size_t count = 0;
  while (count < arguments.size() && !arguments[count].starts_with('-')) ++count;
  return arguments.first(count);
}

absl::Status CheckMalformed(const AusearchOptions& options) {
  if (!options.malformed) return absl::OkStatus();
  if (options.serial || !options.types.empty() || options.key || !options.nodes.empty()) {
    return Refuse("--malformed takes --start, --end and --host, but no other condition");
  }
  return absl::OkStatus();
}

}  // namespace

Predicate AusearchOptions::predicate() const {
  AllOf all;
  if (serial) all.parts.emplace_back(SerialIs{*serial});
  if (!types.empty()) all.parts.emplace_back(TypeIn{types});
  if (key) all.parts.emplace_back(KeyContains{*key});
  if (!nodes.empty()) {
    AnyOf any;
    for (const std::string& node : nodes) any.parts.emplace_back(NodeIs{node});
    all.parts.emplace_back(std::move(any));
  }
  if (time != TimeRange{}) all.parts.emplace_back(TimeIn{time});
  return Predicate(std::move(all));
}

absl::StatusOr<AusearchOptions> ParseAusearchOptions(std::span<const std::string_view> arguments,
                                                     const TimeContext& context) {
  if (arguments.empty()) return Refuse(AusearchUsage());

  // The zone is needed for the times, wherever --utc stands.
  TimeContext zoned = context;
  if (std::ranges::find(arguments, kUtcName) != arguments.end()) zoned.zone = absl::UTCTimeZone();

  AusearchOptions options;
  while (!arguments.empty()) {
    const std::string_view name = arguments[0];
    const Option* const option = FindOption(name);
    if (option == nullptr) {
      return Refuse(absl::StrFormat("%s is an unsupported option", name));
    }
    const Words following = TakeWhileNotOption(arguments.subspan(1));
    const absl::StatusOr<size_t> count = CountWords(*option, name, following);
    if (!count.ok()) return count.status();
    const absl::Status applied = option->apply(following.first(*count), zoned, &options);
    if (!applied.ok()) return applied;
    if (options.help) return options;
    arguments = arguments.subspan(1 + *count);
  }
  if (const absl::Status checked = CheckMalformed(options); !checked.ok()) return checked;
  return options;
}

std::string AusearchUsage() {
  std::string text = "usage: auspex search [options]";
  for (const Option& option : kOptions) {
    const std::string names =
        absl::StrFormat("%s%s%s %s", option.short_name, option.short_name.empty() ? "" : ",",
                        option.long_name, option.help_argument);
    absl::StrAppendFormat(&text, "\n  %-32s %s", names, option.help);
  }
  return text;
}

}  // namespace query
