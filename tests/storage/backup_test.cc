#include "storage/backup.h"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <random>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <thread>
#include <unistd.h>

#include "absl/strings/str_format.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/event_store.h"
#include "storage/store_directory.h"
#include "tests/storage/open_store.h"
#include "tests/storage/temporary_directory.h"

namespace storage {
namespace {

namespace fs = std::filesystem;

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Such as does not pack well.
std::string Line(uint32_t serial) {
  std::mt19937_64 random(serial);
  return absl::StrFormat("type=USER_LOGIN msg=audit(%d.%03d:%d): pid=7 a=%x b=%x c=%x",
                         1626611363 + serial / 1000, serial % 1000, serial, random(), random(),
                         random());
}

// A disk of its own at a directory, while it lives. Needs root.
class SmallDisk {
 public:
  SmallDisk(const std::string& path, const std::string& size) : path_(path) {
    fs::create_directory(path);
    is_there_ = mount("auspex-test", path.c_str(), "tmpfs", 0, ("size=" + size).c_str()) == 0;
  }
  ~SmallDisk() {
    if (is_there_) umount2(path_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool is_there() const { return is_there_; }

 private:
  const std::string path_;
  bool is_there_ = false;
};

// Says in short what is stored, backed up and restored.
class BackupTest : public testing::Test {
 protected:
  BackupTest() { Open(); }

  void Open() {
    store_.reset();
    store_ = OpenStore(path_, options_);
    ASSERT_NE(store_, nullptr);
  }

  absl::Status Append(uint32_t begin, uint32_t end) {
    Delivery delivery{.received_ms = 1626611364000};
    delivery.batches.emplace_back(Identity{.kind = IdentityKind::kNode, .name = "web1"},
                                  "192.0.2.7");
    for (; begin < end; ++begin) delivery.batches.back().Add(Line(begin));
    return store_->Append({&delivery, 1}).status();
  }

  void AppendUntil(uint32_t end) {
    while (next_serial_ < end) {
      const uint32_t next = std::min(next_serial_ + 500, end);
      ASSERT_TRUE(Append(next_serial_, next).ok());
      next_serial_ = next;
    }
  }

  absl::StatusOr<BackupResult> TryBackup(uint32_t keep_count = kBackupsKept) {
    return store_->Backup({.directory = backups_, .keep_count = keep_count});
  }

  BackupResult Backup(uint32_t keep_count = kBackupsKept) {
    const auto result = TryBackup(keep_count);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.value_or(BackupResult());
  }

  absl::StatusOr<RestoreResult> TryRestore(std::optional<uint32_t> id = {}) {
    return RestoreBackup(
        {.backup_directory = backups_, .id = id, .store_directory = restored_path_});
  }

  // The restored store, as it serves afterwards.
  std::unique_ptr<EventStore> Restore(std::optional<uint32_t> id = {}) {
    const auto restored = TryRestore(id);
    EXPECT_TRUE(restored.ok()) << restored.status();
    auto opened = EventStore::Open(restored_path_, options_);
    EXPECT_TRUE(opened.ok()) << opened.status();
    return opened.ok() ? *std::move(opened) : nullptr;
  }

  static std::vector<uint32_t> Serials(const EventStore& store) {
    std::vector<uint32_t> serials;
    const absl::Status searched = store.Search({}, [&](const FoundEvent& event) {
      serials.push_back(event.event.stamp().serial);
      return true;
    });
    EXPECT_TRUE(searched.ok()) << searched;
    return serials;
  }

  static std::vector<std::string> WrongIn(const EventStore& store) {
    std::vector<std::string> wrong;
    const absl::Status checked =
        store.Check({}, [&](const std::string& what) { wrong.push_back(what); });
    EXPECT_TRUE(checked.ok()) << checked;
    return wrong;
  }

  std::vector<uint32_t> Ids(bool is_damaged = false) {
    std::vector<uint32_t> ids;
    const auto entries = ListBackups(backups_);
    EXPECT_TRUE(entries.ok()) << entries.status();
    if (!entries.ok()) return ids;
    for (const BackupEntry& entry : *entries) {
      if (entry.is_damaged == is_damaged) ids.push_back(entry.id);
    }
    return ids;
  }

  // The largest file that backups share.
  std::string SharedFile() {
    std::string largest;
    for (const auto& entry : fs::directory_iterator(backups_ + "/backups/shared_checksum")) {
      if (largest.empty() || entry.file_size() > fs::file_size(largest)) largest = entry.path();
    }
    return largest;
  }

  static void FlipByte(const std::string& path) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    const auto middle = static_cast<std::streamoff>(fs::file_size(path) / 2);
    file.seekg(middle);
    const int byte = file.get();
    file.seekp(middle);
    file.put(static_cast<char>(byte ^ 1));
    ASSERT_TRUE(file.good());
  }

  TemporaryDirectory temporary_;
  std::string path_ = temporary_.path() + "/store";
  std::string backups_ = temporary_.path() + "/backups";
  std::string restored_path_ = temporary_.path() + "/restored";
  StoreOptions options_;
  std::unique_ptr<EventStore> store_;
  uint32_t next_serial_ = 1;
};

TEST_F(BackupTest, HoldsWhatWasAppendedWhetherItIsInBlocksOrNot) {
  AppendUntil(1000);
  ASSERT_TRUE(store_->Settle({}).ok());
  AppendUntil(1500);
  EXPECT_EQ(Backup().id, 1u);
  AppendUntil(1600);
  const auto restored = Restore();
  const std::vector<uint32_t> serials = Serials(*restored);
  ASSERT_EQ(serials.size(), 1499u);
  EXPECT_TRUE(std::ranges::is_sorted(serials));
  EXPECT_THAT(WrongIn(*restored), IsEmpty());
}

TEST_F(BackupTest, HoldsEachAcknowledgedRecordOnceWhileOthersAreAppended) {
  options_.open_bytes_max = 100'000;  // Seals and merges all the time.
  Open();
  std::atomic<uint32_t> acknowledged = 0;
  std::jthread writer([&](const std::stop_token& stop) {
    for (uint32_t serial = 1; !stop.stop_requested(); ++serial) {
      ASSERT_TRUE(Append(serial, serial + 1).ok());
      acknowledged = serial;
    }
  });
  for (uint32_t id = 1; id <= 5; ++id) {
    while (acknowledged < 300 * id) std::this_thread::yield();
    const uint32_t before = acknowledged;
    ASSERT_EQ(Backup().id, id);
    auto restored = Restore(id);
    const std::vector<uint32_t> serials = Serials(*restored);
    ASSERT_GE(serials.size(), before);
    for (size_t i = 0; i < serials.size(); ++i) ASSERT_EQ(serials[i], i + 1);
    EXPECT_THAT(WrongIn(*restored), IsEmpty());
    restored.reset();
    fs::remove_all(restored_path_);
  }
}

TEST_F(BackupTest, CopiesOnlyWhatIsNewTheSecondTime) {
  AppendUntil(20'000);
  ASSERT_TRUE(store_->Settle({}).ok());
  const BackupResult first = Backup();
  EXPECT_EQ(first.bytes_new, first.bytes);
  EXPECT_EQ(first.files_new, first.files);
  AppendUntil(20'010);
  const BackupResult second = Backup();
  EXPECT_LT(second.bytes_new, first.bytes / 4);
  EXPECT_LT(second.files_new, second.files);
  EXPECT_EQ(Serials(*Restore()).size(), 20'009u);
}

TEST_F(BackupTest, KeepsTheLastOnes) {
  for (uint32_t id = 1; id <= 4; ++id) {
    AppendUntil(id * 10);
    const BackupResult result = Backup(2);
    EXPECT_EQ(result.deleted, id < 3 ? std::vector<uint32_t>() : std::vector{id - 2});
  }
  EXPECT_THAT(Ids(), ElementsAre(3, 4));
  EXPECT_EQ(Serials(*Restore(3)).size(), 29u);
  EXPECT_TRUE(absl::IsNotFound(VerifyBackup(backups_, 1)));
  EXPECT_TRUE(absl::IsInvalidArgument(TryBackup(0).status()));
}

TEST_F(BackupTest, TellsWhatThereIs) {
  EXPECT_TRUE(absl::IsNotFound(ListBackups(backups_).status()));
  AppendUntil(10);
  const BackupResult made = Backup();
  const auto entries = ListBackups(backups_);
  ASSERT_TRUE(entries.ok()) << entries.status();
  ASSERT_EQ(entries->size(), 1u);
  const BackupEntry& entry = entries->front();
  EXPECT_EQ(entry.id, made.id);
  EXPECT_EQ(entry.bytes, made.bytes);
  EXPECT_EQ(entry.files, made.files);
  EXPECT_EQ(entry.store_format, kStoreFormat);
  EXPECT_GT(entry.made_ms, uint64_t{1'700'000'000} * 1000);
  EXPECT_TRUE(VerifyBackup(backups_, {}).ok());
}

TEST_F(BackupTest, RestoresAStoreThatGoesOnWhereItWas) {
  AppendUntil(100);
  Backup();
  const uint64_t connection = store_->NextConnection();
  store_ = Restore();
  EXPECT_GT(store_->NextConnection(), connection);
  AppendUntil(200);
  // It is the same store, for its backups too.
  EXPECT_EQ(Backup().id, 2u);
  fs::remove_all(path_);
  restored_path_ = path_;
  EXPECT_EQ(Serials(*Restore()).size(), 199u);
}

TEST_F(BackupTest, TellsOfADamagedFileAndRestoresNothing) {
  AppendUntil(1000);
  ASSERT_TRUE(store_->Settle({}).ok());
  Backup();
  const std::string file = SharedFile();
  FlipByte(file);
  for (const absl::Status& refused : {VerifyBackup(backups_, {}), TryRestore().status()}) {
    EXPECT_TRUE(absl::IsDataLoss(refused)) << refused;
    EXPECT_THAT(std::string(refused.message()), HasSubstr(fs::path(file).filename().string()));
  }
  EXPECT_FALSE(fs::exists(restored_path_));
}

// It would be found again in each later one.
TEST_F(BackupTest, CopiesAnewWhatIsMissing) {
  AppendUntil(1000);
  ASSERT_TRUE(store_->Settle({}).ok());
  Backup();
  fs::remove(SharedFile());
  EXPECT_THAT(Ids(true), ElementsAre(1));
  const absl::Status refused = TryRestore().status();
  EXPECT_TRUE(absl::IsDataLoss(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("1 is damaged"));
  EXPECT_THAT(Backup().damaged, ElementsAre(1));
  EXPECT_THAT(Ids(), ElementsAre(2));
  EXPECT_TRUE(VerifyBackup(backups_, {}).ok());
  EXPECT_EQ(Serials(*Restore()).size(), 999u);
}

TEST_F(BackupTest, DoesNotPassOverALastOneThatIsDamaged) {
  AppendUntil(10);
  Backup();
  AppendUntil(20);
  Backup();
  std::ofstream(backups_ + "/backups/meta/2", std::ios::trunc) << "garbage";
  EXPECT_TRUE(absl::IsDataLoss(TryRestore().status()));
  EXPECT_EQ(Serials(*Restore(1)).size(), 9u);
}

TEST_F(BackupTest, WritesOverNothing) {
  AppendUntil(10);
  Backup();
  fs::create_directory(restored_path_);
  std::ofstream(restored_path_ + "/mine") << "mine";
  EXPECT_TRUE(absl::IsAlreadyExists(TryRestore().status()));
  EXPECT_TRUE(fs::exists(restored_path_ + "/mine"));
  restored_path_ = path_;  // A store, and one that is in use.
  EXPECT_TRUE(absl::IsAlreadyExists(TryRestore().status()));
  AppendUntil(20);
  EXPECT_EQ(Serials(*store_).size(), 19u);
  restored_path_ = temporary_.path() + "/empty";
  fs::create_directory(restored_path_);
  EXPECT_EQ(Serials(*Restore()).size(), 9u);
}

// At any moment: what is there is no store, for anybody but the next restore.
TEST_F(BackupTest, ReplacesWhatARestoreHasLeftThatWasKilled) {
  AppendUntil(10);
  Backup();
  fs::create_directories(restored_path_ + "/restoring/db");
  std::ofstream(restored_path_ + "/restoring/db/000004.sst") << "half";
  EXPECT_FALSE(EventStore::Open(restored_path_, options_).ok());
  EXPECT_EQ(Serials(*Restore()).size(), 9u);
  EXPECT_FALSE(fs::exists(restored_path_ + "/restoring"));

  fs::create_directory(restored_path_ + "/restoring");
  fs::remove(restored_path_ + "/FORMAT");
  EXPECT_FALSE(EventStore::Open(restored_path_, options_).ok());
  EXPECT_EQ(Serials(*Restore()).size(), 9u);
}

TEST_F(BackupTest, RefusesAStoreOfANewerFormat) {
  AppendUntil(10);
  Backup();
  const std::string meta = backups_ + "/backups/meta/1";
  std::ifstream file(meta);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const auto hex = [](const std::string& bytes) {
    std::string digits;
    for (const char byte : bytes) digits += absl::StrFormat("%02X", byte);
    return digits;
  };
  const std::string known = hex(FormatLine(kStoreFormat));
  ASSERT_NE(text.find(known), std::string::npos) << text;
  text.replace(text.find(known), known.size(), hex("auspex store format 9"));
  std::ofstream(meta, std::ios::trunc) << text;
  const absl::Status refused = TryRestore().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("format 9"));
  EXPECT_FALSE(fs::exists(restored_path_));
}

TEST_F(BackupTest, RefusesADirectoryOfSomethingElse) {
  fs::create_directory(backups_);
  std::ofstream(backups_ + "/mine") << "mine";
  const absl::Status refused = TryBackup().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr(backups_ + ": holds files"));
  EXPECT_FALSE(fs::exists(backups_ + "/LOCK"));
  EXPECT_TRUE(absl::IsNotFound(ListBackups(backups_).status()));
}

TEST_F(BackupTest, RefusesTheBackupsOfAnotherStore) {
  Backup();
  path_ = temporary_.path() + "/other";
  Open();
  const absl::Status refused = TryBackup().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("another store"));
}

TEST_F(BackupTest, RefusesBackupsOfANewerProgram) {
  Backup();
  std::ofstream(backups_ + "/BACKUP", std::ios::trunc) << "auspex backup format 2\n";
  for (const absl::Status& refused :
       {TryBackup().status(), TryRestore().status(), ListBackups(backups_).status()}) {
    EXPECT_THAT(std::string(refused.message()), HasSubstr("newer format"));
  }
}

TEST_F(BackupTest, RefusesToBeInTheStore) {
  backups_ = path_ + "/backups";
  EXPECT_THAT(std::string(TryBackup().status().message()), HasSubstr("in the directory of the"));
  backups_ = temporary_.path() + "/missing/backups";
  EXPECT_TRUE(absl::IsNotFound(TryBackup().status()));
}

TEST_F(BackupTest, EndsWhenItIsToldToAndLeavesTheOthers) {
  AppendUntil(20'000);
  ASSERT_TRUE(store_->Settle({}).ok());
  Backup();
  AppendUntil(40'000);
  ASSERT_TRUE(store_->Settle({}).ok());
  std::stop_source stop;
  // So slow that it cannot end by itself.
  std::jthread stopper([&] {
    while (!fs::exists(backups_ + "/backups/private/2")) std::this_thread::yield();
    EXPECT_TRUE(absl::IsFailedPrecondition(TryBackup().status()));  // One at a time.
    stop.request_stop();
  });
  const auto stopped = store_->Backup(
      {.directory = backups_, .bytes_per_second_max = 1 << 10, .stop = stop.get_token()});
  EXPECT_TRUE(absl::IsCancelled(stopped.status())) << stopped.status();
  EXPECT_THAT(Ids(), ElementsAre(1));
  EXPECT_TRUE(VerifyBackup(backups_, {}).ok());
  EXPECT_EQ(Backup().id, 2u);
  EXPECT_EQ(Serials(*Restore()).size(), 39'999u);
}

// Else what the store deletes for want of space would stay on the disk.
TEST_F(BackupTest, EndsWhenTheStoreNeedsItsSpace) {
  AppendUntil(20'000);
  ASSERT_TRUE(store_->Settle({}).ok());
  std::jthread dropper([&] {
    while (!fs::exists(backups_ + "/backups/private/1")) std::this_thread::yield();
    EXPECT_GT(store_->DropOldest(1 << 30, {}, nullptr).value_or(0), 0u);
  });
  const auto stopped = store_->Backup({.directory = backups_, .bytes_per_second_max = 1 << 10});
  EXPECT_TRUE(absl::IsUnavailable(stopped.status())) << stopped.status();
  EXPECT_THAT(stopped.status().message(), HasSubstr("disk is full"));
  dropper.join();
  EXPECT_EQ(Backup().id, 1u);
  EXPECT_THAT(Serials(*Restore()), IsEmpty());
}

// As a backup that was killed leaves it.
TEST_F(BackupTest, GoesOnAfterOneThatWasKilled) {
  AppendUntil(10);
  Backup();
  fs::create_directory(backups_ + "/backups/private/2");
  std::ofstream(backups_ + "/backups/private/2/CURRENT.tmp") << "half";
  std::ofstream(backups_ + "/backups/meta/2.tmp") << "half";
  EXPECT_THAT(Ids(), ElementsAre(1));
  EXPECT_TRUE(VerifyBackup(backups_, {}).ok());
  AppendUntil(20);
  EXPECT_EQ(Backup().id, 2u);
  EXPECT_EQ(Serials(*Restore()).size(), 19u);
}

TEST_F(BackupTest, SaysThatTheDiskIsFullAndLeavesTheStoreAlone) {
  const SmallDisk disk(backups_, "512k");
  if (!disk.is_there()) GTEST_SKIP() << "mounting a small disk needs root";
  AppendUntil(100);
  Backup();
  AppendUntil(20'000);
  const absl::Status full = TryBackup().status();
  EXPECT_TRUE(absl::IsResourceExhausted(full)) << full;
  EXPECT_THAT(std::string(full.message()), HasSubstr(backups_));
  EXPECT_THAT(Ids(), ElementsAre(1));
  EXPECT_TRUE(VerifyBackup(backups_, {}).ok());
  AppendUntil(20'100);
  EXPECT_EQ(Serials(*store_).size(), 20'099u);
  EXPECT_EQ(Serials(*Restore()).size(), 99u);
}

TEST_F(BackupTest, SaysThatTheDiskIsFullWhereItRestores) {
  const SmallDisk disk(restored_path_, "256k");
  if (!disk.is_there()) GTEST_SKIP() << "mounting a small disk needs root";
  AppendUntil(20'000);
  Backup();
  const absl::Status full = TryRestore().status();
  EXPECT_TRUE(absl::IsResourceExhausted(full)) << full;
  EXPECT_TRUE(fs::is_empty(restored_path_));
}

// RocksDB takes nothing more after a failed write, and its files are open as long as they are read.
TEST_F(BackupTest, EndsWhenTheStoreHasToBeOpenedAnew) {
  const std::string mounted = temporary_.path() + "/disk";
  const SmallDisk disk(mounted, "16m");
  if (!disk.is_there()) GTEST_SKIP() << "mounting a small disk needs root";
  path_ = mounted + "/store";
  Open();
  AppendUntil(20'000);
  absl::StatusOr<BackupResult> ended;
  std::jthread backup(
      [&] { ended = store_->Backup({.directory = backups_, .bytes_per_second_max = 1 << 10}); });
  while (!fs::exists(backups_ + "/backups/private/1")) std::this_thread::yield();
  {
    std::ofstream ballast(mounted + "/ballast", std::ios::binary);
    while (ballast << std::string(4096, 'x') << std::flush) {
    }
  }
  while (Append(next_serial_, next_serial_ + 500).ok()) next_serial_ += 500;
  backup.join();
  EXPECT_TRUE(absl::IsUnavailable(ended.status())) << ended.status();
  EXPECT_THAT(std::string(ended.status().message()), HasSubstr("the store was closed"));
  fs::remove(mounted + "/ballast");
  while (!Append(next_serial_, next_serial_ + 1).ok()) std::this_thread::yield();
  ++next_serial_;
  AppendUntil(next_serial_ + 10);
  EXPECT_EQ(Serials(*store_).size(), next_serial_ - 1);
  EXPECT_EQ(Backup().id, 1u);
  store_.reset();  // Before its disk.
}

}  // namespace
}  // namespace storage
