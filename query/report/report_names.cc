#include "query/report/report_names.h"

#include <charconv>

#include "absl/strings/str_cat.h"

#include "audit/machine.h"
#include "audit/record_type.h"

namespace query {

namespace {

constexpr uint32_t kUnsetUser = UINT32_MAX;
constexpr uint32_t kUntoldUser = UINT32_MAX - 1;  // -2 in aureport.

// Users and system calls whose names are remembered: more come only from hosts that make them up.
constexpr size_t kNamesMax = 100'000;

template <typename Number>
std::optional<Number> Parse(std::string_view text, int base) {
  Number number = 0;
  const auto [end, errc] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (errc != std::errc{}) return std::nullopt;
  return number;
}

std::string FindSyscallName(std::string_view arch, uint32_t number) {
  const auto parsed = Parse<uint32_t>(arch, 16);
  const std::optional<int> machine = parsed ? audit::MachineOfArch(*parsed) : std::nullopt;
  if (!machine) return "?";
  const std::optional<std::string> name = audit::SyscallName(number, *machine);
  return name ? *name : absl::StrCat(number);
}

}  // namespace

std::string_view ReportNames::User(std::optional<uint32_t> uid, const FactText& name) {
  if (options_.interpret && uid != kUnsetUser && !name.is_absent()) return name.text;
  const uint32_t number = uid.value_or(kUntoldUser);
  if (users_.size() > kNamesMax) users_.clear();
  const auto [found, is_new] = users_.try_emplace(number);
  if (!is_new) return found->second;
  std::string& text = found->second;
  text = absl::StrCat(static_cast<int32_t>(number));
  if (!options_.interpret) return text;
  if (number == kUnsetUser) {
    text = "unset";
  } else if (options_.user_name) {
    text = options_.user_name(number).value_or(absl::StrCat("unknown(", text, ")"));
  } else if (number == 0) {
    text = "root";
  }
  return text;
}

std::optional<uint32_t> ReportNames::UnnamedUser(std::optional<uint32_t> uid,
                                                 const FactText& name) const {
  if (!options_.interpret || uid == kUnsetUser || !name.is_absent()) return std::nullopt;
  return uid.value_or(kUntoldUser);
}

std::string_view ReportNames::Syscall(const FactText& arch, const FactText& syscall,
                                      const FactText& name) {
  if (options_.interpret && !name.is_absent()) return name.text;
  const uint32_t number = syscall.is_absent() ? 0 : Parse<uint32_t>(syscall.text, 10).value_or(0);
  if (!options_.interpret) {
    text_ = absl::StrCat(static_cast<int32_t>(number));
    return text_;
  }
  if (arch.is_absent()) return "?";
  text_.assign(arch.text).append(" ").append(syscall.text);
  if (syscalls_.size() > kNamesMax) syscalls_.clear();
  const auto [found, is_new] = syscalls_.try_emplace(text_);
  if (is_new) found->second = FindSyscallName(arch.text, number);
  return found->second;
}

std::string ReportNames::Type(std::string_view type, std::optional<uint32_t> number) const {
  if (!number) return std::string(type);
  return options_.interpret ? audit::RecordTypeName(*number) : absl::StrCat(*number);
}

}  // namespace query
