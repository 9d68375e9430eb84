// The one thing that a CA takes from a request that others have made: a public key.

#pragma once

#include <cstddef>
#include <string_view>

#include "absl/status/statusor.h"

#include "pki/openssl.h"

namespace pki {

// Five times a request with the largest key that is taken, RSA of 8192 bits.
inline constexpr size_t kRequestBytesMax = 16384;

// The public key of the first request (PKCS#10) in a text of PEM, if whoever has made the request
// has the private key, too, and the key is one that others can rely on: P-256, P-384, P-521,
// Ed25519, or RSA of 2048 to 8192 bits. What else the request says is passed over. kInvalidArgument
// says what is wrong with it.
absl::StatusOr<KeyPointer> RequestedKey(std::string_view request_pem);

}  // namespace pki
