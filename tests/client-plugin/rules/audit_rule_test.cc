#include "client-plugin/rules/audit_rule.h"

#include <string>

#include <gtest/gtest.h>

#include "client-plugin/rules/rule_parser.h"

namespace client_plugin {
namespace {

AuditRule Rule(const std::string& text) {
  const absl::StatusOr<RuleLine> line = ParseRuleLine(text);
  EXPECT_TRUE(line.ok()) << line.status();
  return line.ok() ? line->rule : AuditRule();
}

TEST(AuditRuleTest, ComesBackFromTheFormOfTheKernel) {
  for (const char* const text : {
           "-w /etc/passwd -p wa -k a -k b",
           "-a always,exit -F arch=b64 -S execve -F subj_user=u -F uid>=5 -F exe=/bin/x -k c",
           "-a never,task",
       }) {
    const AuditRule rule = Rule(text);
    const KernelRule data = ToKernel(rule);
    const absl::StatusOr<AuditRule> back = FromKernel(*data, sizeof(*data) + data->buflen);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, rule) << text;
  }
}

TEST(AuditRuleTest, DoesNotBelieveLengthsThatCannotBe) {
  const KernelRule data = ToKernel(Rule("-w /etc/passwd -p wa -k key"));
  const size_t bytes = sizeof(*data) + data->buflen;
  EXPECT_TRUE(FromKernel(*data, bytes).ok());
  EXPECT_TRUE(absl::IsDataLoss(FromKernel(*data, bytes - 1).status()));
  EXPECT_TRUE(absl::IsDataLoss(FromKernel(*data, 5).status()));
  data->values[0] += 4;
  EXPECT_TRUE(absl::IsDataLoss(FromKernel(*data, bytes).status()));
  data->values[0] -= 4;
  data->field_count = AUDIT_MAX_FIELDS + 1;
  EXPECT_TRUE(absl::IsDataLoss(FromKernel(*data, bytes).status()));
}

TEST(AuditRuleTest, FindsKeysByAPartOfThem) {
  const AuditRule rule = Rule("-w /etc/passwd -k first -k second");
  EXPECT_TRUE(rule.HasKey("rst"));
  EXPECT_TRUE(rule.HasKey("second"));
  EXPECT_FALSE(rule.HasKey("/etc"));
}

}  // namespace
}  // namespace client_plugin
