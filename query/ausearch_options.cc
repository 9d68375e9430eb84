#include "query/ausearch_options.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"

#include "query/ausearch_words.h"

namespace query {

namespace {

using Words = std::span<const std::string_view>;

enum class Argument {
  kNone,         // The option stands alone. What follows is read as an option.
  kRefused,      // Likewise, but the message is another one.
  kWord,         // One word.
  kTypeWord,     // Likewise. Every failure lists the types.
  kNumberWord,   // Likewise. It may be a negative number.
  kAnyWord,      // Likewise, whatever it begins with.
  kOptionWords,  // Likewise; a format. The check of the format comes first.
  kTimeWords,    // One word or two.
};

// One row per option of ausearch(8), and of ours; and headings, which have nothing but a text.
struct Option {
  std::string_view short_name;  // May be empty.
  std::string_view long_name;
  Argument argument;
  std::string_view help_argument;
  std::string_view help;
  absl::Status (*apply)(const OptionWords& words, AusearchOptions* options);
};

// For options that set a flag or keep their word.
template <auto Member>
absl::Status SetFlag(const OptionWords&, AusearchOptions* options) {
  options->*Member = true;
  return absl::OkStatus();
}

template <auto Member>
absl::Status SetText(const OptionWords& words, AusearchOptions* options) {
  options->*Member = std::string(words.words[0]);
  return absl::OkStatus();
}

template <auto Member>
absl::Status AddText(const OptionWords& words, AusearchOptions* options) {
  (options->*Member).emplace_back(words.words[0]);
  return absl::OkStatus();
}

template <Attribute Of>
absl::Status SetAttribute(const OptionWords& words, AusearchOptions* options) {
  options->attributes[Of] = std::string(words.words[0]);
  return absl::OkStatus();
}

constexpr std::string_view kUtcName = "--utc";
constexpr std::string_view kLocalNamesName = "--local-names";

constexpr Option Heading(std::string_view text) {
  return {"", "", Argument::kNone, "", text, nullptr};
}

constexpr Option kOptions[] = {
    Heading("Events:"),
    {"-a", "--event", Argument::kWord, "ID", "with this serial number", ApplySerial},
    {"", "--arch", Argument::kWord, "CPU", "of a system call of this architecture", ApplyArch},
    {"-c", "--comm", Argument::kWord, "NAME", "of a command of this name",
     SetAttribute<Attribute::kComm>},
    {"", "--container", Argument::kWord, "ID", "of a process in this container",
     SetAttribute<Attribute::kContainer>},
    {"-e", "--exit", Argument::kAnyWord, "CODE", "of a system call that returned this: -13, EACCES",
     ApplyExit},
    {"-f", "--file", Argument::kWord, "FILE", "of this file, or in this directory", ApplyFile},
    {"-ga", "--gid-all", Argument::kNumberWord, "GROUP", "with either group id", ApplyAnyGroup},
    {"-ge", "--gid-effective", Argument::kNumberWord, "GROUP", "with this effective group id",
     ApplyEgid},
    {"-gi", "--gid", Argument::kNumberWord, "GROUP", "with this group id", ApplyGid},
    {"-hn", "--host-name", Argument::kWord, "HOST", "of this remote host",
     SetAttribute<Attribute::kHost>},
    {"-k", "--key", Argument::kWord, "KEY", "with this key of a rule",
     SetAttribute<Attribute::kKey>},
    {"-m", "--message", Argument::kTypeWord, "TYPE[,TYPE]", "with a record of such a type, or ALL",
     ApplyTypes},
    {"-n", "--node", Argument::kWord, "NODE", "that name this node; may be repeated",
     AddText<&AusearchOptions::nodes>},
    {"-o", "--object", Argument::kWord, "CONTEXT", "with this context of the object",
     SetAttribute<Attribute::kObject>},
    {"-p", "--pid", Argument::kWord, "PID", "of this process", ApplyPid},
    {"-pp", "--ppid", Argument::kWord, "PID", "of children of this process", ApplyPpid},
    {"-sc", "--syscall", Argument::kWord, "NAME", "of this system call, by name or number",
     ApplySyscall},
    {"-se", "--context", Argument::kWord, "CONTEXT", "with this context of subject or object",
     ApplyContext},
    {"", "--session", Argument::kAnyWord, "ID", "of this login session", ApplySession},
    {"-su", "--subject", Argument::kWord, "CONTEXT", "with this context of the subject",
     SetAttribute<Attribute::kSubject>},
    {"-sv", "--success", Argument::kWord, "yes|no", "that have succeeded, or failed", ApplySuccess},
    {"-te", "--end", Argument::kTimeWords, "[DATE] [TIME]", "up to this time", ApplyEnd},
    {"-ts", "--start", Argument::kTimeWords, "[DATE] [TIME]", "from this time on", ApplyStart},
    {"-tm", "--terminal", Argument::kWord, "TERMINAL", "of this terminal",
     SetAttribute<Attribute::kTerminal>},
    {"-ua", "--uid-all", Argument::kNumberWord, "USER", "with one of the three user ids",
     ApplyAnyUser},
    {"-ue", "--uid-effective", Argument::kNumberWord, "USER", "with this effective user id",
     ApplyEuid},
    {"-ui", "--uid", Argument::kNumberWord, "USER", "with this user id", ApplyUid},
    {"-ul", "--loginuid", Argument::kAnyWord, "USER", "of the user who has logged in", ApplyAuid},
    {"-uu", "--uuid", Argument::kWord, "UUID", "of this virtual machine",
     SetAttribute<Attribute::kUuid>},
    {"-vm", "--vm-name", Argument::kWord, "NAME", "of the virtual machine of this name",
     SetAttribute<Attribute::kVm>},
    {"-w", "--word", Argument::kNone, "", "texts are whole words, not parts of them",
     SetFlag<&AusearchOptions::whole_word>},
    {"-x", "--executable", Argument::kWord, "FILE", "of this program",
     SetAttribute<Attribute::kExe>},

    Heading("Where to search:"),
    {"", "--store", Argument::kWord, "DIR", "the store to search",
     SetText<&AusearchOptions::store>},
    {"", "--server", Argument::kWord, "ADDRESS", "a collector to ask: HOST:PORT, or unix:PATH",
     SetText<&AusearchOptions::server>},
    {"", "--host", Argument::kWord, "GLOB", "only these hosts of it; may be repeated",
     AddText<&AusearchOptions::host_globs>},
    {"-if", "--input", Argument::kWord, "FILE", "a log, or a directory of logs, instead of a store",
     ApplyInput},
    {"", "--input-logs", Argument::kNone, "", "the store, even if standard input is a pipe",
     SetFlag<&AusearchOptions::input_logs>},
    {"", "--checkpoint", Argument::kWord, "FILE", "go on where the last search has ended",
     SetText<&AusearchOptions::checkpoint>},
    {"", "--eoe-timeout", Argument::kWord, "SECONDS", "how long an event can lack its last record",
     ApplyTimeout},
    {"-F", "--follow", Argument::kNone, "", "wait for new events, and print these",
     SetFlag<&AusearchOptions::follow>},
    {"", "--malformed", Argument::kNone, "", "the malformed records instead of events",
     SetFlag<&AusearchOptions::malformed>},

    Heading("Output:"),
    {"-i", "--interpret", Argument::kRefused, "", "print values in words", ApplyInterpret},
    {"-r", "--raw", Argument::kRefused, "", "print records as they were received", ApplyRaw},
    {"", "--format", Argument::kOptionWords, "FORMAT", "raw, default, interpret, csv, text or json",
     ApplyFormat},
    {"", "--escape", Argument::kWord, "MODE", "raw, tty, shell or shell_quote", ApplyEscape},
    {"", "--extra-keys", Argument::kRefused, "", "a column for keys, in CSV",
     SetFlag<&AusearchOptions::extra_keys>},
    {"", "--extra-labels", Argument::kRefused, "", "columns for contexts",
     SetFlag<&AusearchOptions::extra_labels>},
    {"", "--extra-obj2", Argument::kRefused, "", "a column for a second object",
     SetFlag<&AusearchOptions::extra_obj2>},
    {"", "--extra-time", Argument::kRefused, "", "columns for the parts of the time",
     SetFlag<&AusearchOptions::extra_time>},
    {"", kLocalNamesName, Argument::kNone, "", "users and groups by their names on this machine",
     SetFlag<&AusearchOptions::local_names>},
    {"", kUtcName, Argument::kNone, "", "read and print times in UTC",
     SetFlag<&AusearchOptions::utc>},
    {"", "--by-time", Argument::kNone, "", "in order of time, not of receipt",
     SetFlag<&AusearchOptions::by_time>},
    {"", "--reverse", Argument::kNone, "", "the last event first",
     SetFlag<&AusearchOptions::reverse>},
    {"", "--limit", Argument::kWord, "N", "no more than so many events", ApplyLimit},
    {"", "--just-one", Argument::kNone, "", "stop after the first event",
     SetFlag<&AusearchOptions::just_one>},
    {"-l", "--line-buffered", Argument::kNone, "", "print each event at once",
     SetFlag<&AusearchOptions::line_buffered>},
    {"", "--explain", Argument::kNone, "", "say how the store was searched",
     SetFlag<&AusearchOptions::explain>},
    {"", "--debug", Argument::kNone, "", "say what was skipped", SetFlag<&AusearchOptions::debug>},
    {"-h", "--help", Argument::kNone, "", "this list", SetFlag<&AusearchOptions::help>},
    {"-v", "--version", Argument::kNone, "", "the version", SetFlag<&AusearchOptions::version>},
};

const Option* FindOption(std::string_view name) {
  for (const Option& option : kOptions) {
    if (option.apply == nullptr) continue;
    if (name == option.long_name || (!name.empty() && name == option.short_name)) return &option;
  }
  return nullptr;
}

bool IsNegativeNumber(std::string_view word) {
  return word.size() > 1 && word[0] == '-' && '0' <= word[1] && word[1] <= '9';
}

// The words in front of the next option.
Words TakeWhileNotOption(Words arguments) {
  size_t count = 0;
  while (count < arguments.size() && !arguments[count].starts_with('-')) ++count;
  return arguments.first(count);
}

// Those of the arguments behind an option that are its own. A failure tells what is wrong.
absl::StatusOr<Words> TakeWords(const Option& option, std::string_view name, Words arguments) {
  const Words following = TakeWhileNotOption(arguments);
  const Words one = following.first(std::min<size_t>(following.size(), 1));
  const bool has_next = !arguments.empty();
  switch (option.argument) {
    case Argument::kNone:
      return Words();
    case Argument::kRefused:
      if (following.empty()) return Words();
      return Refuse(absl::StrFormat("Argument is NOT required for %s",
                                    option.short_name == "-r" ? option.long_name : name));
    case Argument::kTypeWord:
      if (!one.empty()) return one;
      return Refuse(absl::StrFormat("Argument is required for %s\n%s", name, ValidTypes()));
    case Argument::kNumberWord:
      if (one.empty() && has_next && IsNegativeNumber(arguments[0])) return arguments.first(1);
      break;
    case Argument::kAnyWord:
      if (has_next) return arguments.first(1);
      break;
    case Argument::kTimeWords:
      if (!one.empty()) return following.first(std::min<size_t>(following.size(), 2));
      return Refuse(absl::StrFormat("%s requires either date and/or time", name));
    case Argument::kWord:
    case Argument::kOptionWords:
      break;
  }
  if (!one.empty()) return one;
  return Refuse(absl::StrFormat("Argument is required for %s", name));
}

absl::Status CheckTogether(const AusearchOptions& options) {
  if ((options.extra_time || options.extra_labels || options.extra_keys) &&
      options.format != EventFormat::kCsv) {
    return Refuse("--extra options requires format to be csv");
  }
  const Predicate predicate = options.predicate();
  const auto& conditions = std::get<AllOf>(predicate.condition()).parts;
  const bool asks_for_time_only = std::ranges::all_of(conditions, [](const Predicate& part) {
    return std::holds_alternative<TimeIn>(part.condition());
  });
  if (options.malformed && !asks_for_time_only) {
    return Refuse("--malformed takes --start, --end and --host, but no other condition");
  }
  if (options.follow && (options.reverse || options.by_time || options.malformed)) {
    return Refuse("--follow prints events as they come: not --reverse, --by-time or --malformed");
  }
  if (!options.checkpoint.empty() && (options.reverse || options.by_time || options.malformed)) {
    return Refuse(
        "--checkpoint goes on behind the last event: not --reverse, --by-time or "
        "--malformed");
  }
  if (!options.checkpoint.empty() && options.follow) {
    return Refuse("--checkpoint is for searches that end: not --follow");
  }
  if (!options.server.empty() && !(options.store.empty() && options.input.empty())) {
    return Refuse("--server asks a collector: not --store or --input");
  }
  if (!options.input.empty() && !options.host_globs.empty()) {
    return Refuse("--host is of a store: a log of --input has nodes, see --node");
  }
  return absl::OkStatus();
}

// For a branch of one of several attributes.
template <typename Part>
void AddAnyOf(std::vector<Predicate> parts, std::vector<Part>* all) {
  if (!parts.empty()) all->emplace_back(AnyOf{std::move(parts)});
}

}  // namespace

Predicate AusearchOptions::predicate() const {
  std::vector<Predicate> all;
  if (serial) all.emplace_back(SerialIs{*serial});
  if (!types.empty()) all.emplace_back(TypeIn{types});
  std::vector<Predicate> of_nodes;
  for (const std::string& node : nodes) of_nodes.emplace_back(NodeIs{node});
  AddAnyOf(std::move(of_nodes), &all);
  if (syscall.machine || syscall.number) all.emplace_back(syscall);

  std::vector<Predicate> users;
  std::vector<Predicate> groups;
  std::vector<Predicate> contexts;
  const auto place = [&](Attribute attribute, Predicate condition) {
    const bool is_user = attribute >= Attribute::kUid && attribute <= Attribute::kAuid;
    const bool is_group = attribute == Attribute::kGid || attribute == Attribute::kEgid;
    const bool is_context = attribute == Attribute::kSubject || attribute == Attribute::kObject;
    std::vector<Predicate>* const parts = is_user && any_user         ? &users
                                          : is_group && any_group     ? &groups
                                          : is_context && any_context ? &contexts
                                                                      : &all;
    parts->push_back(std::move(condition));
  };
  for (const auto& [attribute, text] : attributes) {
    const bool is_exact = whole_word || attribute <= Attribute::kExit;
    const TermMatch match = is_exact ? TermMatch::kIs : TermMatch::kContains;
    Predicate condition(AttributeIs{attribute, text, match});
    if (attribute == Attribute::kFile) {
      Predicate in_directory(AttributeIs{Attribute::kCwd, text, match});
      condition = Predicate(AnyOf{{std::move(condition), std::move(in_directory)}});
    }
    place(attribute, std::move(condition));
  }
  for (const auto& [attribute, name] : names) place(attribute, Predicate(name));
  AddAnyOf(std::move(users), &all);
  AddAnyOf(std::move(groups), &all);
  AddAnyOf(std::move(contexts), &all);
  if (success) all.emplace_back(SuccessIs{*success});
  if (time != TimeRange{}) all.emplace_back(TimeIn{time});
  return Predicate(AllOf{std::move(all)});
}

absl::StatusOr<AusearchOptions> ParseAusearchOptions(std::span<const std::string_view> arguments,
                                                     const AusearchContext& context) {
  if (arguments.empty()) return Refuse(AusearchUsage());

  // These are needed for the others, wherever they stand.
  AusearchContext zoned = context;
  const auto is_given = [&](std::string_view name) {
    return std::ranges::find(arguments, name) != arguments.end();
  };
  if (is_given(kUtcName)) zoned.time.zone = absl::UTCTimeZone();
  const bool local_names = is_given(kLocalNamesName);

  AusearchOptions options;
  while (!arguments.empty()) {
    const std::string_view name = arguments[0];
    const Option* const option = FindOption(name);
    if (option == nullptr) {
      return Refuse(absl::StrFormat("%s is an unsupported option", name));
    }
    if (option->argument == Argument::kOptionWords && options.format != EventFormat::kDefault) {
      return Refuse("Multiple output formats, use only 1");
    }
    const absl::StatusOr<Words> words = TakeWords(*option, name, arguments.subspan(1));
    if (!words.ok()) return words.status();
    const absl::Status applied = option->apply({name, *words, zoned, local_names}, &options);
    if (!applied.ok()) return applied;
    if (options.help || options.version) return options;
    arguments = arguments.subspan(1 + words->size());
  }
  if (const absl::Status checked = CheckTogether(options); !checked.ok()) return checked;
  return options;
}

std::string AusearchUsage() {
  std::string text = "usage: auspex search [options]        See auspex(1).";
  for (const Option& option : kOptions) {
    if (option.apply == nullptr) {
      absl::StrAppendFormat(&text, "\n\n%s", option.help);
      continue;
    }
    const std::string names =
        absl::StrFormat("%s%s%s %s", option.short_name, option.short_name.empty() ? "" : ",",
                        option.long_name, option.help_argument);
    absl::StrAppendFormat(&text, "\n  %-32s %s", names, option.help);
  }
  return text;
}

}  // namespace query
