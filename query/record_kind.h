// Kinds of records: types that ausearch(8) reads in the same way.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "audit/field.h"
#include "audit/record.h"

namespace query {

// A set of them is a mask.
enum Kind : uint32_t {
  kNoKind = 0,
  kSyscall = 1 << 0,
  kTask = 1 << 1,  // Who did it, written as in SYSCALL: FEATURE_CHANGE, ANOM_LINK.
  kUser = 1 << 2,  // Of programs in user space.
  kUserAvc = 1 << 3,
  kGroup = 1 << 4,        // Of user space too: a group was added, changed or deleted,
  kMachineId = 1 << 5,    // a virtual machine got its contexts,
  kMachineDisk = 1 << 6,  // or a resource.
  kLogin = 1 << 7,
  kDaemon = 1 << 8,      // What auditd tells of itself,
  kConnection = 1 << 9,  // and of its clients.
  kConfigChange = 1 << 10,
  kMacPolicy = 1 << 11,
  kAvc = 1 << 12,
  kAvcPath = 1 << 13,
  kPath = 1 << 14,
  kCwdRecord = 1 << 15,
  kSocket = 1 << 16,
  kPacket = 1 << 17,
  kObjectOf = 1 << 18,  // IPC, OBJ_PID.
  kIntegrity = 1 << 19,
  kPromiscuous = 1 << 20,
  kAbend = 1 << 21,
  kSeccomp = 1 << 22,
  kNetfilter = 1 << 23,  // NETFILTER_CFG, EVENT_LISTENER.
  kTty = 1 << 24,
};

constexpr uint32_t kAnyUser = kUser | kUserAvc | kGroup | kMachineId | kMachineDisk;
constexpr uint32_t kAnomaly = kAbend | kSeccomp;

// kNoKind for a type of which ausearch reads nothing.
Kind KindOf(std::string_view type);

// Reads the next field that is not what auditd has looked up. False if there is none.
bool NextOwn(audit::FieldReader* fields, audit::Field* field);

// The first such field of this name.
std::optional<audit::Field> FindOwn(const audit::Record& record, std::string_view name);

}  // namespace query
