#include "server/acceptors.h"

#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include "absl/strings/str_format.h"
#include <boost/asio/ip/v6_only.hpp>

namespace server {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

absl::Status ListenFailed(const tcp::endpoint& endpoint, const boost::system::error_code& error) {
  return absl::UnavailableError(absl::StrFormat("cannot listen on %s port %d: %s",
                                                endpoint.address().to_string(), endpoint.port(),
                                                error.message()));
}

bool HasIpv6() {
  const int descriptor = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return false;
  close(descriptor);
  return true;
}

}  // namespace

void SetShared(tcp::acceptor& acceptor, bool is_shared) {
  const int value = is_shared ? 1 : 0;
  setsockopt(acceptor.native_handle(), SOL_SOCKET, SO_REUSEPORT, &value, sizeof(value));
}

absl::StatusOr<std::shared_ptr<tcp::acceptor>> ListenOn(asio::io_context& network,
                                                        const tcp::endpoint& endpoint,
                                                        const ListenOptions& options) {
  boost::system::error_code error;
  auto acceptor = std::make_shared<tcp::acceptor>(network);
  acceptor->open(endpoint.protocol(), error);
  if (!error) acceptor->set_option(tcp::acceptor::reuse_address(true), error);
  // The unspecified IPv6 address takes IPv4 clients as well, as auditd's does. Any other address is
  // what it says.
  if (!error && endpoint.address().is_v6()) {
    acceptor->set_option(asio::ip::v6_only(!endpoint.address().is_unspecified()), error);
  }
  if (!error && options.may_share) SetShared(*acceptor, true);
  if (!error) acceptor->bind(endpoint, error);
  if (!error) acceptor->listen(options.queue, error);
  if (error) return ListenFailed(endpoint, error);
  if (options.may_share) SetShared(*acceptor, false);
  return acceptor;
}

std::vector<tcp::endpoint> EndpointsOf(const Acceptors& acceptors) {
  std::vector<tcp::endpoint> endpoints;
  for (const auto& acceptor : acceptors) {
    boost::system::error_code gone;
    endpoints.push_back(acceptor->local_endpoint(gone));
  }
  return endpoints;
}

std::vector<tcp::endpoint> EndpointsOf(const std::vector<asio::ip::address>& addresses,
                                       uint16_t port) {
  if (addresses.empty()) return {tcp::endpoint(HasIpv6() ? tcp::v6() : tcp::v4(), port)};
  std::vector<tcp::endpoint> endpoints;
  for (const asio::ip::address& address : addresses) endpoints.emplace_back(address, port);
  return endpoints;
}

}  // namespace server
