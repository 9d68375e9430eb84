#include "audit/node_clock.h"

#include <limits>

#include "gtest/gtest.h"

namespace audit {
namespace {

constexpr uint64_t kNow = 1'600'000'000'000;

TEST(NodeClock, MovesWithNewerStamps) {
  NodeClock clock(kNow);
  EXPECT_EQ(clock.Observe(kNow).ms, 0u);
  EXPECT_EQ(clock.Observe(kNow + 5).ms, 5u);
  EXPECT_EQ(clock.Observe(kNow + 3).ms, 0u);
  EXPECT_EQ(clock.Observe(kNow + 7).ms, 2u);
}

TEST(NodeClock, TellsTheNewestStamp) {
  NodeClock clock(kNow);
  EXPECT_TRUE(clock.Observe(kNow).is_newest);
  EXPECT_FALSE(clock.Observe(kNow - 1).is_newest);
  EXPECT_TRUE(clock.Observe(kNow + 1).is_newest);
}

TEST(NodeClock, LimitsAStepAhead) {
  NodeClock clock(0);
  EXPECT_EQ(clock.Observe(std::numeric_limits<uint64_t>::max()).ms, NodeClock::kStepMaxMs);
}

TEST(NodeClock, BelievesManyStampsThatItWasSetBack) {
  NodeClock clock(kNow);
  for (int i = 1; i < NodeClock::kTooLateStampsMax; ++i) {
    EXPECT_FALSE(clock.Observe(static_cast<uint64_t>(i)).set_back) << i;
  }
  EXPECT_TRUE(clock.Observe(1000).set_back);
  EXPECT_EQ(clock.Observe(1007).ms, 7u);
}

TEST(NodeClock, DoubtsOneStampHoweverOftenItComes) {
  NodeClock clock(kNow);
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(clock.Observe(1).set_back);
  EXPECT_EQ(clock.Observe(kNow + 5).ms, 5u);
}

TEST(NodeClock, ForgetsItsDoubtsAtAUsualStamp) {
  NodeClock clock(kNow);
  for (uint64_t i = 1; i < 100; ++i) {
    EXPECT_FALSE(clock.Observe(i).set_back);
    clock.Observe(kNow - i % 2);
  }
}

}  // namespace
}  // namespace audit
