// What the kernel says on its audit netlink socket, as the lines that auditd writes.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace client_plugin {

// Whether a message of the socket is a record. Others are answers, and questions of the kernel's
// (include/uapi/linux/audit.h): types below AUDIT_FIRST_USER_MSG but for AUDIT_USER and
// AUDIT_LOGIN, and AUDIT_REPLACE, which asks an auditd whether it is alive.
bool IsRecord(uint16_t message_type);

// Appends "type=NAME msg=PAYLOAD", as auditd does with log_format = RAW. What ends the payload
// (NULs, newlines, a blank before them) is left out; a newline in it, which only root can bring
// about with a message of its own, becomes a blank: a line has none.
void AppendLine(uint16_t message_type, std::string_view payload, std::string* line);

}  // namespace client_plugin
