#include "base/tls13.h"

#include <cstdlib>

namespace base {

void AllowTls13Only() { setenv("GRPC_SSL_CIPHER_SUITES", "ECDHE-PSK-CHACHA20-POLY1305", 1); }

}  // namespace base
