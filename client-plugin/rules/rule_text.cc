#include "client-plugin/rules/rule_text.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

#include "client-plugin/rules/uring_operation.h"

namespace client_plugin {

namespace {

std::string Text(const char* text) { return text == nullptr ? "" : text; }

std::string Symbol(const RuleField& field) {
  const char* const symbol = audit_operator_to_symbol(static_cast<int>(field.op));
  return symbol == nullptr ? "?" : symbol;
}

// Rules that are shown as -w: one path and permissions, of every syscall.
bool IsWatch(const AuditRule& rule) {
  if (rule.list != AUDIT_FILTER_EXIT || rule.action != AUDIT_ALWAYS) return false;
  size_t path_count = 0;
  size_t permission_count = 0;
  for (const RuleField& field : rule.fields) {
    if (field.field == AUDIT_WATCH || field.field == AUDIT_DIR) {
      ++path_count;
    } else if (field.field == AUDIT_PERM) {
      ++permission_count;
    } else if (field.field != AUDIT_FILTERKEY || field.op != AUDIT_EQUAL) {
      return false;
    }
  }
  return path_count == 1 && permission_count == 1 && rule.has_all_syscalls();
}

std::string Permissions(uint32_t value) {
  std::string text;
  if (value & AUDIT_PERM_READ) text += 'r';
  if (value & AUDIT_PERM_WRITE) text += 'w';
  if (value & AUDIT_PERM_EXEC) text += 'x';
  if (value & AUDIT_PERM_ATTR) text += 'a';
  return text;
}

// A word of a file of rules: see rule_words.h.
std::string Word(std::string_view text) {
  std::string word;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool is_read_as_escape =
        text[i] == '\\' && (i + 1 == text.size() || text[i + 1] == '\\' || text[i + 1] == ' ');
    if (text[i] == ' ' || is_read_as_escape) word += '\\';
    word += text[i];
  }
  return word;
}

std::string ExitText(uint32_t value) {
  constexpr int32_t kErrnoMax = 4095;  // MAX_ERRNO of the kernel.
  const auto number = static_cast<int32_t>(value);
  const bool is_error = number < 0 && number >= -kErrnoMax;
  const std::string name = is_error ? Text(audit_errno_to_name(-number)) : "";
  return name.empty() ? absl::StrCat(number) : absl::StrCat("-", name);
}

// A value that libaudit has a name for, else its number.
std::string NameOrNumber(const char* name, uint32_t value) {
  return name == nullptr ? absl::StrCat(value) : name;
}

std::string ValueText(const RuleField& field) {
  const auto number = static_cast<int>(field.value);
  switch (field.field) {
    case AUDIT_MSGTYPE:
      return NameOrNumber(audit_msg_type_to_name(number), field.value);
    case AUDIT_FSTYPE:
      return NameOrNumber(audit_fstype_to_name(number), field.value);
    case AUDIT_FILETYPE:
      return NameOrNumber(audit_ftype_to_name(number), field.value);
    case AUDIT_EXIT:
      return ExitText(field.value);
    case AUDIT_PERM:
      return Permissions(field.value);
    case AUDIT_ARG0:
    case AUDIT_ARG1:
    case AUDIT_ARG2:
    case AUDIT_ARG3:
      return absl::StrFormat("0x%X", field.value);
    // Where "unset" is usual, and is -1.
    case AUDIT_UID:
    case AUDIT_EUID:
    case AUDIT_SUID:
    case AUDIT_FSUID:
    case AUDIT_LOGINUID:
    case AUDIT_OBJ_UID:
    case AUDIT_SESSIONID:
      return absl::StrCat(number);
    default:
      break;
  }
  return FieldHasText(field.field) ? Word(field.text) : absl::StrCat(field.value);
}

// Two names with a question mark for the operator; libaudit reads these pairs, and does not write
// them.
constexpr std::string_view kComparisons[] = {
    "",
    "uid?obj_uid",  // AUDIT_COMPARE_UID_TO_OBJ_UID is 1.
    "gid?obj_gid",
    "euid?obj_uid",
    "egid?obj_gid",
    "auid?obj_uid",
    "suid?obj_uid",
    "sgid?obj_gid",
    "fsuid?obj_uid",
    "fsgid?obj_gid",
    "uid?auid",
    "uid?euid",
    "uid?fsuid",
    "uid?suid",
    "auid?fsuid",
    "auid?suid",
    "auid?euid",
    "euid?suid",
    "euid?fsuid",
    "suid?fsuid",
    "gid?egid",
    "gid?fsgid",
    "gid?sgid",
    "egid?fsgid",
    "egid?sgid",
    "sgid?fsgid",
};
static_assert(std::size(kComparisons) == AUDIT_MAX_FIELD_COMPARE + 1);

std::string ComparisonText(const RuleField& field) {
  if (field.value == 0 || field.value >= std::size(kComparisons)) {
    return absl::StrCat(" -F field_compare", Symbol(field), field.value);
  }
  std::string names(kComparisons[field.value]);
  return " -C " + names.replace(names.find('?'), 1, Symbol(field));
}

std::string KeysText(const RuleField& field, const std::string& option) {
  std::string text;
  const std::vector<std::string> keys =
      absl::StrSplit(field.text, static_cast<char>(AUDIT_KEY_SEPARATOR), absl::SkipEmpty());
  for (const std::string& key : keys) {
    absl::StrAppend(&text, option, Word(key));
  }
  return text;
}

std::string FieldText(const RuleField& field) {
  if (field.field == AUDIT_FIELD_COMPARE) return ComparisonText(field);
  if (field.field == AUDIT_FILTERKEY) {
    return KeysText(field, absl::StrCat(" -F key", Symbol(field)));
  }
  const char* const name = audit_field_to_name(static_cast<int>(field.field));
  if (name == nullptr) return absl::StrCat(" f", field.field, Symbol(field), field.value);
  return absl::StrCat(" -F ", name, Symbol(field), ValueText(field));
}

std::string WatchText(const AuditRule& rule) {
  std::string path;
  std::string permissions;
  std::string keys;
  for (const RuleField& field : rule.fields) {
    if (field.field == AUDIT_PERM) {
      permissions = absl::StrCat(" -p ", Permissions(field.value));
    } else if (field.field == AUDIT_FILTERKEY) {
      keys += KeysText(field, " -k ");
    } else {
      path = absl::StrCat("-w ", Word(field.text));
    }
  }
  return path + permissions + keys;
}

std::string ArchitectureText(const RuleField& field) {
  const std::string begin = absl::StrCat(" -F arch", Symbol(field));
  for (const char* const name : {"b64", "b32"}) {
    const int machine = audit_determine_machine(name);
    if (machine >= 0 && audit_machine_to_elf(machine) == field.value) return begin + name;
  }
  const int machine = audit_elf_to_machine(field.value);
  const std::string name = machine < 0 ? "" : Text(audit_machine_to_name(machine));
  return name.empty() ? begin + absl::StrFormat("0x%X", field.value) : begin + name;
}

// The name of a syscall, or of what the list has in place of them; empty if it has none.
std::string SyscallName(uint32_t list, size_t number, int machine) {
  if (list == AUDIT_FILTER_URING_EXIT) {
    return std::string(UringOperationName(static_cast<uint32_t>(number)));
  }
  return machine < 0 ? "" : Text(audit_syscall_to_name(static_cast<int>(number), machine));
}

std::string SyscallsText(const AuditRule& rule, int machine) {
  if (rule.has_all_syscalls()) return " -S all";
  std::string text;
  for (size_t number = 0; number < rule.syscalls.size() * 32; ++number) {
    if ((rule.syscalls[number / 32] >> (number % 32) & 1) == 0) continue;
    const std::string name = SyscallName(rule.list, number, machine);
    absl::StrAppend(&text, text.empty() ? " -S " : ",", name.empty() ? absl::StrCat(number) : name);
  }
  // A rule of no syscall never matches; without -S it would be one of all.
  return text.empty() ? " -S ," : text;
}

// libaudit 3.0 knows all but one.
std::string ListName(uint32_t list) {
  if (list == AUDIT_FILTER_URING_EXIT) return "io_uring";
  return Text(audit_flag_to_name(static_cast<int>(list)));
}

bool TakesSyscalls(uint32_t list) {
  return list != AUDIT_FILTER_USER && list != AUDIT_FILTER_TASK && list != AUDIT_FILTER_EXCLUDE &&
         list != AUDIT_FILTER_FS;
}

}  // namespace

std::string RuleText(const AuditRule& rule) {
  if (IsWatch(rule)) return WatchText(rule);
  std::string text = absl::StrCat("-a ", Text(audit_action_to_name(static_cast<int>(rule.action))),
                                  ",", ListName(rule.list));
  int machine = audit_detect_machine();
  for (const RuleField& field : rule.fields) {
    if (field.field != AUDIT_ARCH) continue;
    text += ArchitectureText(field);
    machine = audit_elf_to_machine(field.value);
  }
  if (TakesSyscalls(rule.list)) text += SyscallsText(rule, machine);
  for (const RuleField& field : rule.fields) {
    if (field.field != AUDIT_ARCH) text += FieldText(field);
  }
  return text;
}

}  // namespace client_plugin
