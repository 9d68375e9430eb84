#include "client-plugin/kernel_record.h"

#include <libaudit.h>

#include <gtest/gtest.h>

namespace client_plugin {
namespace {

std::string Line(uint16_t type, std::string_view payload) {
  std::string line;
  AppendLine(type, payload, &line);
  return line;
}

TEST(KernelRecord, IsTheLineThatAuditdWrites) {
  EXPECT_EQ(Line(AUDIT_SYSCALL, "audit(1626611363.720:5): arch=c000003e syscall=59"),
            "type=SYSCALL msg=audit(1626611363.720:5): arch=c000003e syscall=59");
  EXPECT_EQ(Line(AUDIT_EOE, std::string_view("audit(1626611363.720:5): \0", 26)),
            "type=EOE msg=audit(1626611363.720:5):");
  EXPECT_EQ(Line(1998, "audit(1.000:1): x\n"), "type=UNKNOWN[1998] msg=audit(1.000:1): x");
  EXPECT_EQ(Line(60000, "audit(1.000:1): x"), "type=UNKNOWN[60000] msg=audit(1.000:1): x");
}

TEST(KernelRecord, IsOneLine) {
  EXPECT_EQ(Line(AUDIT_USER, "audit(1.000:1): msg='a\nb\xff'"),
            "type=USER msg=audit(1.000:1): msg='a b\xff'");
}

TEST(KernelRecord, IsNoAnswer) {
  for (const int type : {NLMSG_ERROR, NLMSG_DONE, AUDIT_GET, AUDIT_LIST_RULES, AUDIT_REPLACE}) {
    EXPECT_FALSE(IsRecord(static_cast<uint16_t>(type))) << type;
  }
  for (const int type :
       {AUDIT_USER, AUDIT_LOGIN, AUDIT_USER_LOGIN, AUDIT_SYSCALL, AUDIT_EOE, AUDIT_KERNEL}) {
    EXPECT_TRUE(IsRecord(static_cast<uint16_t>(type))) << type;
  }
}

}  // namespace
}  // namespace client_plugin
