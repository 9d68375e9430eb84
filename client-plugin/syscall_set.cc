#include "client-plugin/syscall_set.h"

#include <libaudit.h>
#include <optional>

#include "audit/machine.h"

namespace client_plugin {

namespace {

// Above those of any libaudit: there are some ten.
constexpr int kMachinesMax = 64;

}  // namespace

bool SyscallSet::AddName(const std::string& name) {
  bool is_known = false;
  for (int machine = 0; machine < kMachinesMax; ++machine) {
    const unsigned int arch = audit_machine_to_elf(machine);
    if (arch == 0) continue;
    const std::optional<uint32_t> number = audit::SyscallByName(name, machine);
    if (!number.has_value()) continue;
    calls_.insert(Call(arch, *number));
    is_known = true;
  }
  return is_known;
}

}  // namespace client_plugin
