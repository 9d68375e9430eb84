#include "server/space/script_check.h"

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/space/scratch_directory.h"

namespace server {
namespace {

using testing::EndsWith;

class CheckScriptTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "only root can make a script that root owns";
  }

  static std::string Verdict(const std::string& path) {
    return std::string(CheckScript(path).message());
  }

  const ScratchDirectory directory_;
};

TEST_F(CheckScriptTest, TakesWhatOnlyRootCanChange) {
  EXPECT_EQ(Verdict(directory_.Write("a", "#!/bin/sh\n", 0750)), "");
  EXPECT_EQ(Verdict(directory_.Write("b", "#!/bin/sh\n", 0755)), "");
  symlink(directory_.Path("a").c_str(), directory_.Path("link").c_str());
  EXPECT_EQ(Verdict(directory_.Path("link")), "");
}

TEST_F(CheckScriptTest, RefusesWhatOthersCouldHaveMade) {
  EXPECT_THAT(Verdict("bin/x"), EndsWith("is not an absolute path"));
  EXPECT_THAT(Verdict(directory_.Path("none")), EndsWith("No such file or directory"));
  EXPECT_THAT(Verdict(directory_.Path("")), EndsWith("is not a regular file"));
  EXPECT_THAT(Verdict(directory_.Write("a", "", 0770)), EndsWith("can be written by others"));
  EXPECT_THAT(Verdict(directory_.Write("b", "", 0757)), EndsWith("can be written by others"));
  EXPECT_THAT(Verdict(directory_.Write("c", "", 0640)), EndsWith("cannot be run by its owner"));
  ASSERT_EQ(chown(directory_.Write("d", "").c_str(), 1, 0), 0);
  EXPECT_THAT(Verdict(directory_.Path("d")), EndsWith("does not belong to root"));
}

TEST_F(CheckScriptTest, RefusesADirectoryInWhichOthersCouldReplaceTheScript) {
  const std::string script = directory_.Write("a", "");
  chmod(directory_.Path("").c_str(), 0777);
  EXPECT_THAT(Verdict(script), EndsWith("can be written by others"));
  chmod(directory_.Path("").c_str(), 01777);
  EXPECT_EQ(Verdict(script), "");
  ASSERT_EQ(chown(directory_.Path("").c_str(), 1, 0), 0);
  EXPECT_THAT(Verdict(script), EndsWith("does not belong to root"));
}

}  // namespace
}  // namespace server
