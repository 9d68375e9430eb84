#include "server/api/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace server {
namespace {

TEST(AccessRules, TakesTheFirstLineThatMatches) {
  const auto rules = AccessRules::Parse(
      "# who may do what\n"
      "\n"
      "none    web13\n"
      " ingest\tweb*\r\n"
      "viewer  alice  web* db[12]\n"
      "admin   ops-*",
      "f");
  ASSERT_TRUE(rules.ok()) << rules.status();
  EXPECT_EQ(rules->GrantOf("web13"), Grant{.role = Role::kNone});
  EXPECT_EQ(rules->GrantOf("web1"), Grant{.role = Role::kIngest});
  EXPECT_EQ(rules->GrantOf("alice"), (Grant{.role = Role::kViewer, .hosts = {"web*", "db[12]"}}));
  EXPECT_EQ(rules->GrantOf("ops-7"), Grant{.role = Role::kAdmin});
  EXPECT_EQ(rules->GrantOf("stranger"), Grant{.role = Role::kNone});
}

TEST(AccessRules, AreThatEveryoneIsAnAgentWithoutAFile) {
  EXPECT_EQ(AccessRules().GrantOf("web1"), Grant{.role = Role::kIngest});
}

TEST(AccessRules, NameTheLineThatIsWrong) {
  const struct {
    std::string text;
    std::string message;
  } cases[] = {
      {"ingest *\nowner bob\n", "f:2: \"owner\" is no role: ingest, viewer, admin or none"},
      {"ingest\n", "f:1: whom the role is for is missing"},
      {"\n\nviewer alice\n", "f:3: a viewer needs hosts that it may see: * for all"},
      {"ingest web1 web2\n", "f:1: only a viewer has hosts"},
      {std::string((1 << 20) + 1, '#'), "f: longer than 1 MB"},
  };
  for (const auto& [text, message] : cases) {
    const auto rules = AccessRules::Parse(text, "f");
    ASSERT_FALSE(rules.ok()) << message;
    EXPECT_EQ(std::string(rules.status().message()), message);
  }
}

TEST(AccessRules, SayWhichFileIsNotThere) {
  const auto rules = AccessRules::ReadFile("/no/such/file");
  EXPECT_TRUE(absl::IsNotFound(rules.status()));
  EXPECT_EQ(std::string(rules.status().message()), "/no/such/file: No such file or directory");
}

}  // namespace
}  // namespace server
