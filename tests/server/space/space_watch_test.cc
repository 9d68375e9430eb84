#include "server/space/space_watch.h"

#include <optional>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/space/scratch_directory.h"

namespace server {
namespace {

namespace asio = boost::asio;
using audit::FrameType;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// More than any disk has: a limit that is always crossed.
constexpr SpaceLimit kAlwaysCrossed = {.number = 2'000'000'000};
constexpr SpaceLimit kNeverCrossed = {.number = 0};

ChosenAction To(SpaceAction action) { return {.action = action, .script = {}}; }

// A watch over a store of its own, on the disk of the machine: the limits are what is moved.
// Actions meet stubs, and days are dropped by the test.
class SpaceWatchTest : public testing::Test {
 protected:
  SpaceWatchTest() {
    options_.space_left = kNeverCrossed;
    options_.admin_space_left = kNeverCrossed;
    options_.reserve_space = 1;
    runner_options_.log = [](int, const std::string&) {};
    for (const char* const name : {"sendmail", "init"}) {
      directory_.Write(name, "#!/bin/sh\n{ echo " + std::string(name) + " \"$@\"; cat; } >> " +
                                 directory_.Path("out") + "\n");
    }
    runner_options_.sendmail = directory_.Path("sendmail");
    runner_options_.init = directory_.Path("init");
  }

  void Start() {
    auto store = storage::EventStore::Open(directory_.Path("store"), {});
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    committer_.emplace(network_, *store_, counters_, CommitterOptions());
    own_records_.emplace(*committer_, DaemonIdentity());
    watch_.emplace(network_, *committer_, *own_records_, counters_, directory_.Path("store"),
                   options_,
                   SpaceHooks{.drop_oldest =
                                  [this](uint64_t bytes, SpaceHooks::Dropped done) {
                                    asked_to_drop_.push_back(bytes);
                                    dropped_ = std::move(done);
                                  },
                              .seal = [this] { ++seals_; },
                              .store_bytes = [this] { return store_bytes_; }},
                   runner_options_);
    watch_->Start();
  }

  void Use(const SpaceOptions& options) { watch_->Use(options_ = options); }

  template <typename Condition>
  void RunUntil(Condition condition) {
    while (!condition()) network_.run_one();
  }

  const ScratchDirectory directory_;
  SpaceOptions options_;
  ActionRunnerOptions runner_options_;
  asio::io_context network_;
  Counters counters_;
  std::unique_ptr<storage::EventStore> store_;
  std::optional<Committer> committer_;
  std::optional<OwnRecords> own_records_;
  std::optional<SpaceWatch> watch_;
  std::vector<uint64_t> asked_to_drop_;
  SpaceHooks::Dropped dropped_;
  int seals_ = 0;
  uint64_t store_bytes_ = 0;
};

TEST_F(SpaceWatchTest, KnowsTheStageBeforeTheFirstClientAndSaysSoToIt) {
  options_.space_left = kAlwaysCrossed;
  Start();
  EXPECT_EQ(watch_->stage(), SpaceStage::kSpaceLeft);
  EXPECT_EQ(committer_->replies(), (RecordReplies{.accepted = FrameType::kDiskLow}));
  EXPECT_FALSE(committer_->is_suspended());
  SpaceOptions other = options_;
  other.space_left = kNeverCrossed;
  Use(other);
  RunUntil([&] { return watch_->stage() == SpaceStage::kOk; });
  EXPECT_EQ(committer_->replies(), RecordReplies());
}

TEST_F(SpaceWatchTest, SendsMailAndChangesTheRunLevel) {
  options_.space_left = kAlwaysCrossed;
  options_.space_left_action = To(SpaceAction::kEmail);
  options_.disk_error_action = To(SpaceAction::kHalt);
  Start();
  RunUntil([&] { return directory_.Read("out").find("left.\n") != std::string::npos; });
  EXPECT_THAT(directory_.Read("out"), HasSubstr("sendmail -t\nTo: root\n"));
  EXPECT_THAT(directory_.Read("out"), HasSubstr("is low on disk space for logging"));
  watch_->Hear(absl::UnavailableError("EIO"));
  watch_->Hear(absl::UnavailableError("EIO"));
  RunUntil([&] { return directory_.Read("out").find("init") != std::string::npos; });
  EXPECT_THAT(directory_.Read("out"), testing::EndsWith("init 0\n"));
  EXPECT_EQ(counters_.space_actions_started_total, 2u);
}

TEST_F(SpaceWatchTest, DropsDaysOnceAtATimeAndWaitsWhenNothingMayGo) {
  options_.space_left = kAlwaysCrossed;
  options_.space_left_action = To(SpaceAction::kRotate);
  Start();
  ASSERT_EQ(asked_to_drop_.size(), 1u);
  // All that there is would not be enough.
  EXPECT_GT(asked_to_drop_[0], counters_.space_total_bytes);
  const uint64_t free = counters_.space_free_bytes;
  EXPECT_NEAR(double(asked_to_drop_[0] + free), 2e9 * 1048576 * 1.1, 1e9);
  watch_->Hear(absl::ResourceExhaustedError("ENOSPC"));
  EXPECT_EQ(asked_to_drop_.size(), 1u);  // It goes on.
  dropped_(uint64_t{4096});
  network_.poll();
  EXPECT_EQ(counters_.space_dropped_bytes_total, 4096u);
  dropped_(absl::UnavailableError("EIO"));
  network_.poll();
  EXPECT_EQ(counters_.space_drops_total, 1u);
  EXPECT_EQ(asked_to_drop_.size(), 1u);
}

// Else it would delete all there is, and gain nothing.
TEST_F(SpaceWatchTest, DropsNoMoreBeforeTheFilesHaveShrunk) {
  options_.space_left = kAlwaysCrossed;
  options_.space_left_action = To(SpaceAction::kRotate);
  store_bytes_ = 10'000;
  Start();
  ASSERT_EQ(asked_to_drop_.size(), 1u);
  dropped_(uint64_t{4000});
  network_.poll();
  const auto take_action_anew = [this] {
    SpaceOptions other = options_;
    other.space_left_action = To(SpaceAction::kIgnore);
    Use(other);
    other.space_left_action = To(SpaceAction::kRotate);
    Use(other);
  };
  take_action_anew();
  EXPECT_EQ(asked_to_drop_.size(), 1u);
  store_bytes_ = 8001;
  take_action_anew();
  EXPECT_EQ(asked_to_drop_.size(), 1u);
  store_bytes_ = 8000;
  take_action_anew();
  EXPECT_EQ(asked_to_drop_.size(), 2u);
}

TEST_F(SpaceWatchTest, TakesNothingInWhenAWriteFoundNoSpace) {
  options_.disk_full_signal = DiskFullSignal::kDiskFull;
  Start();
  EXPECT_THAT(asked_to_drop_, IsEmpty());
  watch_->Hear(absl::ResourceExhaustedError("ENOSPC"));
  EXPECT_TRUE(committer_->is_suspended());
  EXPECT_FALSE(committer_->is_suspended_by_admin());
  EXPECT_EQ(committer_->replies(),
            (RecordReplies{.accepted = FrameType::kDiskLow, .refused = FrameType::kDiskFull}));
  EXPECT_THAT(asked_to_drop_, IsEmpty());  // The file system has space: nothing is deleted.
  // An admin cannot make space by saying so, and lifts nothing of an admin's.
  committer_->SetSuspended(true);
  watch_->Resume();
  EXPECT_TRUE(committer_->is_suspended());
  EXPECT_TRUE(committer_->is_suspended_by_admin());
}

TEST_F(SpaceWatchTest, SuspendsForAnErrorUntilAnAdminResumes) {
  options_.disk_error_action = To(SpaceAction::kSuspend);
  options_.disk_full_signal = DiskFullSignal::kDiskFull;
  Start();
  watch_->Hear(absl::DataLossError("a damaged block is no matter of space"));
  EXPECT_FALSE(committer_->is_suspended());
  watch_->Hear(absl::UnavailableError("EIO"));
  EXPECT_EQ(watch_->stage(), SpaceStage::kError);
  EXPECT_TRUE(committer_->is_suspended());
  EXPECT_EQ(committer_->replies().refused, FrameType::kDiskError);
  watch_->Resume();
  EXPECT_FALSE(committer_->is_suspended());
  EXPECT_EQ(watch_->stage(), SpaceStage::kError);
}

TEST_F(SpaceWatchTest, LimitsTheStoreWhereItIsToldTo) {
  options_.max_log_file = 8;
  options_.num_logs = 5;
  options_.max_log_file_action = To(SpaceAction::kRotate);
  store_bytes_ = 100 << 20;
  Start();
  SpaceOptions honoured = options_;
  honoured.honour_max_log_file = true;
  Use(honoured);
  RunUntil([&] { return !asked_to_drop_.empty(); });
  EXPECT_THAT(asked_to_drop_, ElementsAre((100 << 20) - (36 << 20)));
  SpaceOptions keeps = honoured;
  keeps.max_log_file_action = To(SpaceAction::kKeepLogs);
  Use(keeps);
  EXPECT_EQ(seals_, 1);
  EXPECT_EQ(asked_to_drop_.size(), 1u);
}

// A reload that brings both. The new action may delete what there is, or halt the system.
TEST_F(SpaceWatchTest, TakesNoActionForALimitThatIsNoMore) {
  options_.space_left = options_.admin_space_left = kAlwaysCrossed;
  options_.honour_max_log_file = true;
  options_.max_log_file = 8;
  options_.max_log_file_action = To(SpaceAction::kSyslog);
  store_bytes_ = 100 << 20;
  Start();
  Use(options_);  // Which looks at the size of the store before the first second is over.
  EXPECT_EQ(counters_.space_actions_started_total, 3u);
  SpaceOptions other = options_;
  other.space_left = other.admin_space_left = kNeverCrossed;
  other.honour_max_log_file = false;
  other.space_left_action = other.admin_space_left_action = other.max_log_file_action =
      To(SpaceAction::kRotate);
  Use(other);
  EXPECT_EQ(watch_->stage(), SpaceStage::kOk);
  EXPECT_THAT(asked_to_drop_, IsEmpty());
  EXPECT_EQ(counters_.space_actions_started_total + counters_.space_actions_dropped_total, 3u);
}

TEST_F(SpaceWatchTest, TakesTheNewActionForALimitThatIsNewlyCrossed) {
  Start();
  SpaceOptions other = options_;
  other.space_left = kAlwaysCrossed;
  other.space_left_action = To(SpaceAction::kRotate);
  Use(other);
  EXPECT_EQ(asked_to_drop_.size(), 1u);
}

TEST_F(SpaceWatchTest, KeepsAReserveAndGivesItBackWhenTheDiskIsFull) {
  Start();
  RunUntil([&] { return counters_.space_reserve_bytes == 1 << 20; });
  EXPECT_FALSE(SpaceWatch::MakeRoomToOpen(directory_.Path("store"), options_));
  watch_->Hear(absl::ResourceExhaustedError("ENOSPC"));
  RunUntil([&] { return counters_.space_reserve_bytes == 0; });
  EXPECT_EQ(access(directory_.Path("store/reserve").c_str(), F_OK), -1);
}

}  // namespace
}  // namespace server
