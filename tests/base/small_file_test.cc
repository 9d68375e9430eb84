#include "base/small_file.h"

#include <fstream>
#include <sys/stat.h>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/storage/temporary_directory.h"

namespace base {
namespace {

using testing::HasSubstr;

class ReadSmallFileTest : public testing::Test {
 protected:
  const TemporaryDirectory directory_;
  const std::string path_ = directory_.path() + "/file";
};

TEST_F(ReadSmallFileTest, ReadsAllOrTheBeginning) {
  std::ofstream(path_) << "12345";
  EXPECT_EQ(ReadSmallFile(path_, 5).value_or(""), "12345");
  EXPECT_EQ(ReadSmallFile(path_, 4).value_or(""), "1234");
  EXPECT_EQ(ReadSmallFile("/proc/self/comm", 100).ok(), true);  // Which says that it has no bytes.
}

TEST_F(ReadSmallFileTest, NamesTheFileThatCannotBeRead) {
  const absl::Status missing = ReadSmallFile(path_, 5).status();
  EXPECT_TRUE(absl::IsNotFound(missing));
  EXPECT_THAT(std::string(missing.message()), HasSubstr(path_ + ": No such file"));
  const absl::Status directory = ReadSmallFile(directory_.path(), 5).status();
  EXPECT_THAT(std::string(directory.message()), HasSubstr(": Is a directory"));
}

// A server that waited for its writer would wait for ever.
TEST_F(ReadSmallFileTest, WaitsForAPipeOnlyWhereItMay) {
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  EXPECT_THAT(std::string(ReadSmallFile(path_, 5).status().message()),
              HasSubstr(path_ + ": this is a pipe"));
  std::thread writer([this] { std::ofstream(path_) << "12345"; });
  EXPECT_EQ(ReadSmallFile(path_, 9, true).value_or(""), "12345");
  writer.join();
}

}  // namespace
}  // namespace base
