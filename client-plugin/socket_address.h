// The address of a socket, in the words of auditd.

#pragma once

#include <string>
#include <string_view>

namespace client_plugin {

// Appends what auditd says of the address that a record has as hexadecimal digits (saddr=), e.g.
// "{ saddr_fam=inet laddr=10.0.0.1 lport=22 }": text without quotes, for a path may have any bytes.
// A newline in a path becomes a blank, since a record is one line, which auditd forgets. Of ax25,
// atmpvc and x25 it reads behind the end of a short address; here that is 0, and text ends there.
// The scope of a link-local IPv6 address is the name of its interface on this host.
void AppendSocketAddress(std::string_view digits, std::string* text);

}  // namespace client_plugin
