#include "audit/machine.h"

#include <libaudit.h>

namespace audit {

namespace {

std::optional<int> NoneIfNegative(int value) {
  return value < 0 ? std::nullopt : std::optional(value);
}

}  // namespace

std::optional<int> MachineByName(const std::string& name) {
  return NoneIfNegative(audit_determine_machine(name.c_str()));
}

std::optional<int> MachineOfArch(uint32_t arch) {
  return NoneIfNegative(audit_elf_to_machine(arch));
}

std::optional<int> ThisMachine() { return NoneIfNegative(audit_detect_machine()); }

std::optional<uint32_t> SyscallByName(const std::string& name, int machine) {
  const int number = audit_name_to_syscall(name.c_str(), machine);
  if (number < 0) return std::nullopt;
  return static_cast<uint32_t>(number);
}

std::optional<std::string> SyscallName(uint32_t number, int machine) {
  const char* const name = audit_syscall_to_name(static_cast<int>(number), machine);
  return name == nullptr ? std::nullopt : std::optional<std::string>(name);
}

std::optional<int> ErrorByName(const std::string& name) {
  const int error = audit_name_to_errno(name.c_str());
  if (error == 0) return std::nullopt;
  return error;
}

}  // namespace audit
