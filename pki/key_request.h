// What a host that enrolls makes for itself: a key, which never leaves it, and the request
// (PKCS#10) that has a CA sign it.

#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace pki {

struct KeyRequest {
  std::string key_pem;      // PKCS#8, not encrypted.
  std::string request_pem;  // Says the name, for people: an Authority takes only the key from it.
};

// A new P-256 key, and a request for a client's certificate. kInvalidArgument if it is no name.
absl::StatusOr<KeyRequest> MakeKeyRequest(const std::string& name);

}  // namespace pki
