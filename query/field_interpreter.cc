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

// Twice the longest name that has a meaning.
constexpr size_t kNameBytesMax = 32;

// Any stamp that the library takes for one.
constexpr std::string_view kStamp = " msg=audit(1000000000.000:1):";

// The library takes one each of these from the end of a value. It finds them here.
constexpr std::string_view kPunctuation = ")',:\n";

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
                            "=", example, kPunctuation));
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

  key_.clear();
  AppendAll(&key_, std::to_string(field_type), " ", value);
  if (IsArgument(field_type) || field_type == AUPARSE_TYPE_SYSCALL) {
    AppendAll(&key_, " ", context.arch, " ", context.syscall, " ", context.a0, " ", context.a1);
  }
  if (const auto found = meanings_.find(key_); found != meanings_.end()) {
    text->append(found->second);
    return;
  }
  std::string key = key_;
  std::string meaning = AskLibrary(context, name, value);
  if (!local_names_ && IsArgument(field_type) && IsIdArgument(context, name)) {
    meaning.clear();
    AppendId(value, 16, &meaning);
  }
  text->append(meaning);
  if (key.size() > kQuestionBytesMax) return;
  MakeRoom(&meanings_);
  meanings_.emplace(std::move(key), std::move(meaning));
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

std::string FieldInterpreter::AskLibrary(const RecordContext& context, std::string_view name,
                                         std::string_view value) {
  const auto field = [](std::string_view field_name, std::string_view field_value) {
    return IsWord(field_value) ? Concatenate(field_name, field_value) : std::string("x=0");
  };
  // The library finds these by their places in a SYSCALL record.
  lines_ = Concatenate("type=", std::to_string(std::max(context.record_type, 0)), kStamp, " ",
                       field("arch=", context.arch), " ", field("syscall=", context.syscall));
  AppendAll(&lines_, " x=0 x=0 ", field("a0=", context.a0), " ", field("a1=", context.a1), " ",
            name, "=");
  if (name == "saddr") {
    AppendAddress(value, &lines_);
  } else {
    lines_.append(value);
  }
  lines_.append(kPunctuation);
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

// Whether this argument of this syscall is the number of a user or a group. Nothing else can be
// unset.
bool FieldInterpreter::IsIdArgument(const RecordContext& context, std::string_view name) {
  return AskLibrary(context, name, "ffffffff") == "unset";
}

}  // namespace query
