// A port that a server can be given at any time.

#pragma once

#include <cstdint>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

namespace server {

// Of 127.0.0.1. As long as it is held, nobody is given it who wants any. Servers can have it all
// the same: bind(2) takes several sockets for a port that have SO_REUSEADDR, as those of ListenOn()
// have, while no other one listens.
class HeldPort {
 public:
  HeldPort() {
    using boost::asio::ip::tcp;
    socket_.open(tcp::v4());
    socket_.set_option(tcp::socket::reuse_address(true));
    socket_.bind({boost::asio::ip::address_v4::loopback(), 0});
  }

  uint16_t number() const { return socket_.local_endpoint().port(); }

 private:
  boost::asio::io_context context_;
  boost::asio::ip::tcp::socket socket_{context_};
};

}  // namespace server
