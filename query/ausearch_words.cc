#include "query/ausearch_words.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstring>
#include <initializer_list>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_format.h"

#include "audit/machine.h"
#include "audit/record_type.h"

namespace query {

namespace {

bool IsDigit(char character) { return '0' <= character && character <= '9'; }

bool BeginsWithDigit(std::string_view word) { return !word.empty() && IsDigit(word[0]); }

bool IsNegative(std::string_view word) {
  return word.size() >= 2 && word[0] == '-' && IsDigit(word[1]);
}

// Reads the whole word as a number. Gives 0 or an errno.
template <typename Number>
int ParseNumber(std::string_view word, Number* number, int base = 10) {
  const auto [end, errc] = std::from_chars(word.data(), word.data() + word.size(), *number, base);
  if (errc == std::errc::result_out_of_range) return ERANGE;
  if (errc != std::errc{} || end != word.data() + word.size()) return EINVAL;
  return 0;
}

// As in C: 0x1f and 017 are numbers, too.
std::optional<int64_t> ParseAnyBase(std::string_view word) {
  const bool is_negative = word.starts_with('-');
  if (is_negative) word.remove_prefix(1);
  int base = 10;
  if (word.starts_with("0x") || word.starts_with("0X")) {
    base = 16;
    word.remove_prefix(2);
  } else if (word.size() > 1 && word.starts_with('0')) {
    base = 8;
  }
  int64_t number = 0;
  if (ParseNumber(word, &number, base) != 0) return std::nullopt;
  return is_negative ? -number : number;
}

// -1 means 4294967295, as records write it.
std::optional<uint32_t> ParseWrapped(std::string_view word) {
  const std::optional<int64_t> number = ParseAnyBase(word);
  if (!number || *number < INT32_MIN || *number > UINT32_MAX) return std::nullopt;
  return static_cast<uint32_t>(*number);
}

// The types whose names ausearch lists: those below are requests to the kernel, not records.
constexpr uint32_t kFirstListedType = 1005;  // USER.
constexpr uint32_t kLastListedType = 2599;   // The end of the VIRT types.

// Requests again, in between.
bool IsUnlisted(uint32_t type) { return type >= 1007 && type < 1100; }

absl::Status AddType(std::string_view word, AusearchOptions* options) {
  if (BeginsWithDigit(word)) {
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

absl::Status ApplyProcess(const OptionWords& words, std::string_view what, Attribute attribute,
                          AusearchOptions* options) {
  const std::string_view word = words.words[0];
  int32_t number = 0;
  if (!BeginsWithDigit(word) || ParseNumber(word, &number) != 0) {
    return Refuse(absl::StrFormat("%s id must be a numeric value, was %s", what, word));
  }
  options->attributes[attribute] = std::to_string(number);
  return absl::OkStatus();
}

// How ausearch speaks of an account.
struct AccountWords {
  std::string_view kind;     // In "Numeric user ID conversion error".
  std::string_view unknown;  // In front of "is non-numeric and unknown".
  bool is_group = false;
};

absl::Status ApplyAccount(const OptionWords& words, const AccountWords& speech,
                          std::initializer_list<Attribute> attributes, AusearchOptions* options) {
  const std::string word(words.words[0]);
  const auto set_number = [&](uint32_t number) {
    for (const Attribute attribute : attributes) {
      options->names.erase(attribute);
      options->attributes[attribute] = std::to_string(number);
    }
  };
  if (IsNegative(word)) {
    const std::optional<uint32_t> number = ParseWrapped(word);
    if (!number) return Refuse(absl::StrFormat("Error converting %s", word));
    set_number(*number);
    return absl::OkStatus();
  }
  if (BeginsWithDigit(word)) {
    uint32_t number = 0;
    if (const int error = ParseNumber(word, &number)) {
      return Refuse(absl::StrFormat("Numeric %s ID conversion error (%s) for %s", speech.kind,
                                    std::strerror(error), word));
    }
    set_number(number);
    return absl::OkStatus();
  }
  std::optional<uint32_t> number;
  if (words.local_names) {
    const auto& lookup = speech.is_group ? words.context.group_number : words.context.user_number;
    number = lookup ? lookup(word) : std::nullopt;
    if (!number) {
      return Refuse(absl::StrFormat("%s ID is non-numeric and unknown (%s)", speech.unknown, word));
    }
  }
  for (const Attribute attribute : attributes) {
    options->attributes.erase(attribute);
    options->names[attribute] = {.attribute = attribute, .name = word, .number = number};
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Refuse(std::string message) { return absl::InvalidArgumentError(std::move(message)); }

// ausearch leaves a blank behind each name.
std::string ValidTypes() {
  std::string text = "Valid message types are: ALL ";
  for (uint32_t type = kFirstListedType; type <= kLastListedType; ++type) {
    const std::string name = audit::RecordTypeName(type);
    if (IsUnlisted(type) || name.starts_with("UNKNOWN[")) continue;
    text += name + " ";
  }
  return text;
}

absl::Status ApplySerial(const OptionWords& words, AusearchOptions* options) {
  const std::string_view word = words.words[0];
  if (!BeginsWithDigit(word)) {
    return Refuse(absl::StrFormat("Audit event id must be a numeric value, was %s", word));
  }
  uint32_t serial = 0;
  if (ParseNumber(word, &serial) != 0) return Refuse("Illegal value for audit event ID");
  options->serial = serial;
  return absl::OkStatus();
}

// ALL is known alone only. It takes nothing back of another --message.
absl::Status ApplyTypes(const OptionWords& words, AusearchOptions* options) {
  std::string_view list = words.words[0];
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

absl::Status ApplyStart(const OptionWords& words, AusearchOptions* options) {
  if (words.words.size() == 1 && words.words[0] == "checkpoint") {
    options->only_checkpoint_time = true;
    return absl::OkStatus();
  }
  const absl::StatusOr<int64_t> start =
      ParseAusearchTime(TimeEdge::kStart, words.words, words.context.time);
  if (!start.ok()) return start.status();
  options->time.from_ms = static_cast<uint64_t>(*start) * 1000;
  return absl::OkStatus();
}

absl::Status ApplyEnd(const OptionWords& words, AusearchOptions* options) {
  const absl::StatusOr<int64_t> end =
      ParseAusearchTime(TimeEdge::kEnd, words.words, words.context.time);
  if (!end.ok()) return end.status();
  options->time.to_ms = static_cast<uint64_t>(*end) * 1000 + 999;
  return absl::OkStatus();
}

absl::Status ApplyFile(const OptionWords& words, AusearchOptions* options) {
  const std::string_view word = words.words[0];
  if (word.size() >= PATH_MAX) return Refuse(absl::StrFormat("File name is too long %s", word));
  options->attributes[Attribute::kFile] = std::string(word);
  return absl::OkStatus();
}

absl::Status ApplyPid(const OptionWords& words, AusearchOptions* options) {
  return ApplyProcess(words, "Process", Attribute::kPid, options);
}

absl::Status ApplyPpid(const OptionWords& words, AusearchOptions* options) {
  return ApplyProcess(words, "Parent process", Attribute::kPpid, options);
}

absl::Status ApplyUid(const OptionWords& words, AusearchOptions* options) {
  return ApplyAccount(words, {"user", "Effective user"}, {Attribute::kUid}, options);
}

absl::Status ApplyEuid(const OptionWords& words, AusearchOptions* options) {
  return ApplyAccount(words, {"user", "User"}, {Attribute::kEuid}, options);
}

absl::Status ApplyAuid(const OptionWords& words, AusearchOptions* options) {
  return ApplyAccount(words, {"user", "Login user"}, {Attribute::kAuid}, options);
}

absl::Status ApplyAnyUser(const OptionWords& words, AusearchOptions* options) {
  options->any_user = true;
  return ApplyAccount(words, {"user", "User"},
                      {Attribute::kUid, Attribute::kEuid, Attribute::kAuid}, options);
}

absl::Status ApplyGid(const OptionWords& words, AusearchOptions* options) {
  return ApplyAccount(words, {"group", "Group", true}, {Attribute::kGid}, options);
}

absl::Status ApplyEgid(const OptionWords& words, AusearchOptions* options) {
  return ApplyAccount(words, {"group", "Effective group", true}, {Attribute::kEgid}, options);
}

absl::Status ApplyAnyGroup(const OptionWords& words, AusearchOptions* options) {
  options->any_group = true;
  return ApplyAccount(words, {"group", "Group", true}, {Attribute::kGid, Attribute::kEgid},
                      options);
}

absl::Status ApplySession(const OptionWords& words, AusearchOptions* options) {
  const std::string_view word = words.words[0];
  uint32_t session = 0;
  if (IsNegative(word)) {
    const std::optional<uint32_t> number = ParseWrapped(word);
    if (!number) return Refuse(absl::StrFormat("Error converting %s", word));
    session = *number;
  } else if (!BeginsWithDigit(word) || ParseNumber(word, &session) != 0) {
    return Refuse(absl::StrFormat("Session id must be a numeric value, was %s", word));
  }
  options->attributes[Attribute::kSession] = std::to_string(session);
  return absl::OkStatus();
}

absl::Status ApplyExit(const OptionWords& words, AusearchOptions* options) {
  const std::string_view word = words.words[0];
  std::optional<int64_t> code;
  if (BeginsWithDigit(word) || IsNegative(word)) {
    code = ParseAnyBase(word);
    if (!code) return Refuse(absl::StrFormat("Error converting %s", word));
  } else {
    code = audit::ErrorByName(std::string(word));
    if (!code) return Refuse(absl::StrFormat("Unknown errno, was %s", word));
  }
  options->attributes[Attribute::kExit] = std::to_string(*code);
  return absl::OkStatus();
}

// Of words that have a yes or no in them, those that are not yes are no.
absl::Status ApplySuccess(const OptionWords& words, AusearchOptions* options) {
  const std::string_view word = words.words[0];
  if (word.find("yes") == std::string_view::npos && word.find("no") == std::string_view::npos) {
    return Refuse("Success must be 'yes' or 'no'.");
  }
  options->success = word == "yes";
  return absl::OkStatus();
}

absl::Status ApplyArch(const OptionWords& words, AusearchOptions* options) {
  if (options->syscall.machine) {
    return Refuse(options->syscall.number ? "Arch needs to be defined before the syscall"
                                          : "Arch is already defined");
  }
  const std::string word(words.words[0]);
  options->syscall.machine = audit::MachineByName(word);
  if (!options->syscall.machine) return Refuse(absl::StrFormat("Unknown arch %s", word));
  return absl::OkStatus();
}

// A name has a number on one kind of machine only: this one, unless --arch says otherwise.
absl::Status ApplySyscall(const OptionWords& words, AusearchOptions* options) {
  const std::string word(words.words[0]);
  if (BeginsWithDigit(word)) {
    uint32_t number = 0;
    if (const int error = ParseNumber(std::string_view(word), &number)) {
      return Refuse(absl::StrFormat("Syscall numeric conversion error (%s) for %s",
                                    std::strerror(error), word));
    }
    options->syscall.number = number;
    return absl::OkStatus();
  }
  if (!options->syscall.machine) options->syscall.machine = audit::ThisMachine();
  if (!options->syscall.machine) return Refuse("Error detecting machine type");
  options->syscall.number = audit::SyscallByName(word, *options->syscall.machine);
  if (!options->syscall.number) return Refuse(absl::StrFormat("Syscall %s not found", word));
  return absl::OkStatus();
}

absl::Status ApplyContext(const OptionWords& words, AusearchOptions* options) {
  options->any_context = true;
  options->attributes[Attribute::kSubject] = std::string(words.words[0]);
  options->attributes[Attribute::kObject] = std::string(words.words[0]);
  return absl::OkStatus();
}

absl::Status ApplyTimeout(const OptionWords& words, AusearchOptions* options) {
  const std::string_view word = words.words[0];
  if (!BeginsWithDigit(word)) {
    return Refuse(absl::StrFormat("End of Event Timeout must be a numeric value, was %s", word));
  }
  uint32_t seconds = 0;
  if (ParseNumber(word, &seconds) != 0 || seconds == 0) {
    return Refuse(absl::StrFormat("Illegal value for End of Event Timeout, was %s", word));
  }
  options->end_of_event_timeout = std::chrono::seconds(seconds);
  return absl::OkStatus();
}

absl::Status ApplyLimit(const OptionWords& words, AusearchOptions* options) {
  uint64_t limit = 0;
  if (ParseNumber(words.words[0], &limit) != 0) {
    return Refuse(absl::StrFormat("%s is a number of events, was %s", words.name, words.words[0]));
  }
  options->limit = limit;
  return absl::OkStatus();
}

absl::Status ApplyInput(const OptionWords& words, AusearchOptions* options) {
  constexpr size_t kSuffixBytes = 32;  // That ausearch leaves for the names of rotated logs.
  const std::string_view word = words.words[0];
  if (word.size() >= PATH_MAX - kSuffixBytes) {
    return Refuse(absl::StrFormat("File name is too longs %s", word));
  }
  options->input = std::string(word);
  return absl::OkStatus();
}

absl::Status ApplyRaw(const OptionWords&, AusearchOptions* options) {
  if (options->format != EventFormat::kDefault) return Refuse("Conflicting output format --raw");
  options->format = EventFormat::kRaw;
  return absl::OkStatus();
}

absl::Status ApplyInterpret(const OptionWords& words, AusearchOptions* options) {
  if (options->format != EventFormat::kDefault) {
    return Refuse(absl::StrFormat("Conflicting output format %s", words.name));
  }
  options->format = EventFormat::kInterpret;
  return absl::OkStatus();
}

absl::Status ApplyFormat(const OptionWords& words, AusearchOptions* options) {
  const std::string_view word = words.words[0];
  const std::pair<std::string_view, EventFormat> formats[] = {
      {"raw", EventFormat::kRaw},   {"default", EventFormat::kDefault}, {"csv", EventFormat::kCsv},
      {"text", EventFormat::kText}, {"json", EventFormat::kJson},
  };
  for (const auto& [name, format] : formats) {
    if (word != name) continue;
    options->format = format;
    return absl::OkStatus();
  }
  if (!word.starts_with("interp")) return Refuse(absl::StrFormat("Unknown option (%s)", word));
  options->format = EventFormat::kInterpret;
  return absl::OkStatus();
}

absl::Status ApplyEscape(const OptionWords& words, AusearchOptions* options) {
  const std::string_view word = words.words[0];
  const std::pair<std::string_view, EscapeMode> modes[] = {
      {"raw", EscapeMode::kRaw},
      {"tty", EscapeMode::kTty},
      {"shell", EscapeMode::kShell},
      {"shell_quote", EscapeMode::kShellQuote},
  };
  for (const auto& [name, mode] : modes) {
    if (word != name) continue;
    options->escape = mode;
    return absl::OkStatus();
  }
  return Refuse(absl::StrFormat("Unknown option (%s)", word));
}

}  // namespace query
