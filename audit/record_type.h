// Record types: the number that the kernel and auditd use, and the name that logs show.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace audit {

// The number of a type as a record shows it: "SYSCALL" is 1300, "UNKNOWN[1420]" is 1420.
// nullopt for a name that libaudit does not know, which a host with a newer one can send.
// Costs one hash lookup.
std::optional<uint32_t> RecordTypeNumber(std::string_view name);

// The name of a type, "UNKNOWN[n]" if it has none. The reverse of RecordTypeNumber().
std::string RecordTypeName(uint32_t number);

// Whether a record of this type is an event by itself: those of user space and auditd, and a
// few of NetLabel.
bool StandsAlone(uint32_t number);

// Whether a record of this type is the last of its event: EOE, PROCTITLE, KERNEL.
bool EndsEvent(uint32_t number);

// Whether it is EOE, which says nothing but that.
bool IsEndMark(uint32_t number);

// Whether auditd made the record itself. It counts the serials of these on its own, apart from
// the kernel's.
bool IsFromDaemon(uint32_t number);

}  // namespace audit
