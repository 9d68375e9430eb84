// auspex.conf: which collector is asked, and how a caller shows who it is. See auspex(1).
//
//   file := { line newline }    the last line may lack its newline
//   line := blanks [ "#" anything | key blanks "=" blanks value blanks ]
//
// A key stands once.

#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace cli {

// It has six keys, with comments some thirty lines. More is another file.
inline constexpr size_t kClientConfigBytesMax = 64 << 10;

struct ClientConfig {
  std::string server;            // As --server has it. Empty: none.
  std::string certificate_file;  // PEM: ours,
  std::string key_file;          // and its key.
  std::string ca_file;           // PEM: what signs the collector's certificate.
  std::string token_file;        // A token in place of a certificate.
  std::string server_name;  // In the collector's certificate, if it is not that of the address.

  std::string path;  // Of the file that says so. Empty: none does.

  friend bool operator==(const ClientConfig&, const ClientConfig&) = default;
};

// kInvalidArgument names the file and the line of the first thing that is wrong.
absl::StatusOr<ClientConfig> ParseClientConfig(const std::string& text, const std::string& path);

// Reads the file that $AUSPEX_CONFIG names; else auspex/auspex.conf in $XDG_CONFIG_HOME, by default
// ~/.config; else /etc/auspex/auspex.conf. The first that is there counts; without one all is
// empty. Fails if the one that $AUSPEX_CONFIG names is not there, or if one cannot be read.
absl::StatusOr<ClientConfig> ReadClientConfig();

}  // namespace cli
