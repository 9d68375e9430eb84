#include "client-plugin/rules/rule_builder.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <linux/limits.h>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

#include "client-plugin/rules/refusal.h"
#include "client-plugin/rules/rule_field.h"
#include "client-plugin/rules/uring_operation.h"

namespace client_plugin {

namespace {

std::optional<uint32_t> ListOf(std::string_view name) {
  if (name == "exit") return AUDIT_FILTER_EXIT;
  if (name == "task") return AUDIT_FILTER_TASK;
  if (name == "user") return AUDIT_FILTER_USER;
  if (name == "exclude") return AUDIT_FILTER_EXCLUDE;
  if (name == "filesystem") return AUDIT_FILTER_FS;
  if (name == "io_uring") return AUDIT_FILTER_URING_EXIT;
  return std::nullopt;
}

std::optional<uint32_t> ActionOf(std::string_view name) {
  if (name == "always") return AUDIT_ALWAYS;
  if (name == "never") return AUDIT_NEVER;
  return std::nullopt;
}

// A list and an action of one option, in either order.
struct ListAndAction {
  std::optional<uint32_t> list;
  std::optional<uint32_t> action;
};

ListAndAction ReadListAndAction(std::string_view text) {
  const size_t comma = text.find(',');
  if (comma == std::string_view::npos) return {};
  const std::string_view first = text.substr(0, comma);
  const std::string_view second = text.substr(comma + 1);
  if (ActionOf(first)) return {.list = ListOf(second), .action = ActionOf(first)};
  return {.list = ListOf(first), .action = ActionOf(second)};
}

// The machine whose names of syscalls a rule has: of its architecture, else this one.
int MachineOf(const std::optional<uint32_t>& architecture) {
  return architecture ? audit_elf_to_machine(*architecture) : audit_detect_machine();
}

// Negative for none, as libaudit has it for syscalls.
int UringOperation(const std::string& name) {
  const std::optional<uint32_t> number = UringOperationNumber(name);
  return number ? static_cast<int>(*number) : -1;
}

absl::Status CheckWatchPath(std::string_view path, std::vector<std::string>* warnings) {
  if (path.size() >= PATH_MAX) return RefusalOf(path.substr(0, 32), "... is too long a path");
  if (!path.starts_with('/')) return RefusalOf(path, "is no path that begins with /");
  if (path.substr(path.rfind('/') + 1).size() > NAME_MAX) {
    return RefusalOf(path, "ends with too long a name");
  }
  if (path.find("..") != std::string_view::npos) {
    warnings->push_back("a path is watched as it is written, \"..\" is no directory above");
  }
  if (path.find_first_of("*?") != std::string_view::npos) {
    warnings->push_back("a path is watched as it is written, \"*\" and \"?\" stand for themselves");
  }
  return absl::OkStatus();
}

}  // namespace

bool RuleBuilder::Takes(const RuleOption& option) {
  return option.name.size() == 1 &&
         std::string_view("aAdwWSFCpk").find(option.name) != std::string_view::npos;
}

absl::Status RuleBuilder::Take(const RuleOption& option) {
  if (is_deprecated_) return absl::OkStatus();  // Nothing behind it is looked at.
  switch (option.name.front()) {
    case 'a':
    case 'A':
    case 'd':
      return TakeList(option, option.name == "d", option.name == "A");
    case 'w':
    case 'W':
      return TakeWatch(option.argument, option.name == "W");
    case 'S':
      return TakeSyscalls(option.argument);
    case 'F':
      return TakeField(option.argument);
    case 'C': {
      absl::StatusOr<RuleField> field = ParseRuleComparison(option.argument, rule_.list);
      return field.ok() ? AddField(*std::move(field)) : field.status();
    }
    case 'p':
      return TakePermissions(option.argument);
    default:
      break;
  }
  if (!has_list() || !can_have_key()) {
    return Refusal("-k needs a watch, syscalls, permissions or a program before it");
  }
  return TakeKey(option.argument);
}

absl::Status RuleBuilder::TakeList(const RuleOption& option, bool deletes, bool prepends) {
  if (std::exchange(has_list_option_, true) || has_list()) {
    return Refusal("a line adds or deletes one rule only");
  }
  const ListAndAction read = ReadListAndAction(option.argument);
  if (read.list && !read.action && option.argument.ends_with(",possible")) {
    is_deprecated_ = true;
    return absl::OkStatus();
  }
  if (!read.list || !read.action) {
    return RefusalOf(
        option.argument,
        "is no list (exit, task, user, exclude, filesystem, io_uring) and action (always, never)");
  }
  if (*read.list == AUDIT_FILTER_TASK && has_syscalls_ && !deletes) {
    return Refusal("the task list takes no syscalls");
  }
  if (*read.list == AUDIT_FILTER_URING_EXIT && has_syscalls_) {
    return Refusal("the io_uring list must stand before its operations");
  }
  rule_.list = *read.list;
  rule_.action = *read.action;
  adds_ = !deletes;
  prepends_ = prepends;
  deletes_ = deletes;
  return absl::OkStatus();
}

absl::Status RuleBuilder::TakeWatch(std::string path, bool deletes) {
  if (has_list()) return Refusal("a watch is a rule of its own");
  const absl::Status checked = CheckWatchPath(path, &warnings_);
  if (!checked.ok()) return checked;
  if (path.size() > 2) {
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  }
  // The kernel follows what happens in a directory by another field than what happens to a file.
  std::error_code error;
  const bool is_directory = std::filesystem::is_directory(path, error);
  audit_rule_data* rule = audit_rule_create_data();
  const int refused =
      audit_add_watch_dir(is_directory ? AUDIT_DIR : AUDIT_WATCH, &rule, path.c_str());
  const KernelRule owner(rule);
  if (refused != 0) return RefusalOf(path, "cannot be watched");
  absl::StatusOr<AuditRule> watch = FromKernel(*rule, sizeof(*rule) + rule->buflen);
  if (!watch.ok()) return watch.status();
  rule_ = *std::move(watch);
  has_syscalls_ = true;
  adds_ = !deletes;
  deletes_ = deletes;
  return absl::OkStatus();
}

absl::Status RuleBuilder::TakeSyscalls(std::string_view names) {
  switch (rule_.list) {
    case AUDIT_FILTER_TASK:
    case AUDIT_FILTER_USER:
    case AUDIT_FILTER_FS:
    case AUDIT_FILTER_EXCLUDE:
      return RefusalOf(names,
                       "cannot be asked for: only the exit and io_uring lists take syscalls");
    default:
      break;
  }
  const bool is_uring = rule_.list == AUDIT_FILTER_URING_EXIT;
  const int machine = MachineOf(architecture_);
  if (machine < 0) return Refusal("the syscalls of this machine are unknown");
  // Of several names in one option, nothing between two commas is none.
  const std::vector<std::string> split = absl::StrSplit(std::string(names), ',');
  for (const std::string& name : split) {
    if (split.size() > 1 && name.empty()) continue;
    const absl::Status added = AddSyscall(name, machine);
    if (!added.ok()) return added;
  }
  if (!architecture_ && adds_ && !is_uring && rule_.syscalls != AllSyscalls()) {
    warnings_.push_back(
        "a number means another syscall to programs of another architecture: give an arch");
  }
  if (!architecture_) architecture_ = audit_machine_to_elf(machine);
  has_syscalls_ = true;
  return absl::OkStatus();
}

absl::Status RuleBuilder::AddSyscall(const std::string& name, int machine) {
  if (name == "all") {
    rule_.syscalls = AllSyscalls();
    return absl::OkStatus();
  }
  const bool is_uring = rule_.list == AUDIT_FILTER_URING_EXIT;
  int64_t number = is_uring ? UringOperation(name) : audit_name_to_syscall(name.c_str(), machine);
  if (number < 0 && !name.empty() && absl::ascii_isdigit(static_cast<unsigned char>(name[0]))) {
    const absl::StatusOr<uint32_t> parsed = ParseRuleNumber(name);
    if (parsed.ok()) number = *parsed;
  }
  if (number < 0 || number >= int64_t{AUDIT_BITMASK_SIZE} * 32) {
    return RefusalOf(
        name, is_uring ? "is no operation of io_uring" : "is no syscall of this architecture");
  }
  const auto bit = static_cast<size_t>(number);
  rule_.syscalls[bit / 32] |= 1U << (bit % 32);
  return absl::OkStatus();
}

absl::Status RuleBuilder::TakeField(std::string_view text) {
  if (!has_list()) return RefusalOf(text, "needs a list before it");
  constexpr std::string_view kKey = "key=";
  if (text.starts_with(kKey)) return TakeKey(text.substr(kKey.size()));
  absl::StatusOr<RuleField> field = ParseRuleField(text, rule_.list);
  if (!field.ok()) return field.status();
  if (field->field == AUDIT_ARCH) {
    if (has_syscalls_) return RefusalOf(text, "must stand before the syscalls");
    architecture_ = field->value;
  }
  if (field->field == AUDIT_FILTERKEY && !can_have_key()) {
    return RefusalOf(text, "needs a watch, syscalls, permissions or a program before it");
  }
  return AddField(*std::move(field));
}

absl::Status RuleBuilder::AddField(RuleField field) {
  // As libaudit has it: one is kept for the key.
  if (rule_.fields.size() >= AUDIT_MAX_FIELDS - 1) {
    return Refusal(absl::StrFormat("a rule has at most %d fields", AUDIT_MAX_FIELDS - 1));
  }
  rule_.fields.push_back(std::move(field));
  return absl::OkStatus();
}

absl::Status RuleBuilder::TakePermissions(std::string_view text) {
  const absl::StatusOr<uint32_t> permissions = ParsePermissions(text);
  if (!permissions.ok()) return permissions.status();
  if (rule_.fields.empty()) return Refusal("-p needs a watch before it");
  if (rule_.list != AUDIT_FILTER_EXIT) {
    return Refusal("-p can be used with the exit list only");
  }
  bool is_changed = false;
  for (RuleField& field : rule_.fields) {
    if (field.field != AUDIT_PERM) continue;
    field.value = *permissions;
    is_changed = true;
  }
  if (is_changed) return absl::OkStatus();
  return AddField({.field = AUDIT_PERM, .op = AUDIT_EQUAL, .value = *permissions, .text = ""});
}

bool RuleBuilder::can_have_key() const {
  if (has_syscalls_) return true;
  return std::ranges::any_of(rule_.fields, [](const RuleField& field) {
    return field.field == AUDIT_PERM || field.field == AUDIT_WATCH || field.field == AUDIT_DIR ||
           field.field == AUDIT_EXE || field.field == AUDIT_FSTYPE;
  });
}

absl::Status RuleBuilder::TakeKey(std::string_view key) {
  if (!keys_.empty()) keys_ += static_cast<char>(AUDIT_KEY_SEPARATOR);
  keys_ += key;
  if (keys_.size() <= AUDIT_MAX_KEY_LEN) return absl::OkStatus();
  return Refusal(
      absl::StrFormat("the keys of a rule have at most %d bytes together", AUDIT_MAX_KEY_LEN));
}

// Each of these the kernel has room for once.
absl::Status RuleBuilder::CheckRule() const {
  const auto count = [this](auto... fields) {
    return std::ranges::count_if(rule_.fields, [&](const RuleField& field) {
      return ((field.field == static_cast<uint32_t>(fields)) || ...);
    });
  };
  if (count(AUDIT_WATCH, AUDIT_DIR, AUDIT_INODE) > 1) {
    return Refusal("a rule is of one path, one directory or one inode");
  }
  if (count(AUDIT_EXE) > 1) return Refusal("a rule is of one program");
  if (count(AUDIT_FILTERKEY) > 1) {
    return Refusal("a rule has one field for its keys");
  }
  return absl::OkStatus();
}

absl::Status RuleBuilder::Finish(RuleLine* line) {
  if (is_deprecated_) {
    line->warnings.push_back("the action \"possible\" is gone: the line does nothing");
    return absl::OkStatus();
  }
  if (!has_list()) {
    if (!has_syscalls_) return absl::OkStatus();
    return Refusal("there are syscalls, and no list for them");
  }
  if (!keys_.empty()) {
    if (!can_have_key()) {
      return Refusal("a key needs a watch, syscalls, permissions or a program before it");
    }
    absl::StatusOr<RuleField> field = ParseRuleField("key=" + keys_, rule_.list);
    if (!field.ok()) return field.status();
    absl::Status added = AddField(*std::move(field));
    if (!added.ok()) return added;
  }
  const absl::Status checked = CheckRule();
  if (!checked.ok()) return checked;
  if (!has_syscalls_ && rule_.list != AUDIT_FILTER_TASK) rule_.syscalls = AllSyscalls();
  line->change = prepends_ ? RuleLine::Change::kPrepend
                 : adds_   ? RuleLine::Change::kAppend
                           : RuleLine::Change::kDelete;
  line->rule = std::move(rule_);
  std::ranges::move(warnings_, std::back_inserter(line->warnings));
  return absl::OkStatus();
}

}  // namespace client_plugin
