// The files that TLS is made from.

#pragma once

#include <string>

#include "absl/status/status.h"

namespace server {

// PEM files.
struct TlsFiles {
  std::string certificate;  // Ours, and the certificates between it and a root.
  std::string key;          // Of it.
  std::string ca;           // The roots that sign the certificates of callers.

  friend bool operator==(const TlsFiles&, const TlsFiles&) = default;
};

// Whether they can be used together. kInvalidArgument names the file and what is wrong with it.
absl::Status CheckTlsFiles(const TlsFiles& files);

}  // namespace server
