// A set of system calls: numbers, which mean different calls on different kinds of machines.

#pragma once

#include <cstdint>
#include <string>

#include "absl/container/flat_hash_set.h"

namespace client_plugin {

class SyscallSet {
 public:
  // Adds the call of this name, on all kinds of machines that have it: a 64-bit kernel runs 32-bit
  // programs, too. False if libaudit knows none.
  bool AddName(const std::string& name);

  // Adds the call of this number, on every kind of machine.
  void AddNumber(uint32_t number) { numbers_.insert(number); }

  // Whether the call is in it; `arch` and `number` are the values of arch= and syscall=.
  bool Contains(uint32_t arch, uint32_t number) const {
    return calls_.contains(Call(arch, number)) || numbers_.contains(number);
  }

 private:
  static uint64_t Call(uint32_t arch, uint32_t number) { return uint64_t{arch} << 32 | number; }

  absl::flat_hash_set<uint64_t> calls_;
  absl::flat_hash_set<uint32_t> numbers_;
};

}  // namespace client_plugin
