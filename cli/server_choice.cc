#include "cli/server_choice.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace cli {

namespace {

constexpr char kUnixPrefix[] = "unix:";

// Where auspexd has its socket in the example of its configuration.
constexpr char kLocalSocket[] = "/run/auspex/auspexd.sock";

// Whether somebody listens there who lets us in, as far as its file tells.
bool MayConnect(const char* path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
  const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return false;
  // EAGAIN: somebody listens, and has not accepted others yet.
  const bool connected =
      connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ||
      errno == EAGAIN;
  close(descriptor);
  return connected;
}

absl::StatusOr<std::optional<ServerChoice>> Choose(const std::string& address,
                                                   const std::string& named_by) {
  if (const absl::Status checked = CheckServerAddress(address); !checked.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(named_by, ": ", checked.message()));
  }
  return ServerChoice{.address = address, .named_by = named_by, .config = {}};
}

}  // namespace

absl::Status CheckServerAddress(const std::string& address) {
  const absl::Status wrong = absl::InvalidArgumentError(
      absl::StrCat("\"", address, "\" is no address: HOST:PORT, or unix:PATH"));
  if (address.starts_with(kUnixPrefix)) {
    const size_t bytes = address.size() - std::strlen(kUnixPrefix);
    return bytes > 0 && bytes < sizeof(sockaddr_un::sun_path) ? absl::OkStatus() : wrong;
  }
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0) return wrong;
  const std::string host = address.substr(0, colon);
  const bool has_brackets = host.size() > 2 && host.starts_with('[') && host.ends_with(']');
  if (!has_brackets && host.find_first_of(":[]/ ") != std::string::npos) return wrong;
  uint32_t port = 0;
  if (!absl::SimpleAtoi(address.substr(colon + 1), &port) || port == 0 || port > 65535) {
    return wrong;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<ServerChoice>> ChooseServer(const std::string& asked_for) {
  absl::StatusOr<std::optional<ServerChoice>> choice = std::optional<ServerChoice>();
  const char* const variable = std::getenv("AUSPEX_SERVER");
  if (!asked_for.empty()) {
    choice = Choose(asked_for, "--server");
  } else if (variable != nullptr && *variable != '\0') {
    choice = Choose(variable, "AUSPEX_SERVER");
  }
  if (!choice.ok() || (*choice && (*choice)->is_local())) return choice;

  absl::StatusOr<ClientConfig> config = ReadClientConfig();
  if (!config.ok()) return config.status();
  if (!*choice && !config->server.empty()) choice = Choose(config->server, config->path);
  if (!choice.ok()) return choice;
  if (*choice && !(*choice)->is_local()) (*choice)->config = *std::move(config);
  if (!*choice && MayConnect(kLocalSocket)) {
    choice = Choose(absl::StrCat(kUnixPrefix, kLocalSocket), "the socket of this machine");
  }
  return choice;
}

}  // namespace cli
