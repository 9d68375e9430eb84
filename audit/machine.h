// Names that stand for numbers, and depend on the kind of machine: system calls and errors.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace audit {

// Kinds of machines are numbers of libaudit (machine_t of libaudit.h).

// The kind that a name stands for, such as x86_64, i386, b64 (this machine) and b32.
std::optional<int> MachineByName(const std::string& name);

// The kind of the value of arch=, such as 0xc000003e.
std::optional<int> MachineOfArch(uint32_t arch);

// The kind of this machine.
std::optional<int> ThisMachine();

// The number of a system call: openat, 257 on x86_64.
std::optional<uint32_t> SyscallByName(const std::string& name, int machine);

// The name of a system call, the reverse; nullopt for one that this libaudit does not know.
std::optional<std::string> SyscallName(uint32_t number, int machine);

// The number of an error: 13 for EACCES, and -13 for -EACCES.
std::optional<int> ErrorByName(const std::string& name);

}  // namespace audit
