#include "client-plugin/rules/rule_drift.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client-plugin/rules/rule_set.h"

namespace client_plugin {
namespace {

// One line of "file.rules" each, from line 1.
ExpectedRules ExpectLines(const std::vector<std::string>& texts) {
  std::vector<RuleSource> lines;
  for (const std::string& text : texts) {
    lines.push_back({.file = "file.rules", .line = lines.size() + 1, .text = text});
  }
  return Expect(lines);
}

// A kernel that has these rules.
std::vector<AuditRule> Kernel(const std::vector<std::string>& texts) {
  return ExpectLines(texts).rules.Rules();
}

TEST(RuleSetTest, DoesWhatTheKernelDoes) {
  EXPECT_EQ(Kernel({"-w /a", "-w /b", "-A always,exit -S all -F uid=1"}),
            Kernel({"-a always,exit -S all -F uid=1", "-w /a", "-w /b"}));
  EXPECT_EQ(Kernel({"-w /a", "-w /b", "-W /a"}), Kernel({"-w /b"}));
  EXPECT_EQ(Kernel({"-w /a -k one", "-w /b -k two", "-D -k on"}), Kernel({"-w /b -k two"}));
  EXPECT_EQ(Kernel({"-w /a", "-D", "-a never,task"}), Kernel({"-a never,task"}));
}

TEST(RuleSetTest, ListsTheListsInTheOrderOfTheKernel) {
  EXPECT_EQ(Kernel({"-w /a", "-a never,task", "-a always,exclude -F msgtype=CWD"}),
            Kernel({"-a always,exclude -F msgtype=CWD", "-a never,task", "-w /a"}));
}

TEST(RuleSetTest, EndsAtTheFirstLineThatIsRefused) {
  const ExpectedRules expected = ExpectLines({"-w /a", "-w b", "-w /c", "-w d"});
  EXPECT_EQ(expected.rules.Rules(), Kernel({"-w /a"}));
  EXPECT_TRUE(expected.is_cut_off);
  ASSERT_EQ(expected.refused.size(), 2u);
  EXPECT_EQ(expected.refused[0].where, "file.rules:2");
  EXPECT_EQ(expected.refused[1].where, "file.rules:4");
}

TEST(RuleSetTest, GoesOnWhereTheFilesSaySo) {
  for (const char* const option : {"-i", "-c"}) {
    const ExpectedRules expected = ExpectLines({option, "-w /a", "-w b", "-w /c"});
    EXPECT_EQ(expected.rules.Rules(), Kernel({"-w /a", "-w /c"}));
    EXPECT_FALSE(expected.is_cut_off);
  }
}

TEST(RuleSetTest, RefusesARuleThatIsThereAndTheDeletionOfNone) {
  const ExpectedRules expected = ExpectLines({"-c", "-w /a", "-w /a -p rwxa", "-W /b"});
  ASSERT_EQ(expected.refused.size(), 2u);
  EXPECT_THAT(expected.refused[0].Message(), testing::StartsWith("file.rules:3: "));
  EXPECT_THAT(expected.refused[1].Message(), testing::HasSubstr("no such rule"));
}

TEST(RuleDriftTest, FindsNothingWhereThereIsNothing) {
  const std::vector<std::string> lines = {"-D", "-b 8192", "-w /a -p wa", "-e 1"};
  const RuleDrift drift =
      CompareRules(ExpectLines(lines), Kernel(lines), {.enabled = 1, .backlog_limit = 8192});
  EXPECT_TRUE(drift.empty()) << drift.RecordText();
}

TEST(RuleDriftTest, TellsRulesThatAreMissingAndThoseThatNobodyWrote) {
  const RuleDrift drift =
      CompareRules(ExpectLines({"-w /a", "-w /b", "-w /c"}), Kernel({"-w /b", "-w /x -k y"}), {});
  EXPECT_THAT(drift.missing, testing::ElementsAre("-w /a -p rwxa", "-w /c -p rwxa"));
  EXPECT_THAT(drift.unexpected, testing::ElementsAre("-w /x -p rwxa -k y"));
  EXPECT_FALSE(drift.empty());
}

TEST(RuleDriftTest, TellsAnotherOrder) {
  const std::vector<std::string> never = {"-a never,exit -S all -F uid=1", "-w /a"};
  const RuleDrift drift = CompareRules(ExpectLines(never), Kernel({never[1], never[0]}), {});
  EXPECT_TRUE(drift.is_reordered);
  EXPECT_TRUE(drift.missing.empty() && drift.unexpected.empty());
}

TEST(RuleDriftTest, TellsSettingsThatFilesHave) {
  const ExpectedRules expected =
      ExpectLines({"-b 8192", "-f 1", "-e 1", "--backlog_wait_time 5", "--loginuid-immutable"});
  const RuleDrift drift = CompareRules(
      expected, {}, {.failure = 1, .rate_limit = 7, .backlog_limit = 64, .backlog_wait_time = 5});
  EXPECT_THAT(drift.settings,
              testing::ElementsAre("enabled is 0, not 1", "backlog_limit is 64, not 8192",
                                   "loginuid_immutable is 0, not 1"));
}

TEST(RuleDriftTest, IsNotWhatIsWrongInTheFiles) {
  const RuleDrift drift = CompareRules(ExpectLines({"-i", "-w a", "-w /b"}), Kernel({"-w /b"}), {});
  EXPECT_TRUE(drift.empty());
  ASSERT_EQ(drift.refused.size(), 1u);
  EXPECT_THAT(drift.RecordText(), testing::HasSubstr("refused=1 first_refused="));
}

TEST(RuleDriftTest, IsOneLineOfARecord) {
  const RuleDrift drift =
      CompareRules(ExpectLines({"-b 5", "-w /a"}), Kernel({"-w /b"}), {.backlog_limit = 64});
  EXPECT_EQ(drift.RecordText(),
            "missing=1 unexpected=1 settings=1 reordered=no refused=0"
            " first_missing=2D77202F61202D702072777861"
            " first_unexpected=2D77202F62202D702072777861"
            " first_setting=6261636B6C6F675F6C696D69742069732036342C206E6F742035");
}

}  // namespace
}  // namespace client_plugin
