#include "client-plugin/rules/kernel_audit.h"

#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client-plugin/rules/rule_drift.h"
#include "client-plugin/rules/rule_load.h"
#include "tests/client-plugin/rules/kernel_audit_fixture.h"

namespace client_plugin {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class KernelAuditTest : public KernelAuditFixture {
 protected:
  RuleLoad Load(const std::string& text) {
    const std::string file = WriteRules("10-test.rules", text);
    const auto lines = ReadRules(places_, {.must_be_roots = true});
    EXPECT_TRUE(lines.ok()) << lines.status();
    if (!lines.ok()) return {};
    absl::StatusOr<RuleLoad> load = LoadRules(*lines, *kernel_);
    EXPECT_TRUE(load.ok()) << load.status();
    return load.ok() ? *std::move(load) : RuleLoad();
  }

  RuleDrift Drift() {
    absl::StatusOr<RuleDrift> drift = CheckDrift(places_, {.must_be_roots = true});
    EXPECT_TRUE(drift.ok()) << drift.status();
    return drift.ok() ? *std::move(drift) : RuleDrift();
  }

  const std::vector<RulePlace> places_ = {{.path = directory_.path(), .is_directory = true}};
};

TEST_F(KernelAuditTest, KeepsRulesAndGivesThemBack) {
  Do("-w /etc/passwd -p wa -k one");
  Do("-a never,task -F uid=12345");
  Do("-A always,exit -S all -F uid=12345 -F key=two");
  EXPECT_THAT(Texts(), ElementsAre("-a never,task -F uid=12345",
                                   "-a always,exit -S all -F uid=12345 -F key=two",
                                   "-w /etc/passwd -p wa -k one"));
  Do("-W /etc/passwd -p wa -k one");
  Do("-D -k tw");
  EXPECT_THAT(Texts(), ElementsAre("-a never,task -F uid=12345"));
}

TEST_F(KernelAuditTest, KnowsTheListOfIoUring) {
  const AuditRule rule = ParseRuleLine("-a always,io_uring -S openat,sendmsg -F uid=7 -k x")->rule;
  if (!kernel_->Append(rule).ok()) GTEST_SKIP() << "no io_uring in this kernel";
  EXPECT_THAT(Texts(), ElementsAre("-a always,io_uring -S sendmsg,openat -F uid=7 -F key=x"));
}

TEST_F(KernelAuditTest, SaysWhatTheKernelSays) {
  const AuditRule rule = ParseRuleLine("-w /etc/passwd -k one")->rule;
  EXPECT_TRUE(absl::IsNotFound(kernel_->Delete(rule)));
  ASSERT_TRUE(kernel_->Append(rule).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(kernel_->Append(rule)));
  AuditRule wrong = rule;
  wrong.fields[0].text = "etc";
  EXPECT_TRUE(absl::IsInvalidArgument(kernel_->Append(wrong)));
}

TEST_F(KernelAuditTest, SetsAndTellsSettings) {
  Do("-b 321 -r 12345 --backlog_wait_time 4321 -f 0");
  const absl::StatusOr<KernelAuditState> state = kernel_->State();
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->backlog_limit, 321u);
  EXPECT_EQ(state->rate_limit, 12345u);
  EXPECT_EQ(state->backlog_wait_time, 4321u);
  EXPECT_EQ(state->failure, 0u);
}

TEST_F(KernelAuditTest, LoadsUntilALineIsRefused) {
  const RuleLoad load = Load("-w /etc/passwd\n-w /no/such/directory/x\n-w /etc/group\n");
  EXPECT_FALSE(load.is_complete);
  EXPECT_EQ(load.accepted, 1u);
  ASSERT_EQ(load.refused.size(), 1u);
  EXPECT_EQ(load.refused[0].where, directory_.path() + "/10-test.rules:2");
  EXPECT_THAT(load.refused[0].why, HasSubstr("directory of its path"));
  EXPECT_THAT(Texts(), ElementsAre("-w /etc/passwd -p rwxa"));
}

TEST_F(KernelAuditTest, GoesOnBehindErrorsWhereTheFileSaysSo) {
  const std::string rules = "-w /etc/passwd\n-w x\n-w /etc/passwd\n-w /etc/group\n";
  const RuleLoad ignoring = Load("-D\n-i\n" + rules);
  EXPECT_TRUE(ignoring.is_complete);
  EXPECT_EQ(ignoring.refused.size(), 2u);
  EXPECT_THAT(Rules(), testing::SizeIs(2));
  const RuleLoad counting = Load("-D\n-c\n" + rules);
  EXPECT_FALSE(counting.is_complete);
  EXPECT_THAT(Rules(), testing::SizeIs(2));
}

TEST_F(KernelAuditTest, FindsThatRulesHaveDrifted) {
  Load("-D\n-b 8192\n-w /etc/passwd -k one\n-a always,exit -F arch=b64 -S execve -F auid!=unset\n");
  EXPECT_TRUE(Drift().empty()) << Drift().RecordText();

  Do("-b 100");
  Do("-W /etc/passwd -k one");
  Do("-w /etc/group -k two");
  const RuleDrift drift = Drift();
  EXPECT_THAT(drift.missing, ElementsAre("-w /etc/passwd -p rwxa -k one"));
  EXPECT_THAT(drift.unexpected, ElementsAre("-w /etc/group -p rwxa -k two"));
  EXPECT_THAT(drift.settings, ElementsAre("backlog_limit is 100, not 8192"));

  Do("-D");
  EXPECT_THAT(Drift().missing, testing::SizeIs(2));
}

TEST_F(KernelAuditTest, ListsAndComparesMoreThanOneAnswerHolds) {
  std::string text = "-D\n";
  for (int i = 0; i < 300; ++i) {
    text += "-a always,exit -F arch=b64 -S open,openat -F uid=" + std::to_string(i) + " -k many\n";
  }
  Load(text);
  EXPECT_THAT(Rules(), testing::SizeIs(300));
  EXPECT_TRUE(Drift().empty()) << Drift().RecordText();
}

}  // namespace
}  // namespace client_plugin
