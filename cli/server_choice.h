// Which collector a command asks, if it asks one.

#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "cli/client_config.h"

namespace cli {

struct ServerChoice {
  std::string address;   // HOST:PORT, or unix:PATH.
  std::string named_by;  // In words: "--server".

  // Empty for a unix socket, which needs none of it.
  ClientConfig config;

  bool is_local() const { return address.starts_with("unix:"); }
};

// The collector that was asked for; else that of $AUSPEX_SERVER; else that of the configuration;
// else that of this machine, if it has a socket to which we may connect. nullopt if there is none.
// Fails if an address is none, or as ReadClientConfig() does.
absl::StatusOr<std::optional<ServerChoice>> ChooseServer(const std::string& asked_for);

// kInvalidArgument if it is neither HOST:PORT, with brackets around an IPv6 address, nor unix:PATH.
absl::Status CheckServerAddress(const std::string& address);

}  // namespace cli
