#include "cli/server_choice.h"

#include <string>

#include <gtest/gtest.h>

namespace cli {
namespace {

TEST(CheckServerAddress, TakesHostsAddressesAndSockets) {
  for (const std::string address : {"audit.example:50051", "192.0.2.1:1", "[2001:db8::1]:65535",
                                    "unix:/run/a.sock", "unix:a"}) {
    EXPECT_TRUE(CheckServerAddress(address).ok()) << address;
  }
}

TEST(CheckServerAddress, RefusesEverythingElse) {
  for (const std::string& address :
       {std::string(), std::string("host"), std::string("host:"), std::string(":1"),
        std::string("host:0"), std::string("host:65536"), std::string("host:1x"),
        std::string("2001:db8::1:1"), std::string("[]:1"), std::string("dns:///a:1"),
        std::string("a b:1"), std::string("unix:"), "unix:/" + std::string(200, 'x')}) {
    EXPECT_FALSE(CheckServerAddress(address).ok()) << address;
  }
}

}  // namespace
}  // namespace cli
