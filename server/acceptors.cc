#include "server/acceptors.h"

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

absl::StatusOr<tcp::acceptor> ListenOn(asio::io_context& network, const tcp::endpoint& endpoint,
                                       int queue) {
  boost::system::error_code error;
  tcp::acceptor acceptor(network);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  // The unspecified IPv6 address takes IPv4 clients as well, as auditd's does. Any other address is
  // what it says.
  if (!error && endpoint.address().is_v6()) {
    acceptor.set_option(asio::ip::v6_only(!endpoint.address().is_unspecified()), error);
  }
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(queue, error);
  if (error) return ListenFailed(endpoint, error);
  return acceptor;
}

}  // namespace

absl::StatusOr<Acceptors> ListenAt(asio::io_context& network,
                                   const std::vector<asio::ip::address>& addresses, uint16_t port,
                                   int queue) {
  Acceptors acceptors;
  if (addresses.empty()) {
    absl::StatusOr<tcp::acceptor> any =
        ListenOn(network, {asio::ip::address_v6::any(), port}, queue);
    boost::system::error_code no_ipv6;
    tcp::acceptor(network).open(tcp::v6(), no_ipv6);
    if (no_ipv6) any = ListenOn(network, {asio::ip::address_v4::any(), port}, queue);
    if (!any.ok()) return any.status();
    acceptors.push_back(std::make_shared<tcp::acceptor>(*std::move(any)));
  }
  for (const asio::ip::address& address : addresses) {
    absl::StatusOr<tcp::acceptor> one = ListenOn(network, {address, port}, queue);
    if (!one.ok()) return one.status();
    acceptors.push_back(std::make_shared<tcp::acceptor>(*std::move(one)));
  }
  return acceptors;
}

}  // namespace server
