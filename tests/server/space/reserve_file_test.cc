#include "server/space/reserve_file.h"

#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "storage/store_directory.h"
#include "tests/server/space/scratch_directory.h"

namespace server {
namespace {

constexpr uint64_t kMb = 1 << 20;

uint64_t Available(const std::string& path) {
  struct statvfs file_system {};
  statvfs(path.c_str(), &file_system);
  return uint64_t{file_system.f_bavail} * file_system.f_frsize;
}

TEST(ReserveFile, HoldsWhatItWasAskedForAndGivesItBack) {
  const ScratchDirectory directory;
  ReserveFile reserve(directory.Path(""));
  EXPECT_EQ(reserve.held_bytes(), 0u);
  for (const uint64_t bytes : {2 * kMb, 3 * kMb, 1 * kMb}) {
    ASSERT_TRUE(reserve.Make(bytes).ok());
    EXPECT_EQ(reserve.held_bytes(), bytes);
  }
  ASSERT_TRUE(reserve.GiveBack().ok());
  ASSERT_TRUE(reserve.GiveBack().ok());
  EXPECT_EQ(reserve.held_bytes(), 0u);
}

TEST(ReserveFile, DoesNotCountHolesAndFollowsNoLink) {
  const ScratchDirectory directory;
  const std::string path = directory.Write("reserve", "");
  ASSERT_EQ(truncate(path.c_str(), 5 << 20), 0);
  ReserveFile reserve(directory.Path(""));
  EXPECT_EQ(reserve.held_bytes(), 0u);
  ASSERT_TRUE(reserve.GiveBack().ok());
  directory.Write("other", "precious");
  ASSERT_EQ(symlink(directory.Path("other").c_str(), path.c_str()), 0);
  EXPECT_FALSE(reserve.Make(kMb).ok());
  EXPECT_EQ(directory.Read("other"), "precious");
}

TEST(ReserveFile, BelongsToTheDirectoryOfAStore) {
  const ScratchDirectory directory;
  ASSERT_TRUE(ReserveFile(directory.Path("")).Make(kMb).ok());
  const auto store = storage::StoreDirectory::OpenForWriting(directory.Path(""));
  EXPECT_TRUE(store.ok()) << store.status();
}

TEST(ReserveFile, TakesAndGivesRealSpaceOfASmallDisk) {
  const ScratchDirectory directory;
  const std::string disk = directory.Path("disk");
  std::filesystem::create_directory(disk);
  if (mount("space-test", disk.c_str(), "tmpfs", 0, "size=16m") != 0) {
    GTEST_SKIP() << "mounting is not allowed here";
  }
  ReserveFile reserve(disk);
  const uint64_t before = Available(disk);
  ASSERT_TRUE(reserve.Make(4 * kMb).ok());
  EXPECT_EQ(Available(disk), before - 4 * kMb);
  // More than there is: it leaves nothing behind.
  EXPECT_FALSE(reserve.Make(64 * kMb).ok());
  EXPECT_EQ(reserve.held_bytes(), 0u);
  EXPECT_EQ(Available(disk), before);
  ASSERT_TRUE(reserve.Make(before).ok());
  EXPECT_EQ(Available(disk), 0u);
  ASSERT_TRUE(reserve.GiveBack().ok());
  EXPECT_EQ(Available(disk), before);
  EXPECT_EQ(umount2(disk.c_str(), MNT_DETACH), 0);
}

}  // namespace
}  // namespace server
