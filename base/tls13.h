// TLS 1.3 only, for programs that speak it by gRPC.

#pragma once

namespace base {

// Has gRPC offer and take no cipher suite of TLS 1.2 that anybody can use: one that needs a
// pre-shared key. gRPC 1.51 has no other way to ask for 1.3. To be called before gRPC is used.
void AllowTls13Only();

}  // namespace base
