#include "client-plugin/agent_config.h"

#include <fstream>
#include <iterator>
#include <set>

#include "absl/strings/str_cat.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client-plugin/filters.h"

namespace client_plugin {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

AgentConfig Parsed(const std::string& text) {
  const absl::StatusOr<AgentConfig> config = ParseAgentConfig(text, "f");
  EXPECT_TRUE(config.ok()) << config.status();
  return config.value_or(AgentConfig());
}

std::string Refused(const std::string& text) {
  return std::string(ParseAgentConfig(text, "f").status().message());
}

TEST(AgentConfig, TakesKeys) {
  const AgentConfig config = Parsed(
      "# comment\n\n  Source = Plugin\r\nqueue_full=block\nserver = a:1 [::1]:65535\n"
      "filter = type=CWD\nfilter = exe=/a uid=0\nlog_format = RAW");
  EXPECT_EQ(config.source, SourceKind::kPlugin);
  EXPECT_EQ(config.queue_full, QueueFull::kBlock);
  EXPECT_THAT(config.servers, ElementsAre("a:1", "[::1]:65535"));
  EXPECT_THAT(config.filters, ElementsAre("type=CWD", "exe=/a uid=0"));
  EXPECT_FALSE(config.is_enriched);
}

TEST(AgentConfig, NamesTheLineOfAllThatIsWrong) {
  EXPECT_EQ(Refused("source = tape\nspool_size = 15\n"),
            "f:1: source = tape: allowed is one of netlink, multicast, plugin\n"
            "f:2: spool_size = 15: allowed is a number from 16 to 1048576");
  const struct {
    const char* line;
    const char* what;
  } cases[] = {
      {"sauce = netlink", "f:1: there is no key \"sauce\""},
      {"source netlink", "f:1: this is not \"key = value\""},
      {"source =", "f:1: source has no value"},
      {"source = netlink\nsource = plugin", "f:2: source was set before"},
      {"server = host", "f:1: server = host: allowed is HOST:PORT, or several with blanks"},
      {"server = :1", "f:1: server = :1: allowed is"},
      {"server = host:0", "f:1: server = host:0: allowed is"},
      {"server = host:65536", "f:1: server = host:65536: allowed is"},
      {"ca_file = ca.pem", "f:1: ca_file = ca.pem: allowed is an absolute path"},
      {"spool_size = 1e3", "f:1: spool_size = 1e3: allowed is a number"},
      {"failure_mode = 3", "f:1: failure_mode = 3: allowed is a number from 0 to 2"},
      {"filter = colour=red", "f:1: filter = colour=red: allowed is a filter: "},
      {"queue_full = block", "f: queue_full = block is for source = plugin only"},
      {"source = plugin\nrate_limit = 1", "are for source = netlink"},
      {"\x1b[31m = x", "f:1: there is no key \"\\x1b[31m\""},
  };
  for (const auto& [line, what] : cases) EXPECT_THAT(Refused(line), HasSubstr(what)) << line;
}

TEST(AgentConfig, HasLimits) {
  std::string filters;
  for (size_t i = 0; i <= Filters::kFiltersMax; ++i) filters += "filter = type=CWD\n";
  EXPECT_THAT(Refused(filters), HasSubstr("f:65: filter"));
  EXPECT_THAT(Refused("key_file = /" + std::string(10'000, 'x')), HasSubstr("more than 10000"));
  EXPECT_THAT(Refused(std::string(kAgentConfigBytesMax + 1, '\n')), HasSubstr("f: more than"));
}

std::string ReadWhole(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// What the example says behind ## is the default where there is one, and an example where there is
// none; nothing of it is set.
TEST(ExampleAgentConfig, SaysTheDefaults) {
  const std::string text = ReadWhole(AUSPEX_SOURCE_DIR "/deploy/agent/auspex-agent.conf");
  EXPECT_EQ(Parsed(text), AgentConfig());
  std::string all = text;
  for (size_t at = all.find("\n##"); at != std::string::npos; at = all.find("\n##", at)) {
    all.erase(at + 1, 2);
  }
  EXPECT_TRUE(ParseAgentConfig(all, "example").ok()) << Refused(all);
  for (const auto& [key, value] : ShowAgentConfig(AgentConfig())) {
    EXPECT_THAT(text, HasSubstr(absl::StrCat("\n##", key, " = ", value)));
  }
}

TEST(ExampleAgentConfig, IsThereForEachSource) {
  for (const auto& [name, source] :
       {std::pair("netlink", SourceKind::kNetlink), std::pair("multicast", SourceKind::kMulticast),
        std::pair("plugin", SourceKind::kPlugin)}) {
    const absl::StatusOr<AgentConfig> config =
        ReadAgentConfig(absl::StrCat(AUSPEX_SOURCE_DIR "/deploy/agent/", name, ".conf"));
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_EQ(config->source, source);
  }
}

TEST(AgentConfigManual, NamesEveryKey) {
  std::ifstream file(AUSPEX_SOURCE_DIR "/deploy/man/auspex-agent.conf.5");
  const std::set<std::string> words(std::istream_iterator<std::string>(file), {});
  for (const auto& [key, value] : ShowAgentConfig(AgentConfig())) {
    EXPECT_TRUE(words.contains(key)) << key;
  }
}

TEST(ReadAgentConfig, NamesTheFileThatIsNotThere) {
  EXPECT_THAT(std::string(ReadAgentConfig("/nowhere/f").status().message()),
              HasSubstr("/nowhere/f: "));
}

}  // namespace
}  // namespace client_plugin
