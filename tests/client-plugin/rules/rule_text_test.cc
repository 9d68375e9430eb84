#include "client-plugin/rules/rule_text.h"

#include <string>

#include <gtest/gtest.h>

#include "client-plugin/rules/rule_parser.h"

namespace client_plugin {
namespace {

std::string Listed(const std::string& text) {
  const absl::StatusOr<RuleLine> line = ParseRuleLine(text);
  EXPECT_TRUE(line.ok()) << text << ": " << line.status();
  return line.ok() ? RuleText(line->rule) : "";
}

// AuditctlOracleTest compares many more with `auditctl -l`.
TEST(RuleTextTest, IsTheLineThatMakesTheRule) {
  for (const char* const line : {
           "-w /etc/no-such-file -p wa -k a -k b",
           "-w /etc/my\\ file\\\\ -p rwxa",
           "-a always,exit -F arch=b64 -S execve,execveat -F auid>=1000 -F auid!=-1 -F key=x",
           "-a never,task -F uid=0",
           "-a always,io_uring -S openat,64 -F uid=0 -F key=x",
           "-a always,exclude -F msgtype=CWD",
           "-a never,filesystem -F fstype=tracefs -F key=x",
           "-a always,exit -S all -F exit=-EACCES -F success=0 -F a0&=0x1F -F inode!=7",
           "-a always,exit -S all -C uid!=euid -C sgid=fsgid",
           // Of these auditctl prints what it does not take, or another rule.
           "-a always,exit -S open -F key!=x",
           "-a always,exit -F arch=s390x -S execve",
           "-a always,exit -S all -F pid=4294967295 -F gid=4294967294",
           "-a always,exit -S all -F perm=r -F perm=w -F path=/etc/passwd",
           "-a always,exit -S all -F filetype=socket",
           "-a always,exit -S all -F exe!=/usr/bin/ls -F key=x",
           "-a always,exit -S all -F perm=wa -F key=x",
           "-a never,exit -S all -F path=/etc/passwd -F perm=wa",
       }) {
    EXPECT_EQ(Listed(line), line);
  }
  EXPECT_EQ(Listed("-a always,exit -F perm=wa -F path=/etc/passwd -F key=x"),
            "-w /etc/passwd -p wa -k x");
}

TEST(RuleTextTest, ShowsWhatHasNoName) {
  AuditRule rule = {
      .list = AUDIT_FILTER_EXIT, .action = AUDIT_ALWAYS, .syscalls = {}, .fields = {}};
  rule.syscalls[30] = 1;
  rule.fields = {{.field = 999, .op = AUDIT_EQUAL, .value = 5, .text = ""},
                 {.field = AUDIT_ARCH, .op = AUDIT_EQUAL, .value = 0x1234, .text = ""},
                 {.field = AUDIT_FIELD_COMPARE, .op = AUDIT_EQUAL, .value = 99, .text = ""}};
  EXPECT_EQ(RuleText(rule), "-a always,exit -F arch=0x1234 -S 960 f999=5 -F field_compare=99");
}

}  // namespace
}  // namespace client_plugin
