#include "server/committer.h"

#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/storage/open_store.h"
#include "tests/storage/temporary_directory.h"

namespace server {
namespace {

namespace asio = boost::asio;
using storage::Identity;
using storage::IdentityKind;

const Identity kQuiet{.kind = IdentityKind::kAddress, .name = "quiet"};
const Identity kNoisy{.kind = IdentityKind::kAddress, .name = "noisy"};

// A committer over a store of its own, whose thread can be held while deliveries are handed in. The
// network runs when the test says so.
class CommitterTest : public testing::Test {
 protected:
  ~CommitterTest() override {
    LetGo();
    if (committer_) committer_->Stop();
    network_.restart();
    network_.poll();
  }

  void Start(const CommitterOptions& options = {}) {
    store_ = storage::OpenStore(directory_.path() + "/store", {});
    ASSERT_NE(store_, nullptr);
    committer_.emplace(network_, *store_, counters_, options);
    committer_->OnWrite([this](const absl::Status& status) {
      ASSERT_TRUE(status.ok()) << status;
      log_.emplace_back("|");
    });
  }

  // Returns when the committer's thread stands still, until LetGo().
  void Hold() {
    std::promise<void> held;
    let_go_.emplace();
    committer_->RunBetweenCommits(
        [&held, go = let_go_->get_future()](storage::EventStore&) mutable {
          held.set_value();
          go.wait();
        });
    held.get_future().wait();
  }

  void LetGo() {
    if (let_go_) let_go_->set_value();
    let_go_.reset();
  }

  // Hands in a delivery of so many records, of some 1,100 bytes each; its name is that of the
  // sender and its number. It is in the log when it is acknowledged.
  void HandIn(const std::string& sender, int records) {
    storage::Delivery delivery{.received_ms = 1626611364000};
    storage::Batch& batch = delivery.batches.emplace_back(
        Identity{.kind = IdentityKind::kAddress, .name = sender}, sender);
    for (int i = 0; i < records; ++i) batch.Add(Record());
    asio::co_spawn(
        network_,
        [this, delivery = std::move(delivery),
         name = absl::StrCat(sender, ++numbers_[sender])]() mutable {
          return AwaitAck(std::move(delivery), name);
        },
        asio::detached);
    ++handed_in_;
    network_.poll();
  }
  void HandInSmall(const std::string& sender) { HandIn(sender, 1); }
  void HandInLarge(const std::string& sender) { HandIn(sender, 1000); }

  void RunUntilAllIsAcknowledged() {
    while (acknowledged_ < handed_in_) network_.run_one();
  }

  // What was acknowledged, with a bar in front of each write's.
  std::string log() const { return absl::StrJoin(log_, " "); }

  // The serials of the records of a host, in the order in which they were stored.
  std::vector<std::string> Stored(const std::string& host) {
    std::vector<std::string> serials;
    const absl::Status read =
        store_->Export({.host_patterns = {host}}, [&](const storage::ExportedRecord& record) {
          const size_t end = record.line.find(')');
          const size_t begin = record.line.rfind(':', end) + 1;
          serials.emplace_back(record.line.substr(begin, end - begin));
          return true;
        });
    EXPECT_TRUE(read.ok()) << read;
    return serials;
  }

  std::string Record() {
    return absl::StrFormat("type=USER msg=audit(1626611363.000:%d): pad=%s", ++serial_,
                           std::string(1050, 'x'));
  }

  asio::awaitable<void> AwaitAck(storage::Delivery delivery, std::string name) {
    const absl::StatusOr<storage::Receipt> stored =
        co_await committer_->Append(std::move(delivery));
    EXPECT_TRUE(stored.ok()) << stored.status();
    log_.push_back(name);
    ++acknowledged_;
  }

  const TemporaryDirectory directory_;
  asio::io_context network_{1};
  const asio::executor_work_guard<asio::io_context::executor_type> work_{
      asio::make_work_guard(network_)};
  Counters counters_;
  std::unique_ptr<storage::EventStore> store_;
  std::optional<Committer> committer_;
  std::optional<std::promise<void>> let_go_;
  std::map<std::string, int> numbers_;
  std::vector<std::string> log_;
  uint32_t serial_ = 0;
  size_t handed_in_ = 0;
  size_t acknowledged_ = 0;
};

TEST_F(CommitterTest, StoresTogetherWhatHasComeTogether) {
  Start();
  Hold();
  for (const char* const sender : {"a", "b", "c"}) HandInSmall(sender);
  EXPECT_EQ(counters_.deliveries_pending, 3u);
  LetGo();
  RunUntilAllIsAcknowledged();
  EXPECT_EQ(log(), "| a1 b1 c1");
  EXPECT_EQ(counters_.deliveries_pending, 0u);
  EXPECT_EQ(counters_.bytes_pending, 0u);
}

TEST_F(CommitterTest, LetsTheQuietGoBeforeWhatNoisyOnesFloodWith) {
  Start();
  Hold();
  for (int i = 0; i < 2; ++i) {
    HandInLarge("noisy");
    HandInLarge("loud");
  }
  HandInSmall("a");
  HandInSmall("b");
  EXPECT_EQ(counters_.deliveries_large_total, 4u);
  EXPECT_GT(counters_.bytes_pending_large, 4'000'000u);
  LetGo();
  RunUntilAllIsAcknowledged();
  EXPECT_EQ(log(), "| a1 b1 | noisy1 | loud1 | noisy2 | loud2");
  EXPECT_EQ(counters_.bytes_pending_large, 0u);
}

TEST_F(CommitterTest, KeepsTheOrderOfASender) {
  Start();
  Hold();
  HandInSmall("noisy");
  HandInLarge("noisy");
  HandInSmall("noisy");
  HandInSmall("quiet");
  LetGo();
  RunUntilAllIsAcknowledged();
  EXPECT_EQ(log(), "| noisy1 quiet1 | noisy2 | noisy3");
  std::vector<std::string> expected;
  for (uint32_t serial = 1; serial <= 1002; ++serial) expected.push_back(absl::StrCat(serial));
  EXPECT_EQ(Stored("noisy"), expected);
}

// As many as a storm of connections makes.
TEST_F(CommitterTest, KeepsTheOrderOfOwnRecords) {
  Start();
  Hold();
  std::vector<std::string> expected;
  for (uint32_t i = 1; i <= 200; ++i) {
    storage::Batch own({.kind = IdentityKind::kCollector, .name = "auspexd"}, "");
    own.Add(Record());
    committer_->AppendOwn(std::move(own));
    network_.poll();
    expected.push_back(absl::StrCat(i));
  }
  HandInSmall("quiet");
  LetGo();
  RunUntilAllIsAcknowledged();
  EXPECT_EQ(log(), "| quiet1");
  committer_->Stop();
  EXPECT_EQ(Stored("auspexd"), expected);
}

TEST_F(CommitterTest, LetsTheQuietBeReadWhileTheNoisyWaitForRoom) {
  Start({.pending_large_bytes_max = 1'000'000});
  Hold();
  HandInLarge("noisy");
  EXPECT_EQ(committer_->ReadBytesMax(kQuiet), CommitterOptions().small_read_bytes);
  EXPECT_EQ(committer_->ReadBytesMax(kNoisy), 0u);
  EXPECT_TRUE(committer_->MayReadBatch(kQuiet, 1000));
  EXPECT_FALSE(committer_->MayReadBatch(kQuiet, 1'000'000));

  size_t room = 0;
  bool has_batch_room = false;
  asio::co_spawn(network_, committer_->WaitForRoom(kNoisy),
                 [&](const std::exception_ptr&, size_t bytes) { room = bytes; });
  asio::co_spawn(network_, committer_->WaitForBatchRoom(kQuiet, 1'000'000),
                 [&](const std::exception_ptr&) { has_batch_room = true; });
  network_.poll();
  EXPECT_EQ(room, 0u);
  EXPECT_FALSE(has_batch_room);
  EXPECT_EQ(counters_.waits_for_room_total, 2u);

  LetGo();
  while (room == 0 || !has_batch_room) network_.run_one();
  EXPECT_EQ(room, DeliveryRoom::kAnyBytes);
  EXPECT_EQ(log(), "| noisy1");
}

TEST_F(CommitterTest, StoresAllThatWasHandedInBeforeItStops) {
  Start();
  Hold();
  for (int i = 0; i < 3; ++i) {
    HandInLarge("noisy");
    HandInLarge("loud");
    HandInSmall("quiet");
  }
  LetGo();
  committer_->Stop();
  RunUntilAllIsAcknowledged();
  EXPECT_EQ(Stored("*").size(), 6003u);
}

}  // namespace
}  // namespace server
