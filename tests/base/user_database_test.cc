#include "base/user_database.h"

#include <gtest/gtest.h>

namespace base {
namespace {

TEST(UserDatabase, KnowsTheUsersAndGroupsOfThisHost) {
  EXPECT_EQ(FindUser("root").value_or(1), 0u);
  EXPECT_EQ(FindGroup("root").value_or(1), 0u);
  EXPECT_EQ(FindUserName(0), "root");
  EXPECT_EQ(FindGroupName(0), "root");
}

TEST(UserDatabase, SaysThatThereIsNone) {
  EXPECT_TRUE(absl::IsNotFound(FindUser("no-such-user").status()));
  EXPECT_TRUE(absl::IsNotFound(FindGroup("no-such-group").status()));
  EXPECT_EQ(FindUserName(3'999'999'999), std::nullopt);
  EXPECT_EQ(FindGroupName(3'999'999'999), std::nullopt);
}

}  // namespace
}  // namespace base
