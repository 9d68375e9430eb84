#include "server/api/peer_name.h"

#include <gtest/gtest.h>

namespace server {
namespace {

TEST(ParsePeer, TakesAddressAndPortApart) {
  const struct {
    std::string peer;
    std::string address;
    uint16_t port;
  } cases[] = {
      {"ipv4:192.0.2.1:1234", "192.0.2.1", 1234},
      {"ipv6:%5B2001:db8::1%5D:443", "2001:db8::1", 443},
      {"ipv6:%5B::ffff:192.0.2.1%5D:1", "192.0.2.1", 1},
      {"unix:/run/x", "unix:/run/x", 0},
      {"ipv4:", "ipv4:", 0},
      {"", "", 0},
  };
  for (const auto& [peer, address, port] : cases) {
    const PeerAddress parsed = ParsePeer(peer);
    EXPECT_EQ(parsed.address, address) << peer;
    EXPECT_EQ(parsed.port, port) << peer;
  }
}

}  // namespace
}  // namespace server
