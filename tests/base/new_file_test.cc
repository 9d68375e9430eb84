#include "base/new_file.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sys/stat.h>

#include <gtest/gtest.h>

#include "tests/storage/temporary_directory.h"

namespace base {
namespace {

class WriteNewFileTest : public testing::Test {
 protected:
  std::string Content() const {
    std::ifstream file(path_);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  mode_t Mode() const {
    struct stat status {};
    EXPECT_EQ(stat(path_.c_str(), &status), 0);
    return status.st_mode & 07777;
  }

  // Of all that is in the directory.
  ptrdiff_t FileCount() const {
    return std::distance(std::filesystem::directory_iterator(directory_.path()), {});
  }

  const TemporaryDirectory directory_;
  const std::string path_ = directory_.path() + "/file";
};

TEST_F(WriteNewFileTest, WritesTheContentWithTheModeWhateverTheUmaskIs) {
  const mode_t before = umask(0077);
  const absl::Status open = WriteNewFile(path_, "text", {.mode = 0644});
  EXPECT_TRUE(open.ok()) << open;
  EXPECT_EQ(Mode(), 0644u);
  umask(0);
  const absl::Status secret = WriteNewFile(path_, "key", {.mode = 0600, .replaces = true});
  umask(before);
  EXPECT_TRUE(secret.ok()) << secret;
  EXPECT_EQ(Mode(), 0600u);
  EXPECT_EQ(Content(), "key");
  EXPECT_EQ(FileCount(), 1);
}

TEST_F(WriteNewFileTest, LeavesAloneWhatIsThereUnlessItReplaces) {
  ASSERT_TRUE(WriteNewFile(path_, "first").ok());
  const absl::Status refused = WriteNewFile(path_, "second");
  EXPECT_TRUE(absl::IsAlreadyExists(refused)) << refused;
  EXPECT_EQ(refused.message(), path_ + ": File exists");
  EXPECT_EQ(Content(), "first");
  EXPECT_EQ(FileCount(), 1);
}

TEST_F(WriteNewFileTest, ReplacesALinkAndNotWhatItPointsTo) {
  const std::string target = directory_.path() + "/target";
  ASSERT_TRUE(WriteNewFile(target, "theirs").ok());
  std::filesystem::create_symlink(target, path_);
  EXPECT_TRUE(absl::IsAlreadyExists(WriteNewFile(path_, "ours")));
  EXPECT_TRUE(WriteNewFile(path_, "ours", {.replaces = true}).ok());
  EXPECT_EQ(Content(), "ours");
  EXPECT_FALSE(std::filesystem::is_symlink(path_));
}

TEST_F(WriteNewFileTest, SaysWhatIsMissing) {
  const std::string nowhere = directory_.path() + "/no/file";
  const absl::Status status = WriteNewFile(nowhere, "text");
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_EQ(status.message(), nowhere + ": No such file or directory");
}

TEST_F(WriteNewFileTest, LeavesNothingBehindWhenItCannotTakeThePlace) {
  std::filesystem::create_directory(path_);
  EXPECT_FALSE(WriteNewFile(path_, "text", {.replaces = true}).ok());
  EXPECT_TRUE(std::filesystem::is_directory(path_));
  EXPECT_EQ(FileCount(), 1);
}

}  // namespace
}  // namespace base
