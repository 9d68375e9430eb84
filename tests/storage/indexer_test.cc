#include "storage/indexer.h"

#include <future>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"
#include <gtest/gtest.h>

#include "tests/storage/temporary_directory.h"

namespace storage {
namespace {

constexpr size_t kQueueBytesMax = 10'000;

// An indexer whose thread stands still when it has made its first block, until the test lets it go.
class IndexerTest : public testing::Test {
 protected:
  ~IndexerTest() override { LetGo(); }

  void Start() {
    absl::StatusOr<OpenedRocks> opened = OpenRocks(directory_.path() + "/db", {});
    ASSERT_TRUE(opened.ok()) << opened.status();
    rocks_ = opened->rocks;
    indexer_.emplace(rocks_, numbers_, IndexerOptions{.queue_bytes_max = kQueueBytesMax}, whole_,
                     IndexerCallbacks{.on_block =
                                          [this](HostId, Day) {
                                            standing_.set_value();
                                            go_.get_future().wait();
                                          },
                                      .on_room = [this] { has_room_.set_value(); },
                                      .on_damage = [](const absl::Status&) { ADD_FAILURE(); },
                                      .on_failure = [](const absl::Status&) { ADD_FAILURE(); }});
    Push(1);
    indexer_->SealAll();
    standing_.get_future().wait();
  }

  void LetGo() {
    if (!std::exchange(has_gone_, true)) go_.set_value();
  }

  // A record of so many bytes, about.
  void Push(size_t bytes) {
    const JournalKey key{.host = 1, .arrival = ++arrival_};
    Batch batch({.kind = IdentityKind::kNode, .name = "web1"}, "192.0.2.7");
    batch.Add(absl::StrFormat("type=USER_LOGIN msg=audit(1626611363.000:%d): pad=%s", arrival_,
                              std::string(bytes, 'x')));
    const std::string header = EncodeJournalHeader({.received_ms = 1626611364000});
    std::vector<Indexer::Group> groups;
    groups.push_back({.key = key, .value = std::move(batch).ReleaseBehind(header)});
    indexer_->Push(std::move(groups));
  }

  const TemporaryDirectory directory_;
  std::shared_ptr<Rocks> rocks_;
  BlockNumbers numbers_;
  WholeEvents whole_{0};
  std::promise<void> standing_;
  std::promise<void> go_;
  std::promise<void> has_room_;
  bool has_gone_ = false;
  uint64_t arrival_ = 0;
  std::optional<Indexer> indexer_;
};

TEST_F(IndexerTest, KeepsHalfOfItsQueueForWhoHasLittleToPush) {
  Start();
  EXPECT_TRUE(indexer_->has_room());
  Push(kQueueBytesMax / 4);
  EXPECT_TRUE(indexer_->has_room());
  Push(kQueueBytesMax / 4);
  EXPECT_FALSE(indexer_->has_room());
  Push(1);  // It does not wait.
  EXPECT_EQ(has_room_.get_future().wait_for(std::chrono::seconds(0)), std::future_status::timeout);
}

TEST_F(IndexerTest, TellsWhenThereIsRoomAgain) {
  Start();
  Push(kQueueBytesMax / 2);
  EXPECT_FALSE(indexer_->has_room());
  LetGo();
  has_room_.get_future().wait();
  EXPECT_TRUE(indexer_->has_room());
}

}  // namespace
}  // namespace storage
