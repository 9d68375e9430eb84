// The files that TLS is made from, and what they hold.

#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include <openssl/types.h>

namespace server {

// PEM files.
struct TlsFiles {
  std::string certificate;  // Ours, and the certificates between it and a root.
  std::string key;          // Of it.
  std::string ca;           // The roots that sign the certificates of callers.

  friend bool operator==(const TlsFiles&, const TlsFiles&) = default;
};

// What was read of them, and goes together.
struct TlsMaterial {
  std::string certificate;
  std::string key;
  std::string ca;
};

// Reads them. A failure names the file and what is wrong with it: kNotFound or kUnavailable if it
// cannot be read, kInvalidArgument if it cannot be used, or not together with the others.
absl::StatusOr<TlsMaterial> ReadTlsFiles(const TlsFiles& files);

// Has a server show the certificate, and take those of callers that the roots have signed.
// kInvalidArgument if it does not go together.
absl::Status UseMaterial(const TlsMaterial& material, SSL_CTX* context);

}  // namespace server
