#include "cli/client_config.h"

#include <string>

#include <gtest/gtest.h>

namespace cli {
namespace {

TEST(ParseClientConfig, ReadsEveryKey) {
  const auto config = ParseClientConfig(
      "# A comment.\n"
      "\n"
      "server = audit.example:50051\r\n"
      "\tcertificate_file=/etc/a b.pem \n"
      "key_file = k\n"
      "ca_file = ca = it\n"
      "token_file = t\n"
      "server_name = n",
      "file");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(*config, (ClientConfig{.server = "audit.example:50051",
                                   .certificate_file = "/etc/a b.pem",
                                   .key_file = "k",
                                   .ca_file = "ca = it",
                                   .token_file = "t",
                                   .server_name = "n",
                                   .path = "file"}));
  EXPECT_EQ(ParseClientConfig("", "file")->server, "");
}

TEST(ParseClientConfig, NamesTheLineThatIsWrong) {
  const struct {
    std::string text;
    std::string message;
  } cases[] = {
      {"#\n\nserver", "file:3: this is not \"key = value\""},
      {"Server = a:1", "file:1: there is no key Server"},
      {" = a", "file:1: there is no key "},
      {"ca_file = \n", "file:1: ca_file has no value"},
      {"server = a:1\nserver = a:1\n", "file:2: server was set before"},
  };
  for (const auto& [text, message] : cases) {
    EXPECT_EQ(ParseClientConfig(text, "file").status().message(), message) << text;
  }
}

}  // namespace
}  // namespace cli
