#include "server/commit_queue.h"

#include <map>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include <gtest/gtest.h>

#include "server/delivery_room.h"

namespace server {
namespace {

storage::Identity Sender(const std::string& name) {
  return {.kind = storage::IdentityKind::kAddress, .name = name};
}

// Groups of 100 bytes, of which 10 large.
class CommitQueueTest : public testing::Test {
 protected:
  // The name of a delivery is that of its sender, and how many of it came before: a0, a1.
  void Push(const std::string& sender, size_t bytes, bool is_large) {
    PendingDelivery pending;
    pending.sender = Sender(sender);
    pending.delivery.received_ms = pushed_[sender]++;
    pending.bytes = bytes;
    pending.is_large = is_large;
    queue_.Push(std::move(pending));
  }
  void PushSmall(const std::string& sender) { Push(sender, 1, false); }
  void PushLarge(const std::string& sender, size_t bytes = 10) { Push(sender, bytes, true); }

  std::string Take(bool may_take_large = true) {
    std::vector<std::string> names;
    for (const PendingDelivery& taken : queue_.TakeGroup(may_take_large)) {
      names.push_back(absl::StrCat(taken.sender.name, taken.delivery.received_ms));
    }
    return absl::StrJoin(names, " ");
  }

  CommitQueue queue_{{.group_bytes_max = 100, .group_large_bytes_max = 10}};
  std::map<std::string, uint64_t> pushed_;
};

TEST_F(CommitQueueTest, TakesSmallOnesInTheOrderInWhichTheyHaveCome) {
  for (const char* const sender : {"a", "b", "a", "c"}) PushSmall(sender);
  EXPECT_EQ(Take(), "a0 b0 a1 c0");
  EXPECT_FALSE(queue_.has_small());
}

TEST_F(CommitQueueTest, TakesSmallOnesBeforeLargeOnesThatWaitForLonger) {
  PushLarge("noisy");
  PushSmall("a");
  PushSmall("b");
  EXPECT_EQ(Take(), "a0 b0");
  EXPECT_EQ(Take(), "noisy0");
  EXPECT_FALSE(queue_.has_large());
}

TEST_F(CommitQueueTest, LetsNoStreamOfSmallOnesKeepALargeOneOut) {
  PushLarge("noisy");
  PushLarge("noisy");
  std::vector<std::string> groups;
  for (int i = 0; i < 4; ++i) {
    PushSmall("a");
    groups.push_back(Take());
  }
  EXPECT_EQ(absl::StrJoin(groups, ", "), "a0, a1 noisy0, a2, a3 noisy1");
}

TEST_F(CommitQueueTest, LetsSendersOfLargeOnesTakeTurns) {
  for (int i = 0; i < 3; ++i) PushLarge("a");
  PushLarge("b");
  PushLarge("b");
  PushLarge("c");
  std::vector<std::string> groups;
  while (queue_.has_large()) groups.push_back(Take());
  EXPECT_EQ(absl::StrJoin(groups, ", "), "a0, b0, c0, a1, b1, a2");
}

TEST_F(CommitQueueTest, FillsATurnWithWhatIsLittleByItself) {
  for (int i = 0; i < 5; ++i) PushLarge("a", 4);
  PushLarge("b", 4);
  EXPECT_EQ(Take(), "a0 a1 a2");
  EXPECT_EQ(Take(), "b0 a3 a4");
}

TEST_F(CommitQueueTest, TakesALargeOneThatIsMoreThanAGroup) {
  PushLarge("a", 1000);
  PushLarge("a", 1);
  EXPECT_EQ(Take(), "a0");
  EXPECT_EQ(Take(), "a1");
}

TEST_F(CommitQueueTest, TakesNothingLargeWhileThatMayNotBe) {
  PushLarge("a");
  EXPECT_EQ(Take(false), "");
  PushSmall("b");
  EXPECT_EQ(Take(false), "b0");
  PushSmall("b");
  EXPECT_EQ(Take(false), "b1");
  EXPECT_EQ(Take(true), "a0");
}

// More small ones than go into a group: those of "a" are behind them, and so is its large one.
TEST_F(CommitQueueTest, TakesNoLargeOneBeforeSmallOnesOfItsSender) {
  PushLarge("b");
  Push("other", 150, false);
  PushSmall("a");
  PushLarge("a");
  EXPECT_EQ(Take(), "other0");
  Push("other", 150, false);
  EXPECT_EQ(Take(), "a0 other1 b0");
  EXPECT_EQ(Take(), "a1");
}

// Whatever comes: the order of each sender is kept, and nothing waits for more groups than what
// was there before it takes.
TEST(CommitQueue, KeepsTheOrderOfEachSenderAndStarvesNobody) {
  std::minstd_rand random(1);
  DeliveryRoom room({.sender_small_bytes_max = 8,
                     .small_bytes_max = 1000,
                     .large_bytes_max = 1000,
                     .small_read_bytes = 4});
  CommitQueue queue({.group_bytes_max = 20, .group_large_bytes_max = 10});
  std::map<std::string, uint64_t> pushed;
  std::map<std::string, uint64_t> stored;
  size_t waiting = 0;
  for (int step = 0; step < 20'000; ++step) {
    for (uint32_t i = random() % 4; i > 0 && waiting < 100; --i, ++waiting) {
      PendingDelivery pending;
      pending.sender = Sender(absl::StrCat(random() % 6));
      pending.delivery.received_ms = pushed[pending.sender.name]++;
      pending.bytes = 1 + random() % 12;
      pending.is_large = room.Take(pending.sender, pending.bytes);
      pending.handed_in += std::chrono::seconds(step);
      queue.Push(std::move(pending));
    }
    const bool has_some = queue.has_small() || queue.has_large();
    const std::vector<PendingDelivery> group = queue.TakeGroup(true);
    ASSERT_EQ(group.empty(), !has_some);
    for (const PendingDelivery& taken : group) {
      ASSERT_EQ(taken.delivery.received_ms, stored[taken.sender.name]++);
      const auto age = std::chrono::seconds(step) - taken.handed_in.time_since_epoch();
      ASSERT_LE(age, std::chrono::seconds(300));
      room.GiveBack(taken.sender, taken.bytes, taken.is_large);
      --waiting;
    }
  }
  EXPECT_GT(stored["0"], 1000u);
}

}  // namespace
}  // namespace server
