#include "server/passed_sockets.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include <systemd/sd-daemon.h>

#include "base/log.h"

namespace server {

namespace {

using boost::asio::ip::address;
using boost::asio::ip::tcp;

absl::StatusOr<tcp::endpoint> EndpointOf(int descriptor, std::string_view name) {
  const bool listens = sd_is_socket_inet(descriptor, AF_UNSPEC, SOCK_STREAM, 1, 0) > 0;
  tcp::endpoint endpoint;
  auto size = static_cast<socklen_t>(endpoint.capacity());
  if (!listens || getsockname(descriptor, endpoint.data(), &size) != 0) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "socket %d (%s) that systemd has passed is no TCP socket that listens", descriptor, name));
  }
  endpoint.resize(size);
  return endpoint;
}

std::string ToText(const tcp::endpoint& endpoint) {
  return absl::StrFormat("%s port %d", endpoint.address().to_string(), endpoint.port());
}

std::string PlacesOf(const ListenerOptions& options) {
  std::string places;
  if (options.tcp_listen_port) {
    absl::StrAppend(&places, "tcp_listen_port = ", *options.tcp_listen_port);
  }
  if (options.listen_address.empty()) return places;
  const auto append = [](std::string* out, const address& one) { out->append(one.to_string()); };
  absl::StrAppend(&places, places.empty() ? "" : " and ",
                  "listen_address = ", absl::StrJoin(options.listen_address, ", ", append));
  return places;
}

bool IsAsked(const tcp::endpoint& endpoint, const ListenerOptions& options) {
  const uint16_t port = options.tcp_listen_port.value_or(0);
  const std::vector<address>& addresses = options.listen_address;
  return (port == 0 || endpoint.port() == port) &&
         (addresses.empty() || std::ranges::count(addresses, endpoint.address()) > 0);
}

}  // namespace

absl::StatusOr<std::vector<PassedSocket>> TakePassedSockets() {
  char** names = nullptr;
  const int count = sd_listen_fds_with_names(1, &names);
  const absl::Cleanup free_names = [names, count] {
    for (int i = 0; i < count; ++i) std::free(names[i]);
    std::free(names);
  };
  if (count < 0) {
    return absl::InvalidArgumentError(
        absl::StrFormat("LISTEN_FDS and LISTEN_FDNAMES of systemd: %s", std::strerror(-count)));
  }
  std::vector<PassedSocket> sockets;
  for (int i = 0; i < count; ++i) {
    base::FileDescriptor descriptor(SD_LISTEN_FDS_START + i);
    const std::string_view name = names[i];
    if (name != kAudispRemoteSocket) {
      spdlog::error("socket {} that systemd has passed is called {}, not {}: closed",
                    descriptor.get(), name, kAudispRemoteSocket);
      continue;
    }
    const absl::StatusOr<tcp::endpoint> endpoint = EndpointOf(descriptor.get(), name);
    if (!endpoint.ok()) return endpoint.status();
    sockets.push_back({.descriptor = std::move(descriptor), .endpoint = *endpoint});
  }
  if (sockets.size() > kListenAddressesMax) {
    return absl::InvalidArgumentError(absl::StrFormat("systemd has passed %d sockets, more than %d",
                                                      sockets.size(), kListenAddressesMax));
  }
  return sockets;
}

absl::Status CheckPlaces(const std::vector<tcp::endpoint>& passed, const ListenerOptions& options) {
  for (const tcp::endpoint& endpoint : passed) {
    if (IsAsked(endpoint, options)) continue;
    return absl::FailedPreconditionError(
        absl::StrFormat("the socket that systemd has passed listens on %s, but the configuration "
                        "says %s: change one of them, and restart",
                        ToText(endpoint), PlacesOf(options)));
  }
  return absl::OkStatus();
}

std::vector<address> AddressesBeside(const std::vector<tcp::endpoint>& passed,
                                     const ListenerOptions& options) {
  std::vector<address> addresses = options.listen_address;
  std::erase_if(addresses, [&passed](const address& one) {
    return std::ranges::count(passed, one, [](const tcp::endpoint& at) { return at.address(); });
  });
  return addresses;
}

}  // namespace server
