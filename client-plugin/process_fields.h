// What a record says of the process that it is about: read by filters and by those who ask for its
// container.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "audit/field.h"
#include "audit/record.h"

namespace client_plugin {

// SYSCALL records have all of it, others some. What is absent, or no number, is nullopt or has no
// name. Views are of the record's bytes.
struct ProcessFields {
  std::optional<uint32_t> arch;
  std::optional<uint32_t> syscall;
  std::optional<uint32_t> pid;
  std::optional<uint32_t> ppid;
  std::optional<uint32_t> auid;
  std::optional<uint32_t> uid;
  std::optional<uint32_t> euid;
  std::optional<uint32_t> session;
  std::string_view success;
  audit::Field exe;  // As written, also if it is hex: see audit::DecodeValue().
  audit::Field key;  // Of the rules that the event has met: that of a CONFIG_CHANGE is not read.
};

// Reads the fields of a record in one pass, and allocates nothing. The first field of a name
// counts. Numbers are the kernel's own; exe can be what a program in user space says of itself, in
// msg='...'. What was looked up on the host (behind 0x1d) is not read.
ProcessFields ReadProcessFields(const audit::Record& record);

}  // namespace client_plugin
