#include "audit/serial_gaps.h"

#include "gtest/gtest.h"

namespace audit {
namespace {

constexpr uint64_t kPatienceMs = 100;

TEST(SerialGaps, SeesNothingInOrder) {
  SerialGaps gaps(5, kPatienceMs);
  for (const uint32_t serial : {5u, 6u, 6u, 7u, 6u, 8u}) {
    EXPECT_EQ(gaps.Observe(serial, true, uint64_t{1000} * serial), 0u);
  }
  EXPECT_EQ(gaps.GiveUp(), 0u);
}

TEST(SerialGaps, LosesAGapWhenItsPatienceIsOver) {
  SerialGaps gaps(1, kPatienceMs);
  EXPECT_EQ(gaps.Observe(5, true, 0), 0u);
  EXPECT_EQ(gaps.Observe(6, true, 100), 0u);
  EXPECT_EQ(gaps.Observe(7, true, 101), 3u);
  EXPECT_EQ(gaps.Observe(8, true, 999), 0u);
}

TEST(SerialGaps, ClosesAGapWithLateSerials) {
  for (const auto& late : {std::initializer_list<uint32_t>{2, 3, 4}, {4, 3, 2}, {3, 2, 4}}) {
    SerialGaps gaps(1, kPatienceMs);
    gaps.Observe(5, true, 0);
    uint64_t missing = 3;
    for (const uint32_t serial : late) {
      SerialGaps copy = gaps;
      EXPECT_EQ(copy.GiveUp(), missing--);
      gaps.Observe(serial, false, 0);
    }
    EXPECT_EQ(gaps.GiveUp(), 0u);
  }
}

TEST(SerialGaps, TakesALowSerialForARestartOnlyIfItIsNew) {
  SerialGaps gaps(50'000, kPatienceMs);
  EXPECT_EQ(gaps.Observe(3, false, 0), 0u);
  EXPECT_EQ(gaps.Observe(50'001, true, 0), 0u);
  EXPECT_EQ(gaps.GiveUp(), 0u);
  EXPECT_EQ(gaps.Observe(3, true, 0), 0u);
  EXPECT_EQ(gaps.Observe(4, true, 0), 0u);
  EXPECT_EQ(gaps.GiveUp(), 0u);
}

TEST(SerialGaps, TellsHowManyItWaitsFor) {
  SerialGaps gaps(1, kPatienceMs);
  gaps.Observe(5, true, 0);
  gaps.Observe(8, true, 1);
  gaps.Observe(3, false, 1);
  EXPECT_EQ(gaps.awaited(), 4u);  // 2, 4, 6 and 7.
  EXPECT_EQ(gaps.GiveUp(), 4u);
  EXPECT_EQ(gaps.awaited(), 0u);
}

TEST(SerialGaps, LosesWhatItWaitsForAtARestart) {
  SerialGaps gaps(50'000, kPatienceMs);
  gaps.Observe(50'003, true, 0);
  EXPECT_EQ(gaps.Observe(3, true, 0), 2u);
  gaps.Observe(6, true, 0);
  EXPECT_EQ(gaps.Restart(1), 2u);
}

TEST(SerialGaps, WaitsForNoMoreGapsThanItMay) {
  SerialGaps gaps(0, kPatienceMs);
  uint64_t lost = 0;
  for (uint32_t i = 1; i <= 300; ++i) lost += gaps.Observe(i * 10, true, 0);
  EXPECT_EQ(lost, (300 - SerialGaps::kGapsMax) * 9);
  for (uint32_t i = 45; i <= 300; ++i) lost += gaps.Observe(i * 10 - 5, false, 0);
  EXPECT_EQ(lost + gaps.GiveUp(), 300u * 9 - 256);
}

TEST(SerialGaps, CountsTheLargestGap) {
  SerialGaps gaps(0, kPatienceMs);
  gaps.Observe(4294967295u, true, 0);
  EXPECT_EQ(gaps.GiveUp(), 4294967294u);
}

}  // namespace
}  // namespace audit
