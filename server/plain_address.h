// How addresses are told: in records, logs, and as the identity of a host.

#pragma once

#include <boost/asio/ip/address.hpp>

namespace server {

// The same address, but an IPv4 address inside an IPv6 one, as a socket for both has it, as IPv4.
inline boost::asio::ip::address PlainAddress(const boost::asio::ip::address& address) {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6());
}

}  // namespace server
