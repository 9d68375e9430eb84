// libaudit's builder of rules decides which fields there are. It asks the kernel about some, keeps
// the state of a rule in variables of the library, and prints; so we have our own, and this.

#include "client-plugin/rules/rule_field.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace client_plugin {
namespace {

// None if libaudit refuses it.
std::optional<RuleField> ByLibaudit(std::string pair, uint32_t list) {
  set_aumessage_mode(MSG_QUIET, DBG_NO);
  audit_rule_data* rule = audit_rule_create_data();
  const int refused = audit_rule_fieldpair_data(&rule, pair.data(), static_cast<int>(list));
  const KernelRule owner(rule);
  if (refused != 0) return std::nullopt;
  const absl::StatusOr<AuditRule> read = FromKernel(*rule, sizeof(*rule) + rule->buflen);
  EXPECT_TRUE(read.ok()) << pair;
  return read->fields.at(0);
}

// Fields of which libaudit asks the kernel, and keys, which it takes behind others only.
const std::vector<std::string> kNames = {
    "pid",      "uid",       "euid",      "suid",      "fsuid",       "gid",
    "egid",     "sgid",      "fsgid",     "auid",      "pers",        "arch",
    "msgtype",  "subj_user", "subj_role", "subj_type", "subj_sen",    "subj_clr",
    "ppid",     "obj_user",  "obj_role",  "obj_type",  "obj_lev_low", "obj_lev_high",
    "devmajor", "devminor",  "inode",     "exit",      "success",     "path",
    "perm",     "dir",       "filetype",  "obj_uid",   "obj_gid",     "field_compare",
    "a0",       "a1",        "a2",        "a3",        "saddr_fam",   "nosuch"};
const std::vector<std::string> kOperators = {"=", "!=", "<", "<=", ">", ">=", "&", "&="};
const std::vector<std::string> kValues = {"0",     "1",    "007",  "0x1f", "12abc", "4294967295",
                                          "-1",    "-13",  "abc",  "root", "unset", "-EACCES",
                                          "EPERM", "b64",  "b32",  "i386", "rwxa",  "file",
                                          "CWD",   "1307", "/etc", "%"};

TEST(RuleFieldTest, IsWhatLibauditMakesOfIt) {
  size_t accepted = 0;
  for (const uint32_t list : {AUDIT_FILTER_EXIT, AUDIT_FILTER_TASK, AUDIT_FILTER_USER}) {
    for (const std::string& name : kNames) {
      for (const std::string& op : kOperators) {
        for (const std::string& value : kValues) {
          const std::string text = name + op + value;
          const absl::StatusOr<RuleField> ours = ParseRuleField(text, list);
          const std::optional<RuleField> theirs = ByLibaudit(text, list);
          if (ours.ok()) {
            ++accepted;
            ASSERT_TRUE(theirs.has_value()) << text << " on list " << list;
            EXPECT_EQ(*ours, *theirs) << text;
          }
        }
      }
    }
  }
  EXPECT_GT(accepted, 4000u);
}

// What libaudit takes and the kernel does not, we refuse; AuditctlOracleTest asks the kernel.
TEST(RuleFieldTest, RefusesOnlyWhatTheKernelDoes) {
  for (const std::string& name : kNames) {
    for (const std::string& value : kValues) {
      const std::string text = name + "=" + value;
      const std::optional<RuleField> theirs = ByLibaudit(text, AUDIT_FILTER_EXIT);
      const absl::StatusOr<RuleField> ours = ParseRuleField(text, AUDIT_FILTER_EXIT);
      if (!theirs || ours.ok()) continue;
      const bool is_never_unset = theirs->value == UINT32_MAX && name.ends_with("id");
      const bool is_no_path = name == "path" || name == "dir";
      const bool is_no_number = name == "saddr_fam";
      EXPECT_TRUE(is_never_unset || is_no_path || is_no_number) << text << ": " << ours.status();
    }
  }
}

TEST(RuleFieldTest, ComparesFieldsInEitherOrder) {
  const auto one = ParseRuleComparison("auid!=obj_uid", AUDIT_FILTER_EXIT);
  const auto other = ParseRuleComparison("obj_uid!=auid", AUDIT_FILTER_EXIT);
  ASSERT_TRUE(one.ok() && other.ok());
  EXPECT_EQ(*one, *other);
  EXPECT_EQ(one->value, uint32_t{AUDIT_COMPARE_AUID_TO_OBJ_UID});
  EXPECT_EQ(one->op, AUDIT_NOT_EQUAL);
}

}  // namespace
}  // namespace client_plugin
