#include "client-plugin/rules/trace_rules.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client-plugin/rules/rule_parser.h"
#include "client-plugin/rules/rule_text.h"

namespace client_plugin {
namespace {

TEST(TraceRulesTest, AreOfTheProcessAndItsChildren) {
  const auto rules = TraceRules(123, false);
  ASSERT_TRUE(rules.ok()) << rules.status();
  std::vector<std::string> texts;
  for (const AuditRule& rule : *rules) texts.push_back(RuleText(rule));
  EXPECT_THAT(texts, testing::ElementsAre("-a always,exit -S all -F pid=123 -F key=auspex-trace",
                                          "-a always,exit -S all -F ppid=123 -F key=auspex-trace"));
  const auto fewer = TraceRules(123, true);
  ASSERT_TRUE(fewer.ok()) << fewer.status();
  EXPECT_THAT(RuleText(fewer->front()), testing::HasSubstr("execve"));
  EXPECT_FALSE(fewer->front().has_all_syscalls());
}

TEST(TraceRulesTest, FindHolesInATrace) {
  const auto check = [](const std::string& line) {
    return CheckTraceable({ParseRuleLine(line)->rule});
  };
  EXPECT_TRUE(check("-w /etc/passwd -k x").ok());
  EXPECT_TRUE(check("-a always,exclude -F msgtype=EOE").ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(check("-a never,task")));
  EXPECT_TRUE(absl::IsFailedPrecondition(check("-a never,exit -S all -F uid=0")));
}

}  // namespace
}  // namespace client_plugin
