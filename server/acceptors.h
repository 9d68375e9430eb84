// Sockets that listen.

#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>

namespace server {

// Shared with the coroutines that accept.
using Acceptors = std::vector<std::shared_ptr<boost::asio::ip::tcp::acceptor>>;

struct ListenOptions {
  int queue = boost::asio::socket_base::max_listen_connections;  // As listen(2) takes it.

  // Also where sockets of this user listen that allow it: see socket(7), SO_REUSEPORT.
  bool may_share = false;
};

// Listens. A failure, kUnavailable, names the address and the port.
absl::StatusOr<std::shared_ptr<boost::asio::ip::tcp::acceptor>> ListenOn(
    boost::asio::io_context& network, const boost::asio::ip::tcp::endpoint& endpoint,
    const ListenOptions& options);

// Whether a socket allows others of its user beside it; each of them has to. Says so to the kernel.
void SetShared(boost::asio::ip::tcp::acceptor& acceptor, bool is_shared);

// Where they listen, one by one.
std::vector<boost::asio::ip::tcp::endpoint> EndpointsOf(const Acceptors& acceptors);

// Where to listen for one port: at each address, or, without any, at all of the machine, IPv6 and
// IPv4.
std::vector<boost::asio::ip::tcp::endpoint> EndpointsOf(
    const std::vector<boost::asio::ip::address>& addresses, uint16_t port);

}  // namespace server
