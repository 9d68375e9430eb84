#include "cli/progress.h"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cli {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

class ProgressTest : public testing::Test {
 protected:
  ProgressOptions Options(size_t columns) {
    return {.stream = stream_, .columns = columns, .now = [this] { return now_; }};
  }

  std::ostringstream stream_;
  std::chrono::steady_clock::time_point now_;
};

TEST_F(ProgressTest, ShowsNothingInTheFirstSecond) {
  Progress progress(Options(80));
  now_ += milliseconds(999);
  progress.Show("a.log", 1, 2);
  EXPECT_EQ(stream_.str(), "");
  now_ += milliseconds(1);
  progress.Show("a.log", 1'000'000, 2'000'000);
  EXPECT_THAT(stream_.str(), HasSubstr("50%  1 of 2 MB  a.log"));
}

TEST_F(ProgressTest, DrawsTenTimesASecondAtMost) {
  Progress progress(Options(80));
  now_ += milliseconds(1000);
  progress.Show("a.log", 1, 2);
  const std::string drawn = stream_.str();
  now_ += milliseconds(99);
  progress.Show("a.log", 2, 2);
  EXPECT_EQ(stream_.str(), drawn);
}

TEST_F(ProgressTest, ShowsNothingWhereThereIsNoTerminal) {
  Progress progress(Options(0));
  now_ += milliseconds(5000);
  progress.Show("a.log", 1, 2);
  EXPECT_EQ(stream_.str(), "");
}

TEST_F(ProgressTest, FitsIntoANarrowTerminalAndGoesAwayAtTheEnd) {
  {
    Progress progress(Options(10));
    now_ += milliseconds(5000);
    progress.Show("a.log", 7'000'000, 0);
  }
  EXPECT_EQ(stream_.str(), "\r\033[K7 MB  a.l\r\033[K");
}

}  // namespace
}  // namespace cli
