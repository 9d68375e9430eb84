#include "query/report/report_options.h"

#include <algorithm>
#include <climits>
#include <cstddef>

#include "absl/strings/str_format.h"

#include "query/ausearch_words.h"

namespace query {

namespace {

using Words = std::span<const std::string_view>;

enum class Argument : uint8_t {
  kNone,      // The option stands alone. What follows is read as an option.
  kRefused,   // Likewise, with a message of its own.
  kReport,    // A report that could be about one thing, one day, in aureport.
  kWord,      // One word.
  kMayWord,   // One word or none.
  kTimeWords  // One word or two.
};

// What options are read into. Those that ausearch has too are read by its rules.
struct Parsed {
  ReportOptions report;
  AusearchOptions common;
  bool has_report = false;
};

struct Option {
  std::string_view short_name;  // May be empty.
  std::string_view long_name;
  Argument argument;
  std::string_view help_argument;
  std::string_view help;
  absl::Status (*apply)(const OptionWords& words, Parsed* parsed);
};

template <ReportKind Kind>
absl::Status SetReport(const OptionWords&, Parsed* parsed) {
  if (parsed->has_report) return Refuse("Error - only one report can be specified");
  parsed->has_report = true;
  parsed->report.kind = Kind;
  return absl::OkStatus();
}

template <auto Member>
absl::Status SetFlag(const OptionWords&, Parsed* parsed) {
  parsed->report.*Member = true;
  return absl::OkStatus();
}

template <auto Member>
absl::Status SetFilterFlag(const OptionWords&, Parsed* parsed) {
  parsed->report.filter.*Member = true;
  return absl::OkStatus();
}

template <Outcome Of>
absl::Status SetOutcome(const OptionWords&, Parsed* parsed) {
  parsed->report.filter.outcome = Of;
  return absl::OkStatus();
}

template <auto Apply>
absl::Status AsAusearch(const OptionWords& words, Parsed* parsed) {
  return Apply(words, &parsed->common);
}

absl::Status SetStart(const OptionWords& words, Parsed* parsed) {
  const auto start = ParseAusearchTime(TimeEdge::kStart, words.words, words.context.time);
  if (!start.ok()) return start.status();
  parsed->report.filter.time.from_ms = static_cast<uint64_t>(*start) * 1000;
  return absl::OkStatus();
}

absl::Status AddNode(const OptionWords& words, Parsed* parsed) {
  parsed->report.filter.nodes.emplace_back(words.words[0]);
  return absl::OkStatus();
}

absl::Status SetInput(const OptionWords& words, Parsed* parsed) {
  constexpr size_t kSuffixBytes = 32;  // That aureport leaves for the names of rotated logs.
  const std::string_view word = words.words[0];
  if (word.size() >= PATH_MAX - kSuffixBytes) {
    return Refuse(absl::StrFormat("File name is too long %s", word));
  }
  parsed->report.input = std::string(word);
  return absl::OkStatus();
}

absl::Status SetStore(const OptionWords& words, Parsed* parsed) {
  parsed->report.store = std::string(words.words[0]);
  return absl::OkStatus();
}

absl::Status SetServer(const OptionWords& words, Parsed* parsed) {
  parsed->report.server = std::string(words.words[0]);
  return absl::OkStatus();
}

// In aureport --host is the long name of -h, which takes no word.
absl::Status SetHost(const OptionWords& words, Parsed* parsed) {
  if (words.words.empty()) return SetReport<ReportKind::kHost>(words, parsed);
  parsed->report.host_globs.emplace_back(words.words[0]);
  return absl::OkStatus();
}

absl::Status SetAdd(const OptionWords&, Parsed* parsed) {
  parsed->report.filter.without_deleted = true;
  parsed->report.filter.without_added = false;
  return absl::OkStatus();
}

absl::Status SetDelete(const OptionWords&, Parsed* parsed) {
  parsed->report.filter.without_added = true;
  parsed->report.filter.without_deleted = false;
  return absl::OkStatus();
}

absl::Status SetFormat(const OptionWords& words, Parsed* parsed) {
  const std::string_view word = words.words[0];
  const std::pair<std::string_view, ReportFormat> formats[] = {
      {"text", ReportFormat::kText}, {"csv", ReportFormat::kCsv}, {"json", ReportFormat::kJson}};
  for (const auto& [name, format] : formats) {
    if (word != name) continue;
    parsed->report.format = format;
    return absl::OkStatus();
  }
  return Refuse(absl::StrFormat("--format is text, csv or json, was %s", word));
}

constexpr std::string_view kUtcName = "--utc";

constexpr Option Heading(std::string_view text) {
  return {"", "", Argument::kNone, "", text, nullptr};
}

constexpr Option kOptions[] = {
    Heading("Reports, one of them. Without one, a summary of everything:"),
    {"-a", "--avc", Argument::kNone, "", "access vector cache messages",
     SetReport<ReportKind::kAvc>},
    {"-au", "--auth", Argument::kNone, "", "attempts to authenticate",
     SetReport<ReportKind::kAuthentication>},
    {"-c", "--config", Argument::kNone, "", "changes in configuration",
     SetReport<ReportKind::kConfig>},
    {"", "--comm", Argument::kReport, "", "commands", SetReport<ReportKind::kComm>},
    {"-cr", "--crypto", Argument::kNone, "", "cryptography", SetReport<ReportKind::kCrypto>},
    {"-e", "--event", Argument::kNone, "", "events", SetReport<ReportKind::kEvent>},
    {"-f", "--file", Argument::kReport, "", "files and unix sockets", SetReport<ReportKind::kFile>},
    {"-h", "", Argument::kReport, "", "remote hosts", SetReport<ReportKind::kHost>},
    {"", "--integrity", Argument::kNone, "", "integrity", SetReport<ReportKind::kIntegrity>},
    {"-k", "--key", Argument::kReport, "", "keys of rules", SetReport<ReportKind::kKey>},
    {"-l", "--login", Argument::kNone, "", "logins", SetReport<ReportKind::kLogin>},
    {"-m", "--mods", Argument::kNone, "", "changes of accounts", SetReport<ReportKind::kAccount>},
    {"-ma", "--mac", Argument::kNone, "", "mandatory access control", SetReport<ReportKind::kMac>},
    {"-n", "--anomaly", Argument::kReport, "", "anomalies", SetReport<ReportKind::kAnomalies>},
    {"-p", "--pid", Argument::kReport, "", "processes", SetReport<ReportKind::kPid>},
    {"-r", "--response", Argument::kReport, "", "responses to anomalies",
     SetReport<ReportKind::kResponse>},
    {"-s", "--syscall", Argument::kReport, "", "system calls", SetReport<ReportKind::kSyscall>},
    {"-t", "--log", Argument::kNone, "", "from when to when each log, or host, goes",
     SetReport<ReportKind::kTimes>},
    {"-tm", "--terminal", Argument::kReport, "", "terminals", SetReport<ReportKind::kTerminal>},
    {"", "--tty", Argument::kNone, "", "keystrokes", SetReport<ReportKind::kTty>},
    {"-u", "--user", Argument::kReport, "", "users", SetReport<ReportKind::kUser>},
    {"", "--virt", Argument::kNone, "", "virtualization", SetReport<ReportKind::kVirtualization>},
    {"-x", "--executable", Argument::kReport, "", "programs", SetReport<ReportKind::kExe>},
    {"", "--summary", Argument::kNone, "", "totals of what the report is about",
     SetFlag<&ReportOptions::summary>},

    Heading("Events:"),
    {"", "--failed", Argument::kNone, "", "only those that have failed",
     SetOutcome<Outcome::kFailed>},
    {"", "--success", Argument::kNone, "", "only those that have succeeded",
     SetOutcome<Outcome::kSucceeded>},
    {"-ts", "--start", Argument::kTimeWords, "[DATE] [TIME]", "from this time on", SetStart},
    {"-te", "--end", Argument::kTimeWords, "[DATE] [TIME]", "up to this time",
     AsAusearch<ApplyEnd>},
    {"", "--node", Argument::kWord, "NODE", "that name this node; may be repeated", AddNode},
    {"", "--add", Argument::kNone, "", "without users, groups and labels that were deleted",
     SetAdd},
    {"", "--delete", Argument::kNone, "", "without those that were added", SetDelete},
    {"-nc", "--no-config", Argument::kNone, "", "without CONFIG_CHANGE",
     SetFilterFlag<&ReportFilter::without_config>},

    Heading("Where from:"),
    {"", "--store", Argument::kWord, "DIR", "the store to read", SetStore},
    {"", "--server", Argument::kWord, "ADDRESS", "a collector to ask: HOST:PORT, or unix:PATH",
     SetServer},
    {"", "--host", Argument::kMayWord, "GLOB",
     "only these hosts of it; may be repeated. Without a GLOB, the same as -h", SetHost},
    {"-if", "--input", Argument::kWord, "FILE", "a log, or a directory of logs, instead of a store",
     SetInput},
    {"", "--input-logs", Argument::kNone, "", "the store, even if standard input is a pipe",
     SetFlag<&ReportOptions::input_logs>},
    {"", "--eoe-timeout", Argument::kWord, "SECONDS", "how long an event can lack its last record",
     AsAusearch<ApplyTimeout>},

    Heading("Output:"),
    {"", "--by-host", Argument::kNone, "", "one report for each host, or totals with their host",
     SetFlag<&ReportOptions::by_host>},
    {"-i", "--interpret", Argument::kRefused, "", "print numbers in words",
     SetFlag<&ReportOptions::interpret>},
    {"", "--local-names", Argument::kNone, "", "users by their names on this machine",
     SetFlag<&ReportOptions::local_names>},
    {"", "--escape", Argument::kWord, "MODE", "raw, tty, shell or shell_quote",
     AsAusearch<ApplyEscape>},
    {"", "--format", Argument::kWord, "FORMAT", "text, csv or json", SetFormat},
    {"", "--limit", Argument::kWord, "N", "no more than so many rows", AsAusearch<ApplyLimit>},
    {"", kUtcName, Argument::kNone, "", "read and print times in UTC",
     SetFlag<&ReportOptions::utc>},
    {"", "--explain", Argument::kNone, "", "say how the store was read",
     SetFlag<&ReportOptions::explain>},
    {"", "--debug", Argument::kNone, "", "say what was skipped", SetFlag<&ReportOptions::debug>},
    {"", "--help", Argument::kNone, "", "this list", SetFlag<&ReportOptions::help>},
    {"-v", "--version", Argument::kNone, "", "the version", SetFlag<&ReportOptions::version>},
};

const Option* FindOption(std::string_view name) {
  if (name.empty()) return nullptr;
  for (const Option& option : kOptions) {
    if (option.apply == nullptr) continue;
    if (name == option.long_name || name == option.short_name) return &option;
  }
  return nullptr;
}

// Those of the arguments behind an option that are its own. A failure tells what is wrong.
absl::StatusOr<Words> TakeWords(const Option& option, std::string_view name, Words arguments) {
  size_t following = 0;
  while (following < arguments.size() && !arguments[following].starts_with('-')) ++following;
  switch (option.argument) {
    case Argument::kNone:
      return Words();
    case Argument::kRefused:
      if (following == 0) return Words();
      return Refuse(absl::StrFormat("Argument is NOT required for %s", name));
    case Argument::kReport:
      if (following == 0) return Words();
      return Refuse(
          absl::StrFormat("%s is of everything: it takes no word such as %s", name, arguments[0]));
    case Argument::kMayWord:
      return arguments.first(std::min<size_t>(following, 1));
    case Argument::kWord:
      if (following > 0) return arguments.first(1);
      return Refuse(absl::StrFormat("Argument is required for %s", name));
    case Argument::kTimeWords:
      if (following > 0) return arguments.first(std::min<size_t>(following, 2));
      return Refuse(absl::StrFormat("%s requires either date and/or time", name));
  }
  return Words();
}

absl::Status CheckTogether(const ReportOptions& options) {
  if (options.by_host && options.kind == ReportKind::kTimes) {
    return Refuse("--log is by host, or by log, already: not --by-host");
  }
  if (!options.input.empty() && !options.host_globs.empty()) {
    return Refuse("--host is of a store: a log of --input has nodes, see --node");
  }
  if (!options.input.empty() && !options.store.empty()) {
    return Refuse("--store and --input: a report is of one of them");
  }
  if (!options.server.empty() && !(options.store.empty() && options.input.empty())) {
    return Refuse("--server asks a collector: not --store or --input");
  }
  if (!options.input.empty() && options.explain) {
    return Refuse("--explain is of a store: a log of --input is read as a whole");
  }
  if (options.limit == 0) return Refuse("--limit is a number of rows, was 0");
  if (options.summary && !HasTotals(options.kind) && options.format != ReportFormat::kText) {
    return Refuse(
        absl::StrFormat("--summary: there are no totals of --%s", DefinitionOf(options.kind).name));
  }
  return absl::OkStatus();
}

}  // namespace

ReportQuestion ReportOptions::question() const {
  return {.kind = kind,
          .summary = summary,
          .filter = filter,
          .host_globs = host_globs,
          .by_host = by_host,
          .interpret = interpret,
          .unnamed_users_apart = interpret && local_names,
          .limit = limit};
}

absl::StatusOr<ReportOptions> ParseReportOptions(std::span<const std::string_view> arguments,
                                                 const TimeContext& context) {
  AusearchContext zoned{.time = context};
  // Needed for the others, wherever it stands.
  if (std::ranges::find(arguments, kUtcName) != arguments.end()) {
    zoned.time.zone = absl::UTCTimeZone();
  }
  Parsed parsed;
  ReportOptions& report = parsed.report;
  while (!arguments.empty()) {
    const std::string_view name = arguments[0];
    const Option* const option = FindOption(name);
    if (option == nullptr) {
      return Refuse(absl::StrFormat("%s is an unsupported option", name));
    }
    const absl::StatusOr<Words> words = TakeWords(*option, name, arguments.subspan(1));
    if (!words.ok()) return words.status();
    const absl::Status applied = option->apply({name, *words, zoned}, &parsed);
    if (!applied.ok()) return applied;
    if (report.help || report.version) return report;
    arguments = arguments.subspan(1 + words->size());
  }
  const AusearchOptions& common = parsed.common;
  report.filter.time.to_ms = common.time.to_ms;
  report.end_of_event_timeout = common.end_of_event_timeout;
  report.escape = common.escape;
  report.limit = common.limit;
  if (!parsed.has_report) report.summary = true;
  if (const absl::Status checked = CheckTogether(report); !checked.ok()) return checked;
  return report;
}

std::string ReportUsage() {
  std::string text = "usage: auspex report [options]        See auspex(1).";
  for (const Option& option : kOptions) {
    if (option.apply == nullptr) {
      absl::StrAppendFormat(&text, "\n\n%s", option.help);
      continue;
    }
    const bool has_both = !option.short_name.empty() && !option.long_name.empty();
    const std::string names = absl::StrFormat("%s%s%s %s", option.short_name, has_both ? "," : "",
                                              option.long_name, option.help_argument);
    absl::StrAppendFormat(&text, "\n  %-32s %s", names, option.help);
  }
  return text;
}

}  // namespace query
