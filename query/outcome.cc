#include "query/outcome.h"

#include "absl/strings/match.h"

#include "audit/machine.h"
#include "base/number.h"
#include "query/record_kind.h"

namespace query {

namespace {

// ---- Success ----

bool IsSuccessNumber(std::string_view value) { return value == "1"; }
bool DoesNotFail(std::string_view value) { return !value.starts_with("failed"); }

// ---- System calls ----

bool IsMatch(const SyscallIs& is, std::string_view arch, std::string_view syscall) {
  if (is.number && base::ParseNumber<uint32_t>(syscall) != is.number) return false;
  if (!is.machine) return true;
  const auto number = base::ParseNumber<uint32_t>(arch, 16);
  return number && audit::MachineOfArch(*number) == is.machine;
}

}  // namespace

std::optional<bool> SuccessOf(
    Kind kind, std::string_view body,
    absl::FunctionRef<std::optional<std::string_view>(std::string_view name)> find) {
  if (kind == kSyscall) {
    const auto success = find("success");
    return success ? std::optional(*success == "yes") : std::nullopt;
  }
  std::optional<bool> success;
  if ((kind & (kAvc | kUserAvc)) != 0) {
    // avc:  denied  { read } for ...
    const std::string_view verdict = body.substr(0, body.find('{'));
    if (verdict.size() < body.size() && verdict.find("avc: ") != std::string_view::npos) {
      success = verdict.find("denied") == std::string_view::npos;
    }
  }
  if ((kind & kAnyUser) != 0) {
    if (const auto res = find("res")) {
      success = DoesNotFail(*res);
    } else if (const auto result = find("result")) {
      success = absl::EqualsIgnoreCase({result->data(), result->size()}, "success");
    }
  } else if ((kind & (kDaemon | kConnection)) != 0) {
    if (const auto res = find("res")) success = DoesNotFail(*res);
  } else if ((kind & (kTask | kIntegrity | kAnomaly | kNetfilter | kConfigChange | kMacPolicy |
                      kLogin)) != 0) {
    const auto res = find("res");
    if (res) success = IsSuccessNumber(*res);
    // Kernels that leave it out write only what has succeeded.
    if (!res && (kind == kConfigChange || kind == kLogin)) success = true;
  }
  return success;
}

bool Matches(const SuccessIs& is, const audit::Event& event) {
  std::optional<bool> success;
  for (size_t index = 0; index < event.record_count(); ++index) {
    const audit::Record record = event.record(index);
    const auto find = [&](std::string_view name) -> std::optional<std::string_view> {
      const auto field = FindOwn(record, name);
      return field ? std::optional(field->value) : std::nullopt;
    };
    if (const auto told = SuccessOf(KindOf(record.type), record.body, find)) success = told;
  }
  return success == is.success;
}

bool Matches(const SyscallIs& is, const audit::Event& event) {
  // The last record tells, as of any attribute.
  bool matches = false;
  for (size_t index = 0; index < event.record_count(); ++index) {
    const audit::Record record = event.record(index);
    if ((KindOf(record.type) & (kSyscall | kSeccomp)) == 0) continue;
    const auto syscall = FindOwn(record, "syscall");
    if (!syscall) continue;
    const auto arch = FindOwn(record, "arch");
    matches = IsMatch(is, arch ? arch->value : std::string_view(), syscall->value);
  }
  return matches;
}

bool MayMatch(const SyscallIs& is, std::string_view term) {
  const size_t blank = term.find(' ');
  if (blank == std::string_view::npos) return true;
  return IsMatch(is, term.substr(0, blank), term.substr(blank + 1));
}

}  // namespace query
