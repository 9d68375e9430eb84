#include "storage/store_directory.h"

#include <fstream>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/storage/temporary_directory.h"

namespace storage {
namespace {

using testing::HasSubstr;

class StoreDirectoryTest : public testing::Test {
 protected:
  void WriteFile(const std::string& name, const std::string& text) {
    std::ofstream(path_ + "/" + name) << text;
  }

  // What an administrator reads when the store cannot be opened.
  std::string Refusal() {
    const auto opened = StoreDirectory::OpenForWriting(path_);
    EXPECT_FALSE(opened.ok());
    return std::string(opened.status().message());
  }

  TemporaryDirectory temporary_;
  std::string path_ = temporary_.path() + "/store";
};

TEST_F(StoreDirectoryTest, MakesAStoreThatCanBeOpenedAgain) {
  ASSERT_TRUE(StoreDirectory::OpenForWriting(path_).ok());
  EXPECT_TRUE(StoreDirectory::CheckForReading(path_).ok());
  EXPECT_TRUE(StoreDirectory::OpenForWriting(path_).ok());
}

TEST_F(StoreDirectoryTest, RefusesASecondWriterAndNamesTheFirst) {
  const auto first = StoreDirectory::OpenForWriting(path_);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(Refusal(), "store " + path_ + ": is in use by process " + std::to_string(getpid()));
  EXPECT_TRUE(StoreDirectory::CheckForReading(path_).ok());
}

TEST_F(StoreDirectoryTest, RefusesANewerFormat) {
  ASSERT_TRUE(StoreDirectory::OpenForWriting(path_).ok());
  WriteFile("FORMAT", "auspex store format 1000\n");
  EXPECT_THAT(Refusal(), HasSubstr("has format 1000, this program knows formats up to 6"));
  EXPECT_TRUE(absl::IsFailedPrecondition(StoreDirectory::CheckForReading(path_)));
}

TEST_F(StoreDirectoryTest, BringsAnOldFormatUpToDateWhenItMayWrite) {
  ASSERT_TRUE(StoreDirectory::OpenForWriting(path_).ok());
  WriteFile("FORMAT", "auspex store format 1\n");
  EXPECT_THAT(std::string(StoreDirectory::CheckForReading(path_).message()),
              HasSubstr("has the old format 1: start auspexd on it once"));
  EXPECT_TRUE(StoreDirectory::OpenForWriting(path_).ok());
  EXPECT_TRUE(StoreDirectory::CheckForReading(path_).ok());
}

TEST_F(StoreDirectoryTest, ReadsTheFormatBeforeAsItIs) {
  ASSERT_TRUE(StoreDirectory::OpenForWriting(path_).ok());
  WriteFile("FORMAT", "auspex store format 3\n");
  EXPECT_TRUE(StoreDirectory::CheckForReading(path_).ok());
}

TEST_F(StoreDirectoryTest, RefusesAFormatThatSaysNothing) {
  for (const char* text : {"", "auspex store format\n", "auspex store format x\n", "hello\n",
                           "auspex store format 0\n"}) {
    std::filesystem::create_directory(path_);
    WriteFile("FORMAT", text);
    EXPECT_THAT(Refusal(), HasSubstr("FORMAT does not say")) << text;
  }
}

TEST_F(StoreDirectoryTest, RefusesADirectoryOfSomethingElse) {
  std::filesystem::create_directory(path_);
  WriteFile("important.txt", "mine");
  EXPECT_THAT(Refusal(), HasSubstr("holds files, but no store"));
  EXPECT_FALSE(std::filesystem::exists(path_ + "/LOCK"));
}

TEST_F(StoreDirectoryTest, RefusesAMissingParent) {
  path_ += "/below/nothing";
  const auto opened = StoreDirectory::OpenForWriting(path_);
  EXPECT_TRUE(absl::IsNotFound(opened.status()));
  EXPECT_THAT(std::string(opened.status().message()), HasSubstr(path_));
}

TEST_F(StoreDirectoryTest, RefusesAFile) {
  std::ofstream(path_) << "a file";
  EXPECT_THAT(Refusal(), HasSubstr(path_));
}

TEST_F(StoreDirectoryTest, ReadsNothingWhereThereIsNothing) {
  EXPECT_TRUE(absl::IsNotFound(StoreDirectory::CheckForReading(path_)));
}

}  // namespace
}  // namespace storage
