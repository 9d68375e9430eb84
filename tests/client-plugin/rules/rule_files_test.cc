#include "client-plugin/rules/rule_files.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/storage/temporary_directory.h"

namespace client_plugin {
namespace {

namespace fs = std::filesystem;

class RuleFilesTest : public testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& text) const {
    std::string path = directory_.path() + "/" + name;
    std::ofstream(path) << text;
    return path;
  }

  // "NAME:LINE: TEXT" of each line of the directory.
  std::vector<std::string> Lines() const {
    const auto lines =
        ReadRules({{.path = directory_.path(), .is_directory = true}}, {.must_be_roots = false});
    EXPECT_TRUE(lines.ok()) << lines.status();
    std::vector<std::string> texts;
    if (!lines.ok()) return texts;
    for (const RuleSource& line : *lines) {
      texts.push_back(fs::path(line.where()).filename().string() + ": " + line.text);
    }
    return texts;
  }

  TemporaryDirectory directory_;
};

TEST_F(RuleFilesTest, ReadsTheLinesOfAFileInTheirPlaces) {
  const std::string path = Write("a.rules", "# comment\n\n-D\n  \n  # -b 1\n-w /a\n-e 1");
  const auto lines = ReadRules({{.path = path, .is_directory = false}}, {.must_be_roots = false});
  ASSERT_TRUE(lines.ok()) << lines.status();
  ASSERT_EQ(lines->size(), 3u);
  EXPECT_EQ((*lines)[0].where(), path + ":3");
  EXPECT_EQ((*lines)[1].text, "-w /a");
  EXPECT_EQ((*lines)[2].where(), path + ":7");
}

TEST_F(RuleFilesTest, OrdersADirectoryAsAugenrulesDoes) {
  Write("10-a.rules", "-D\n-w /a\n-e 2\n-b 1\n");
  Write("9-b.rules", "-w /b\n-f 0\n \t# comment\n-D -k x\n-b 2\n-e 1\n");
  Write("20-c.rules", "-w /c");
  Write("30-d.rules.off", "-w /d\n");
  Write(".hidden.rules", "-w /e\n");
  EXPECT_THAT(Lines(), testing::ElementsAre("10-a.rules:1: -D", "10-a.rules:4: -b 1",
                                            "9-b.rules:2: -f 0", "9-b.rules:1: -w /b",
                                            "9-b.rules:4: -D -k x", "10-a.rules:2: -w /a",
                                            "20-c.rules:1: -w /c", "10-a.rules:3: -e 2"));
}

TEST_F(RuleFilesTest, SortsNamesAsLsDoes) {
  std::vector<std::string> names = {
      "1.rules",     "10.rules",    "2.rules",     "02.rules",  "a.rules",    "B.rules",
      "a-b.rules",   "a_b.rules",   "a.b.rules",   "a1.rules",  "a1b.rules",  "a10b.rules",
      "a1.2.rules",  "a1.10.rules", "~.rules",     "a~.rules",  "a+.rules",   "Z9.rules",
      "z09.rules",   "30-x.rules",  "30.x.rules",  "30_.rules", "3-0.rules",  "a.1rules.rules",
      "a..rules",    "aa.rules",    "a.tar.rules", "a0.rules",  "a00.rules",  "100-z.rules",
      "99-fi.rules", "50-.rules",   "50.rules",    "5.0.rules", "5.00.rules", "x.y~.rules"};
  for (const std::string& name : names) Write(name, "");
  std::ranges::sort(names, ComesBeforeByVersion);
  const std::string command = "cd " + directory_.path() + " && LC_ALL=C ls -1v";
  FILE* const pipe = popen(command.c_str(), "r");
  std::vector<std::string> listed;
  std::array<char, 256> line{};
  while (fgets(line.data(), line.size(), pipe) != nullptr) {
    listed.emplace_back(line.data());
    listed.back().pop_back();
  }
  if (pclose(pipe) != 0) GTEST_SKIP() << "no ls -v";
  EXPECT_EQ(names, listed);
}

TEST_F(RuleFilesTest, RefusesWhatIsNotRoots) {
  const std::string path = Write("a.rules", "-D\n");
  chmod(path.c_str(), 0666);
  const std::vector<RulePlace> file = {{.path = path, .is_directory = false}};
  const auto lines = ReadRules(file, {.must_be_roots = true});
  EXPECT_TRUE(absl::IsPermissionDenied(lines.status())) << lines.status();
  EXPECT_TRUE(ReadRules(file, {.must_be_roots = false}).ok());
  chmod(path.c_str(), 0644);
  EXPECT_EQ(ReadRules(file, {.must_be_roots = true}).ok(), geteuid() == 0);
  if (geteuid() == 0) {
    ASSERT_EQ(chown(path.c_str(), 65534, 65534), 0);
    EXPECT_TRUE(absl::IsPermissionDenied(ReadRules(file, {.must_be_roots = true}).status()));
  }
}

TEST_F(RuleFilesTest, NamesWhatCannotBeRead) {
  const auto missing =
      ReadRules({{.path = "/no/such.rules", .is_directory = false}}, {.must_be_roots = false});
  EXPECT_TRUE(absl::IsNotFound(missing.status()));
  EXPECT_THAT(std::string(missing.status().message()), testing::HasSubstr("/no/such.rules"));
  EXPECT_TRUE(absl::IsNotFound(
      ReadRules({{.path = "/no/such", .is_directory = true}}, {.must_be_roots = false}).status()));
  EXPECT_FALSE(
      ReadRules({{.path = "/dev/zero", .is_directory = false}}, {.must_be_roots = false}).ok());
  const std::string path = Write("big.rules", std::string(kRuleFileBytesMax + 1, '#'));
  EXPECT_TRUE(absl::IsResourceExhausted(
      ReadRules({{.path = path, .is_directory = false}}, {.must_be_roots = false}).status()));
}

}  // namespace
}  // namespace client_plugin
