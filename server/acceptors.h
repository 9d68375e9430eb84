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

// Listens at each address, or, without any, at all of the machine, IPv6 and IPv4. A failure,
// kUnavailable, names the address and the port.
absl::StatusOr<Acceptors> ListenAt(boost::asio::io_context& network,
                                   const std::vector<boost::asio::ip::address>& addresses,
                                   uint16_t port, int queue);

}  // namespace server
