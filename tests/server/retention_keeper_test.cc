#include "server/retention_keeper.h"

#include <fstream>
#include <future>

#include "absl/strings/str_cat.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/storage/temporary_directory.h"

namespace server {
namespace {

using testing::StartsWith;

constexpr uint64_t kDayMs = 86'400'000;

class RetentionKeeperTest : public testing::Test {
 protected:
  RetentionKeeperTest() {
    auto opened = storage::EventStore::Open(directory_.path() + "/store",
                                            {.now_ms = [] { return 100 * kDayMs; }});
    EXPECT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
    for (uint64_t day = 1; day <= 3; ++day) {
      std::vector<storage::Delivery> deliveries(1);
      deliveries[0].received_ms = day * kDayMs;
      deliveries[0].batches.emplace_back(
          storage::Identity{.kind = storage::IdentityKind::kNode, .name = "web1"}, "192.0.2.7");
      deliveries[0].batches[0].Add(
          absl::StrCat("type=USER_LOGIN msg=audit(", day * kDayMs / 1000, ".000:1): pid=1"));
      EXPECT_TRUE(store_->Append(deliveries).ok());
    }
    EXPECT_TRUE(store_->Settle({}).ok());
  }

  void Start() {
    keeper_.emplace(*store_, RetentionKeeperOptions(),
                    RetentionCallbacks{.on_deleted =
                                           [this](const storage::Deletion& deletion) {
                                             deleted_.set_value(deletion);
                                           },
                                       .on_failure = [](const absl::Status&) {}});
  }

  TemporaryDirectory directory_;
  std::unique_ptr<storage::EventStore> store_;
  std::promise<storage::Deletion> deleted_;  // For tests in which something is deleted once.
  std::optional<RetentionKeeper> keeper_;
};

TEST_F(RetentionKeeperTest, AppliesAPolicyAsSoonAsItHasOne) {
  Start();
  EXPECT_EQ(keeper_->ApplySoon().code(), absl::StatusCode::kFailedPrecondition);
  keeper_->SetPolicy(storage::RetentionPolicy{{{.name = "all", .days_max = 10}}});
  const storage::Deletion deleted = deleted_.get_future().get();
  EXPECT_EQ(deleted.rule, "all");
  EXPECT_EQ(deleted.events, 3u);
  EXPECT_EQ(keeper_->policy()->rules.size(), 1u);
}

TEST_F(RetentionKeeperTest, DropsTheOldestDay) {
  Start();
  std::promise<absl::StatusOr<uint64_t>> dropped;
  keeper_->DropOldest(1, [&](absl::StatusOr<uint64_t> bytes) { dropped.set_value(bytes); });
  const absl::StatusOr<uint64_t> bytes = dropped.get_future().get();
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  EXPECT_GT(*bytes, 0u);
  EXPECT_EQ(deleted_.get_future().get().last_day, 1u);
}

TEST_F(RetentionKeeperTest, TellsWhoWaitsWhenItStops) {
  Start();
  // The first may be done, the rest waits behind it, since the callback does.
  std::promise<void> stopping;
  std::shared_future<void> stopped = stopping.get_future().share();
  std::promise<absl::Status> told;
  keeper_->DropOldest(1, [stopped](const absl::StatusOr<uint64_t>&) { stopped.wait(); });
  keeper_->DropOldest(
      1, [&](const absl::StatusOr<uint64_t>& bytes) { told.set_value(bytes.status()); });
  std::future<void> ended = std::async(std::launch::async, [this] { keeper_.reset(); });
  stopping.set_value();
  ended.get();
  const absl::Status status = told.get_future().get();
  EXPECT_TRUE(status.ok() || absl::IsCancelled(status)) << status;
}

TEST(ReadRetentionFile, NamesTheFileAndTheLine) {
  TemporaryDirectory directory;
  const std::string path = directory.path() + "/r.conf";
  EXPECT_EQ(*ReadRetentionFile(""), std::nullopt);
  EXPECT_THAT(std::string(ReadRetentionFile(path).status().message()), StartsWith(path + ": "));
  std::ofstream(path) << "default keep\n";
  EXPECT_THAT(std::string(ReadRetentionFile(path).status().message()), StartsWith(path + ":1: "));
  EXPECT_TRUE(ReadRetentionFile(AUSPEX_SOURCE_DIR "/deploy/retention.conf").ok());
}

}  // namespace
}  // namespace server
