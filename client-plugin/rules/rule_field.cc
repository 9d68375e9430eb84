#include "client-plugin/rules/rule_field.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <limits>
#include <linux/limits.h>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"

#include "base/user_database.h"
#include "client-plugin/rules/refusal.h"

namespace client_plugin {

namespace {

// How the value of a field is written.
enum class Values : uint8_t {
  kNumber,        // Digits.
  kSignedNumber,  // Digits, with a minus or not.
  kUser,          // A number, "unset" or a name.
  kGroup,         // Digits or a name.
  kSession,       // A number or "unset".
  kExit,          // A number, or a name of errno(3) with a minus or not.
  kMessageType,   // Digits or a name.
  kArchitecture,  // b32, b64, a name or a number.
  kPermissions,   // rwxa.
  kFileType,      // A name.
  kFileSystem,    // Digits or a name.
  kFamily,        // Digits, below AF_MAX.
  kText,
};

enum class Operators : uint8_t {
  kAll,
  kOrder,     // All but those of bits.
  kEquality,  // = and !=.
  kEqual,     // = only.
};

constexpr uint32_t Lists(std::initializer_list<uint32_t> lists) {
  uint32_t bits = 0;
  for (const uint32_t list : lists) bits |= 1U << list;
  return bits;
}
constexpr uint32_t kAnyList = ~0U;
constexpr uint32_t kExitOnly = Lists({AUDIT_FILTER_EXIT});

struct FieldKind {
  uint32_t field;
  Values values;
  Operators operators;
  uint32_t lists;
};

constexpr auto kFieldKinds = std::to_array<FieldKind>({
    {AUDIT_PID, Values::kNumber, Operators::kOrder, kAnyList},
    {AUDIT_UID, Values::kUser, Operators::kOrder, kAnyList},
    {AUDIT_EUID, Values::kUser, Operators::kOrder, kAnyList},
    {AUDIT_SUID, Values::kUser, Operators::kOrder, kAnyList},
    {AUDIT_FSUID, Values::kUser, Operators::kOrder, kAnyList},
    {AUDIT_GID, Values::kGroup, Operators::kOrder, kAnyList},
    {AUDIT_EGID, Values::kGroup, Operators::kOrder, kAnyList},
    {AUDIT_SGID, Values::kGroup, Operators::kOrder, kAnyList},
    {AUDIT_FSGID, Values::kGroup, Operators::kOrder, kAnyList},
    {AUDIT_LOGINUID, Values::kUser, Operators::kOrder, kAnyList},
    {AUDIT_PERS, Values::kNumber, Operators::kAll, kAnyList},
    {AUDIT_ARCH, Values::kArchitecture, Operators::kEquality, kAnyList},
    {AUDIT_MSGTYPE, Values::kMessageType, Operators::kOrder,
     Lists({AUDIT_FILTER_EXCLUDE, AUDIT_FILTER_USER})},
    {AUDIT_SUBJ_USER, Values::kText, Operators::kEquality, kAnyList},
    {AUDIT_SUBJ_ROLE, Values::kText, Operators::kEquality, kAnyList},
    {AUDIT_SUBJ_TYPE, Values::kText, Operators::kEquality, kAnyList},
    {AUDIT_SUBJ_SEN, Values::kText, Operators::kOrder, kAnyList},
    {AUDIT_SUBJ_CLR, Values::kText, Operators::kOrder, kAnyList},
    {AUDIT_PPID, Values::kNumber, Operators::kOrder, kExitOnly},
    {AUDIT_OBJ_USER, Values::kText, Operators::kEquality, kExitOnly},
    {AUDIT_OBJ_ROLE, Values::kText, Operators::kEquality, kExitOnly},
    {AUDIT_OBJ_TYPE, Values::kText, Operators::kEquality, kExitOnly},
    {AUDIT_OBJ_LEV_LOW, Values::kText, Operators::kOrder, kExitOnly},
    {AUDIT_OBJ_LEV_HIGH, Values::kText, Operators::kOrder, kExitOnly},
    {AUDIT_SESSIONID, Values::kSession, Operators::kOrder,
     Lists({AUDIT_FILTER_EXIT, AUDIT_FILTER_USER})},
    {AUDIT_DEVMAJOR, Values::kNumber, Operators::kOrder, kExitOnly},
    {AUDIT_DEVMINOR, Values::kNumber, Operators::kAll, kExitOnly},
    {AUDIT_INODE, Values::kNumber, Operators::kEquality, kExitOnly},
    {AUDIT_EXIT, Values::kExit, Operators::kOrder, kExitOnly},
    {AUDIT_SUCCESS, Values::kNumber, Operators::kOrder, kExitOnly},
    {AUDIT_WATCH, Values::kText, Operators::kEqual, kExitOnly},
    {AUDIT_PERM, Values::kPermissions, Operators::kEqual, kExitOnly},
    {AUDIT_DIR, Values::kText, Operators::kEqual, kExitOnly},
    {AUDIT_FILETYPE, Values::kFileType, Operators::kEquality, kExitOnly},
    {AUDIT_OBJ_UID, Values::kUser, Operators::kOrder, kAnyList},
    {AUDIT_OBJ_GID, Values::kGroup, Operators::kOrder, kAnyList},
    {AUDIT_FIELD_COMPARE, Values::kNumber, Operators::kEquality, kAnyList},
    {AUDIT_EXE, Values::kText, Operators::kEquality, kAnyList},
    {AUDIT_SADDR_FAM, Values::kFamily, Operators::kOrder, kAnyList},
    {AUDIT_FSTYPE, Values::kFileSystem, Operators::kEquality, Lists({AUDIT_FILTER_FS})},
    {AUDIT_ARG0, Values::kSignedNumber, Operators::kAll, kAnyList},
    {AUDIT_ARG1, Values::kSignedNumber, Operators::kAll, kAnyList},
    {AUDIT_ARG2, Values::kSignedNumber, Operators::kAll, kAnyList},
    {AUDIT_ARG3, Values::kSignedNumber, Operators::kAll, kAnyList},
    {AUDIT_FILTERKEY, Values::kText, Operators::kEquality, kAnyList},
});

// All that can be asked of a record which is about to be left out.
constexpr auto kExcludeFields = std::to_array<uint32_t>(
    {AUDIT_PID, AUDIT_UID, AUDIT_GID, AUDIT_LOGINUID, AUDIT_MSGTYPE, AUDIT_SUBJ_USER,
     AUDIT_SUBJ_ROLE, AUDIT_SUBJ_TYPE, AUDIT_SUBJ_SEN, AUDIT_SUBJ_CLR, AUDIT_EXE});

struct OperatorSymbol {
  std::string_view symbol;
  uint32_t op;
};

// In the order in which they are looked for, anywhere in the text.
constexpr auto kOperatorSymbols = std::to_array<OperatorSymbol>({
    {"!=", AUDIT_NOT_EQUAL},
    {">=", AUDIT_GREATER_THAN_OR_EQUAL},
    {"<=", AUDIT_LESS_THAN_OR_EQUAL},
    {"&=", AUDIT_BIT_TEST},
    {"=", AUDIT_EQUAL},
    {">", AUDIT_GREATER_THAN},
    {"<", AUDIT_LESS_THAN},
    {"&", AUDIT_BIT_MASK},
});

bool Allows(Operators operators, uint32_t op) {
  switch (operators) {
    case Operators::kAll:
      return true;
    case Operators::kOrder:
      return op != AUDIT_BIT_MASK && op != AUDIT_BIT_TEST;
    case Operators::kEquality:
      return op == AUDIT_EQUAL || op == AUDIT_NOT_EQUAL;
    case Operators::kEqual:
      break;
  }
  return op == AUDIT_EQUAL;
}

std::string_view OperatorsText(Operators operators) {
  switch (operators) {
    case Operators::kAll:
      return "takes all operators";
    case Operators::kOrder:
      return "does not take the operators & and &=";
    case Operators::kEquality:
      return "takes the operators = and != only";
    case Operators::kEqual:
      break;
  }
  return "takes the operator = only";
}

bool IsDigits(std::string_view text) { return !text.empty() && absl::ascii_isdigit(text[0]); }

bool IsSignedNumber(std::string_view text) {
  return IsDigits(text) || (text.starts_with('-') && IsDigits(text.substr(1)));
}

absl::StatusOr<uint32_t> UserNumber(const std::string& name) {
  const absl::StatusOr<uint32_t> user = base::FindUser(name);
  return user.ok() ? user : RefusalOf(name, "is no user of this host");
}

absl::StatusOr<uint32_t> GroupNumber(const std::string& name) {
  const absl::StatusOr<uint32_t> found = base::FindGroup(name);
  return found.ok() ? found : RefusalOf(name, "is no group of this host");
}

absl::StatusOr<uint32_t> ExitNumber(const std::string& text) {
  if (IsSignedNumber(text)) return ParseRuleNumber(text);
  const int number = audit_name_to_errno(text.c_str());
  if (number == 0) return RefusalOf(text, "is no name of an error");
  return static_cast<uint32_t>(number);
}

absl::StatusOr<uint32_t> MessageTypeNumber(const std::string& text) {
  if (IsDigits(text)) return ParseRuleNumber(text);
  const int number = audit_name_to_msg_type(text.c_str());
  if (number <= 0) return RefusalOf(text, "is no type of records");
  return static_cast<uint32_t>(number);
}

absl::StatusOr<uint32_t> ArchitectureNumber(const std::string& text) {
  if (IsDigits(text)) {
    const absl::StatusOr<uint32_t> number = ParseRuleNumber(text);
    if (number.ok() && audit_elf_to_machine(*number) >= 0) return number;
    return RefusalOf(text, "is no architecture");
  }
  const int machine = audit_determine_machine(text.c_str());
  const uint32_t number = machine < 0 ? 0 : audit_machine_to_elf(machine);
  if (number == 0) return RefusalOf(text, "is no architecture of this machine");
  return number;
}

absl::StatusOr<uint32_t> FileTypeNumber(const std::string& text) {
  const int number = audit_name_to_ftype(text.c_str());
  if (number < 0) return RefusalOf(text, "is no type of files");
  return static_cast<uint32_t>(number);
}

absl::StatusOr<uint32_t> FileSystemNumber(const std::string& text) {
  if (IsDigits(text)) return ParseRuleNumber(text);
  const int number = audit_name_to_fstype(text.c_str());
  if (number == -1) return RefusalOf(text, "is no file system that audit knows");
  return static_cast<uint32_t>(number);
}

absl::StatusOr<uint32_t> FamilyNumber(const std::string& text) {
  if (!IsDigits(text)) return RefusalOf(text, "is no number");
  const absl::StatusOr<uint32_t> number = ParseRuleNumber(text);
  if (number.ok() && *number >= AF_MAX) return RefusalOf(text, "is more than any address family");
  return number;
}

absl::StatusOr<uint32_t> ParseValue(Values values, const std::string& text) {
  switch (values) {
    case Values::kNumber:
      if (IsDigits(text)) return ParseRuleNumber(text);
      break;
    case Values::kUser:
      if (text == "unset") return std::numeric_limits<uint32_t>::max();
      return IsSignedNumber(text) ? ParseRuleNumber(text) : UserNumber(text);
    case Values::kGroup:
      return IsDigits(text) ? ParseRuleNumber(text) : GroupNumber(text);
    case Values::kSession:
      if (text == "unset") return std::numeric_limits<uint32_t>::max();
      [[fallthrough]];
    case Values::kSignedNumber:
      if (IsSignedNumber(text)) return ParseRuleNumber(text);
      break;
    case Values::kExit:
      return ExitNumber(text);
    case Values::kMessageType:
      return MessageTypeNumber(text);
    case Values::kArchitecture:
      return ArchitectureNumber(text);
    case Values::kPermissions:
      return ParsePermissions(text);
    case Values::kFileType:
      return FileTypeNumber(text);
    case Values::kFileSystem:
      return FileSystemNumber(text);
    case Values::kFamily:
      return FamilyNumber(text);
    case Values::kText:
      return 0;
  }
  return RefusalOf(text, "is no number");
}

// Values that the kernel does not take, beyond how they are written.
absl::Status CheckValue(const RuleField& field) {
  const std::string& text = field.text;
  switch (field.field) {
    case AUDIT_UID:
    case AUDIT_EUID:
    case AUDIT_SUID:
    case AUDIT_FSUID:
    case AUDIT_OBJ_UID:
    case AUDIT_GID:
    case AUDIT_EGID:
    case AUDIT_SGID:
    case AUDIT_FSGID:
    case AUDIT_OBJ_GID:
      if (field.value != std::numeric_limits<uint32_t>::max()) break;
      return RefusalOf(audit_field_to_name(static_cast<int>(field.field)), "is never unset");
    case AUDIT_LOGINUID:
      if (field.value != std::numeric_limits<uint32_t>::max()) break;
      if (Allows(Operators::kEquality, field.op)) break;
      return Refusal("\"unset\" is a value for the operators = and != only");
    case AUDIT_FILTERKEY:
      if (text.size() <= AUDIT_MAX_KEY_LEN) break;
      return Refusal(absl::StrFormat("a key has at most %d bytes", AUDIT_MAX_KEY_LEN));
    case AUDIT_WATCH:
    case AUDIT_EXE:
      if (!text.starts_with('/')) return RefusalOf(text, "is no path that begins with /");
      if (text.ends_with('/')) return RefusalOf(text, "is no path of a file: it ends with /");
      break;
    case AUDIT_DIR:
      if (!text.starts_with('/')) return RefusalOf(text, "is no path that begins with /");
      break;
    default:
      break;
  }
  // The longest path of the kernel includes the NUL that ends it, and so do all its texts.
  if (text.size() < PATH_MAX) return absl::OkStatus();
  return Refusal(absl::StrFormat("a text has at most %d bytes", PATH_MAX - 1));
}

absl::Status CheckList(const FieldKind& kind, std::string_view name, uint32_t list) {
  if (list == AUDIT_FILTER_EXCLUDE &&
      std::ranges::find(kExcludeFields, kind.field) == kExcludeFields.end()) {
    return RefusalOf(name, "cannot be used with the exclude list");
  }
  if (list == AUDIT_FILTER_FS && kind.field != AUDIT_FSTYPE && kind.field != AUDIT_FILTERKEY) {
    return RefusalOf(name, "cannot be used with the filesystem list");
  }
  if ((kind.lists >> list & 1) != 0) return absl::OkStatus();
  if (kind.lists == kExitOnly) return RefusalOf(name, "can be used with the exit list only");
  if (kind.field == AUDIT_FSTYPE)
    return RefusalOf(name, "can be used with the filesystem list only");
  return RefusalOf(name, kind.field == AUDIT_MSGTYPE
                             ? "can be used with the exclude and user lists only"
                             : "can be used with the exit and user lists only");
}

// A name, an operator and a value; none if there is no operator.
struct Parts {
  std::string name;
  uint32_t op = 0;
  std::string value;
};

std::optional<Parts> Split(std::string_view text) {
  for (const auto& [symbol, op] : kOperatorSymbols) {
    const size_t at = text.find(symbol);
    if (at == std::string_view::npos) continue;
    return Parts{.name = std::string(text.substr(0, at)),
                 .op = op,
                 .value = std::string(text.substr(at + symbol.size()))};
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<uint32_t> ParseRuleNumber(std::string_view text) {
  const std::string digits(text);
  errno = 0;
  const long long number = std::strtoll(digits.c_str(), nullptr, 0);
  if (errno != 0 || number > std::numeric_limits<uint32_t>::max() ||
      number < std::numeric_limits<int32_t>::min()) {
    return RefusalOf(text, "does not fit into 32 bits");
  }
  return static_cast<uint32_t>(number);
}

absl::StatusOr<uint32_t> ParsePermissions(std::string_view text) {
  if (text.size() > 4) return RefusalOf(text, "is more than four permissions");
  uint32_t permissions = 0;
  for (const char c : text) {
    switch (absl::ascii_tolower(static_cast<unsigned char>(c))) {
      case 'r':
        permissions |= AUDIT_PERM_READ;
        break;
      case 'w':
        permissions |= AUDIT_PERM_WRITE;
        break;
      case 'x':
        permissions |= AUDIT_PERM_EXEC;
        break;
      case 'a':
        permissions |= AUDIT_PERM_ATTR;
        break;
      default:
        return RefusalOf(text, "has permissions other than r, w, x and a");
    }
  }
  return permissions;
}

absl::StatusOr<RuleField> ParseRuleField(std::string_view text, uint32_t list) {
  const std::optional<Parts> parts = Split(text);
  if (!parts) return RefusalOf(text, "has no operator");
  if (parts->name.empty()) return RefusalOf(text, "has no field before its operator");
  if (parts->value.empty()) return RefusalOf(text, "has no value behind its operator");
  const int number = audit_name_to_field(parts->name.c_str());
  const auto kind =
      std::ranges::find(kFieldKinds, static_cast<uint32_t>(number), &FieldKind::field);
  if (number < 0 || kind == kFieldKinds.end()) return RefusalOf(parts->name, "is no field");
  const absl::Status allowed = CheckList(*kind, parts->name, list);
  if (!allowed.ok()) return allowed;
  if (!Allows(kind->operators, parts->op)) {
    return RefusalOf(parts->name, OperatorsText(kind->operators));
  }
  const absl::StatusOr<uint32_t> value = ParseValue(kind->values, parts->value);
  if (!value.ok()) return value.status();
  RuleField field = {.field = kind->field, .op = parts->op, .value = *value, .text = ""};
  if (kind->values == Values::kText) field.text = parts->value;
  const absl::Status checked = CheckValue(field);
  if (!checked.ok()) return checked;
  return field;
}

absl::StatusOr<RuleField> ParseRuleComparison(std::string_view text, uint32_t list) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos) return RefusalOf(text, "has neither = nor !=");
  const size_t unequal = text.find("!=");
  const size_t name_end = unequal == std::string_view::npos ? equals : unequal;
  const std::string left(text.substr(0, name_end));
  const std::string right(text.substr(name_end == unequal ? name_end + 2 : name_end + 1));
  for (const std::string& name : {left, right}) {
    if (name.empty()) return RefusalOf(text, "does not have a field on both sides");
    if (audit_name_to_field(name.c_str()) < 0) return RefusalOf(name, "is no field");
  }
  if (list != AUDIT_FILTER_EXIT) {
    return RefusalOf(text, "can be used with the exit list only, as all comparisons of fields");
  }
  // libaudit knows which two make which comparison. It writes into the text.
  audit_rule_data* rule = audit_rule_create_data();
  std::string pair(text);
  const int refused = audit_rule_interfield_comp_data(&rule, pair.data(), static_cast<int>(list));
  const KernelRule owner(rule);
  if (refused != 0) return RefusalOf(text, "compares fields that cannot be compared");
  return RuleField{
      .field = rule->fields[0], .op = rule->fieldflags[0], .value = rule->values[0], .text = ""};
}

}  // namespace client_plugin
