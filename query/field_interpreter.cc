#include "query/field_interpreter.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <system_error>

#include "absl/strings/ascii.h"

#include "audit/record_type.h"
#include "query/append.h"
#include "query/encoded_value.h"

namespace query {

namespace {

// Answers remembered of each kind, ten MB at most. Real logs have some hundreds, and the arguments
// of syscalls, which seldom come again. When it is full all are forgotten.
constexpr size_t kAnswersMax = 1 << 14;

// What the answer depends on is mostly shorter: four arguments of a syscall and its number. A list
// of 8,000 hex digits is not remembered.
constexpr size_t kQuestionBytesMax = 256;

// socketcall(2) and ipc(2) have some twenty syscalls behind them.
constexpr size_t kSubcallDigitsMax = 2;

// Twice the longest name that has a meaning.
constexpr size_t kNameBytesMax = 32;

// Any stamp that the library takes for one.
constexpr std::string_view kStamp = " msg=audit(1000000000.000:1):";

// The library takes one each of these from the end of a value. It finds them here.
constexpr std::string_view kPunctuation = ")',:";

// The type of records whose fields have the class that their values suggest.
constexpr int kTrustedApp = 1122;

// The library reads no longer ones in UNKNOWN[n].
constexpr uint32_t kTypeNumberMax = 9'999'999;

// Separates keys that an audit rule has several of.
constexpr char kKeySeparator = '\x01';

bool IsDigit(char character) { return absl::ascii_isdigit(static_cast<unsigned char>(character)); }

bool IsHexDigit(char character) {
  return absl::ascii_isxdigit(static_cast<unsigned char>(character));
}

// Whether the library would see the name as it is.
bool IsPlainName(std::string_view name) {
  return !name.empty() && name.size() <= kNameBytesMax &&
         std::ranges::all_of(name, [](char character) {
           return absl::ascii_isgraph(static_cast<unsigned char>(character)) &&
                  std::string_view("=('").find(character) == std::string_view::npos;
         });
}

// Whether the library would see the value as it is: it takes lines of words.
bool IsWord(std::string_view value) {
  return !value.empty() &&
         value.find_first_of(std::string_view(" \n\0\x1d", 4)) == std::string_view::npos;
}

// A value like this one in all that the library looks at to find the class of a field.
std::string_view ExampleLike(std::string_view value) {
  if (value.starts_with('"')) return "\"x\"";
  if (std::ranges::all_of(value, IsDigit)) return "12";
  if (std::ranges::all_of(value, IsHexDigit)) return "ab";
  return "x";
}

bool IsArgument(int field_type) {
  return field_type >= AUPARSE_TYPE_A0 && field_type <= AUPARSE_TYPE_A3;
}

// The library reads a socket address of some families (AX.25, IPX, ATM, X.25) to its full length,
// however short it is. With zeros behind its digits there is something to read.
void AppendAddress(std::string_view value, std::string* line) {
  constexpr size_t kLongestDigits = 256;
  constexpr std::string_view kUnchecked[] = {"03", "04", "08", "09"};
  if (std::ranges::find(kUnchecked, value.substr(0, 2)) == std::end(kUnchecked)) {
    line->append(value);
    return;
  }
  const size_t digits =
      static_cast<size_t>(std::ranges::find_if_not(value, IsHexDigit) - value.begin());
  line->append(value.substr(0, digits));
  line->append(std::max(digits + digits % 2, kLongestDigits) - digits, '0');
}

// Appends a field, or one in its place if the record has none.
void AppendField(std::string_view assignment, std::string_view value, std::string* line) {
  if (IsWord(value)) {
    AppendAll(line, " ", assignment, value, kPunctuation);
  } else {
    line->append(" x=0");
  }
}

template <typename Map>
void MakeRoom(Map* map) {
  if (map->size() >= kAnswersMax) map->clear();
}

}  // namespace

FieldInterpreter::FieldInterpreter(EscapeMode mode, bool local_names)
    : mode_(mode), local_names_(local_names), library_(mode) {}

int FieldInterpreter::TypeNumber(std::string_view record_type_name) {
  const std::optional<uint32_t> number = audit::RecordTypeNumber(record_type_name);
  return number.has_value() && *number <= kTypeNumberMax ? static_cast<int>(*number) : -1;
}

int FieldInterpreter::FindFieldType(int record_type, std::string_view name,
                                    std::string_view value) {
  if (!IsPlainName(name)) return AUPARSE_TYPE_UNCLASSIFIED;
  const bool depends_on_value = name == "acct" || record_type == kTrustedApp;
  // A key that is not quoted the library takes apart.
  const std::string_view example = depends_on_value && name != "key" ? ExampleLike(value) : "\"x\"";
  key_.clear();
  AppendAll(&key_, std::to_string(record_type), " ", name, depends_on_value ? example : "");
  if (const auto found = field_types_.find(key_); found != field_types_.end()) {
    return found->second;
  }
  MakeRoom(&field_types_);
  int type = AUPARSE_TYPE_UNCLASSIFIED;
  library_.Load(Concatenate("type=", std::to_string(std::max(record_type, 0)), kStamp, " ", name,
                            "=", example, kPunctuation, "\n"));
  auparse_state_t* const state = library_.state();
  if (auparse_next_event(state) > 0 && auparse_goto_field_num(state, 1) == 1) {
    type = auparse_get_field_type(state);
  }
  field_types_.emplace(key_, type);
  return type;
}

void FieldInterpreter::Append(const RecordContext& context, int field_type, std::string_view name,
                              std::string_view value, std::string* text) {
  if (AppendFromTail(context, field_type, name, text)) return;
  if (AppendOwn(field_type, value, text)) return;
  if (!IsWord(value) || !IsPlainName(name)) return AppendWritten(value, text);
  if (IsArgument(field_type)) {
    const size_t index = static_cast<size_t>(field_type - AUPARSE_TYPE_A0);
    RecordContext own = context;
    own.arguments[index] = value;  // A record may have it twice.
    text->append(FindArguments(own)[index]);
    return;
  }
  AppendAnswer(context, field_type, name, value, text);
}

// The arguments of a syscall are asked for together: they depend on one another, so that they
// seldom come again.
const FieldInterpreter::Arguments& FieldInterpreter::FindArguments(const RecordContext& context) {
  key_.clear();
  AppendAll(&key_, context.arch, " ", context.syscall);
  for (const std::string_view argument : context.arguments) AppendAll(&key_, " ", argument);
  if (key_.size() > kQuestionBytesMax) return forgotten_arguments_ = AskForArguments(context);
  const auto found = arguments_.find(key_);
  if (found != arguments_.end()) return found->second;
  MakeRoom(&arguments_);
  return arguments_.emplace(key_, AskForArguments(context)).first->second;
}

void FieldInterpreter::AppendAnswer(const RecordContext& context, int field_type,
                                    std::string_view name, std::string_view value,
                                    std::string* text) {
  RecordContext relevant = context;
  key_.clear();
  AppendAll(&key_, std::to_string(field_type), " ", value);
  if (field_type == AUPARSE_TYPE_SYSCALL) {
    // Of some, the first argument is a part of the name.
    if (context.arguments[0].size() > kSubcallDigitsMax) relevant.arguments[0] = "ffff";
    AppendAll(&key_, " ", context.arch, " ", context.syscall, " ", relevant.arguments[0]);
  }
  if (key_.size() > kQuestionBytesMax) {
    text->append(AskLibrary(relevant, name, value));
    return;
  }
  auto found = meanings_.find(key_);
  if (found == meanings_.end()) {
    MakeRoom(&meanings_);
    found = meanings_.emplace(key_, AskLibrary(relevant, name, value)).first;
  }
  text->append(found->second);
}

void FieldInterpreter::AppendDecoded(std::string_view decoded, std::string* text) const {
  AppendEscaped(decoded, mode_, text);
}

void FieldInterpreter::AppendWritten(std::string_view written, std::string* text) const {
  AppendWithoutControls(written, mode_, text);
}

bool FieldInterpreter::AppendFromTail(const RecordContext& context, int field_type,
                                      std::string_view name, std::string* text) {
  if (context.tail == nullptr) return false;
  const std::optional<std::string_view> value = context.tail->Find(name);
  if (!value.has_value()) return false;
  const bool is_id = field_type == AUPARSE_TYPE_UID || field_type == AUPARSE_TYPE_GID;
  // Not escaped further by the real tool: auditd writes names of its host, not of an attacker.
  AppendWritten(is_id ? DecodeValue(*value) : *value, text);
  return true;
}

// What needs no table. The value may hold any byte.
bool FieldInterpreter::AppendOwn(int field_type, std::string_view value, std::string* text) {
  switch (field_type) {
    case AUPARSE_TYPE_UNCLASSIFIED:
    case AUPARSE_TYPE_MAC_LABEL:
    case AUPARSE_TYPE_ADDR:
      AppendDecoded(value, text);
      return true;
    case AUPARSE_TYPE_ESCAPED:
    case AUPARSE_TYPE_ESCAPED_FILE:
      AppendDecoded(DecodeValue(value), text);
      return true;
    case AUPARSE_TYPE_PROCTITLE:
      AppendDecoded(DecodeProctitle(value), text);
      return true;
    case AUPARSE_TYPE_ESCAPED_KEY:
      AppendKeys(DecodeValue(value), text);
      return true;
    case AUPARSE_TYPE_UID:
    case AUPARSE_TYPE_GID:
      if (local_names_) return false;
      AppendId(value, 10, text);
      return true;
    default:
      return false;
  }
}

void FieldInterpreter::AppendKeys(std::string_view value, std::string* text) const {
  for (size_t end = value.find(kKeySeparator); end != std::string_view::npos;
       end = value.find(kKeySeparator)) {
    AppendDecoded(value.substr(0, end), text);
    text->push_back(kKeySeparator);
    value.remove_prefix(end + 1);
  }
  AppendDecoded(value, text);
}

// Without the names of this machine: a record of another host is about other users.
void FieldInterpreter::AppendId(std::string_view value, int base, std::string* text) const {
  constexpr uint32_t kUnset = std::numeric_limits<uint32_t>::max();
  uint32_t id = kUnset;
  if (value != "-1") {
    const char* const value_end = value.data() + value.size();
    const auto [end, errc] = std::from_chars(value.data(), value_end, id, base);
    if (errc != std::errc{} || end != value_end) return AppendWritten(value, text);
  }
  if (id == kUnset) {
    text->append("unset");
  } else if (id == 0) {
    text->append("root");
  } else {
    text->append(std::to_string(id));
  }
}

// Writes the beginning of a record to lines_. The library finds what the meaning of others depends
// on by its place in a SYSCALL record.
void FieldInterpreter::BeginQuestion(const RecordContext& context) {
  lines_.clear();
  AppendAll(&lines_, "type=", std::to_string(std::max(context.record_type, 0)), kStamp);
  AppendField("arch=", context.arch, &lines_);
  AppendField("syscall=", context.syscall, &lines_);
  lines_.append(" x=0 x=0");
}

std::string FieldInterpreter::AskLibrary(const RecordContext& context, std::string_view name,
                                         std::string_view value) {
  BeginQuestion(context);
  AppendField("a0=", context.arguments[0], &lines_);
  AppendField("a1=", context.arguments[1], &lines_);
  AppendAll(&lines_, " ", name, "=");
  if (name == "saddr") {
    AppendAddress(value, &lines_);
  } else {
    lines_.append(value);
  }
  AppendAll(&lines_, kPunctuation, "\n");
  library_.Load(lines_);
  auparse_state_t* const state = library_.state();
  if (auparse_next_event(state) > 0 &&
      auparse_goto_field_num(state, auparse_get_num_fields(state) - 1) == 1) {
    const char* const meaning = auparse_interpret_field(state);
    if (meaning != nullptr) return meaning;
  }
  std::string written;
  AppendWritten(value, &written);
  return written;
}

FieldInterpreter::Arguments FieldInterpreter::AskForArguments(const RecordContext& context) {
  constexpr std::string_view kNames[] = {"a0", "a1", "a2", "a3"};
  constexpr unsigned kFirstPlace = 5;
  BeginQuestion(context);
  for (size_t index = 0; index < context.arguments.size(); ++index) {
    AppendField(Concatenate(kNames[index], "="), context.arguments[index], &lines_);
  }
  lines_.push_back('\n');
  library_.Load(lines_);
  auparse_state_t* const state = library_.state();
  Arguments meanings;
  if (auparse_next_event(state) <= 0) return meanings;
  for (unsigned index = 0; index < meanings.size(); ++index) {
    if (auparse_goto_field_num(state, kFirstPlace + index) != 1) continue;
    const char* const meaning = auparse_interpret_field(state);
    if (meaning != nullptr) meanings[index] = meaning;
  }
  if (local_names_) return meanings;
  for (size_t index = 0; index < meanings.size(); ++index) {
    // The number of a user or a group is the only argument that can be unset.
    if (meanings[index].empty() || meanings[index].starts_with("0x")) continue;
    if (AskLibrary(context, kNames[index], "ffffffff") != "unset") continue;
    meanings[index].clear();
    AppendId(context.arguments[index], 16, &meanings[index]);
  }
  return meanings;
}

}  // namespace query
