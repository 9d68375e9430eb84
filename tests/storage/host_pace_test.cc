#include "storage/host_pace.h"

#include <gtest/gtest.h>

namespace storage {
namespace {

constexpr uint64_t kStartMs = 1'626'611'363'000;
constexpr uint64_t kMinuteMs = 60'000;

TEST(HostPace, TellsTheRateOfTheLastMinute) {
  HostPaceMeter meter;
  uint64_t now_ms = kStartMs;
  for (int second = 0; second < 600; ++second) meter.Add(50, now_ms += 1000, now_ms);
  EXPECT_NEAR(meter.At(now_ms).records_per_second, 50, 1);
  EXPECT_NEAR(meter.At(now_ms + kMinuteMs).records_per_second, 50 / 2.718, 1);
  EXPECT_LT(meter.At(now_ms + 20 * kMinuteMs).records_per_second, 0.001);
}

TEST(HostPace, TakesTheLeastLagForTheClock) {
  HostPaceMeter meter;
  EXPECT_EQ(meter.At(kStartMs), HostPace());
  meter.Add(1, kStartMs, std::nullopt);
  EXPECT_EQ(meter.At(kStartMs).clock_lag_ms, std::nullopt);
  for (const uint64_t lag_ms : {9000, 120, 5000}) meter.Add(1, kStartMs, kStartMs - lag_ms);
  EXPECT_EQ(meter.At(kStartMs).clock_lag_ms, 120);
  meter.Add(1, kStartMs, kStartMs + 3000);
  EXPECT_EQ(meter.At(kStartMs).clock_lag_ms, -3000);
}

TEST(HostPace, ForgetsLagsThatAreOld) {
  HostPaceMeter meter;
  meter.Add(1, kStartMs, kStartMs - 10);
  meter.Add(1, kStartMs + 6 * kMinuteMs, kStartMs);
  EXPECT_EQ(meter.At(kStartMs).clock_lag_ms, 10);
  meter.Add(1, kStartMs + 12 * kMinuteMs, kStartMs + 10 * kMinuteMs);
  EXPECT_EQ(meter.At(kStartMs).clock_lag_ms, 2 * kMinuteMs);
  meter.Add(1, kStartMs + 60 * kMinuteMs, kStartMs);
  EXPECT_EQ(meter.At(kStartMs).clock_lag_ms, 60 * kMinuteMs);
}

TEST(HostPace, TakesAClockThatGoesBackForStandingStill) {
  HostPaceMeter meter;
  meter.Add(60, kStartMs, kStartMs);
  meter.Add(60, kStartMs - kMinuteMs, kStartMs - kMinuteMs);
  EXPECT_NEAR(meter.At(kStartMs - kMinuteMs).records_per_second, 2, 1e-9);
  EXPECT_EQ(meter.At(kStartMs).last_received_ms, kStartMs);
}

}  // namespace
}  // namespace storage
