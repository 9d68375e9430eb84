#include "server/space/space_stages.h"

#include <string>

#include "absl/strings/str_format.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace server {
namespace {

constexpr uint64_t kMb = 1 << 20;
constexpr SpaceLimits kLimits = {
    .space_left = 100 * kMb, .admin_space_left = 50 * kMb, .full = 20 * kMb, .reserve = 0};

// "from>to +entered -left", or "" for no change.
std::string ToText(const SpaceChange& change) {
  if (change.is_none()) return "";
  std::string text = absl::StrFormat("%s>%s", NameOf(change.from), NameOf(change.to));
  for (const SpaceStage stage : change.entered) absl::StrAppendFormat(&text, " +%s", NameOf(stage));
  for (const SpaceStage stage : change.left) absl::StrAppendFormat(&text, " -%s", NameOf(stage));
  return text;
}

TEST(SpaceStages, TellsEachCrossingOnceAndOnlyBeyondItsMargin) {
  const struct {
    uint64_t free_mb;
    std::string change;
  } steps[] = {
      {500, ""},
      {100, ""},
      {99, "ok>space_left +space_left"},
      {100, ""},
      {98, ""},
      {109, ""},
      {99, ""},
      {110, "space_left>ok -space_left"},
      {99, "ok>space_left +space_left"},
      {49, "space_left>admin_space_left +admin_space_left"},
      {54, ""},
      {55, "admin_space_left>space_left -admin_space_left"},
      {19, "space_left>full +admin_space_left +full"},
      {21, ""},
      {0, ""},
      {22, "full>admin_space_left -full"},
      {500, "admin_space_left>ok -space_left -admin_space_left"},
      {0, "ok>full +space_left +admin_space_left +full"},
      {500, "full>ok -space_left -admin_space_left -full"},
  };
  SpaceStages stages;
  for (size_t i = 0; i < std::size(steps); ++i) {
    EXPECT_EQ(ToText(stages.Measure(kLimits, steps[i].free_mb * kMb, i)), steps[i].change)
        << "step " << i << ", " << steps[i].free_mb << " MB";
  }
}

TEST(SpaceStages, ResumesWithoutTheMarginWhenAnAdminSaysSo) {
  SpaceStages stages;
  stages.Measure(kLimits, 19 * kMb, 0);
  EXPECT_EQ(ToText(stages.Measure(kLimits, 20 * kMb, 1)), "");
  EXPECT_EQ(ToText(stages.Measure(kLimits, 19 * kMb, 2, true)), "");
  EXPECT_EQ(ToText(stages.Measure(kLimits, 20 * kMb, 3, true)), "full>admin_space_left -full");
}

TEST(SpaceStages, KeepsAnErrorUntilWritesHaveSucceededForAWhile) {
  constexpr uint64_t kQuiet = SpaceStages::kQuietMs;
  SpaceStages stages;
  EXPECT_EQ(ToText(stages.Note(WriteOutcome::kSucceeded, 1)), "");
  EXPECT_EQ(ToText(stages.Note(WriteOutcome::kFailed, 1000)), "ok>error +error");
  EXPECT_EQ(ToText(stages.Note(WriteOutcome::kFailed, 1001)), "");
  EXPECT_TRUE(stages.awaits_write());
  // Time alone does not end it, nor one write that succeeds between others that fail.
  EXPECT_EQ(ToText(stages.Measure(kLimits, 500 * kMb, 1001 + kQuiet)), "");
  EXPECT_EQ(ToText(stages.Note(WriteOutcome::kFailed, 7000)), "");
  EXPECT_EQ(ToText(stages.Note(WriteOutcome::kSucceeded, 7001)), "");
  EXPECT_EQ(ToText(stages.Note(WriteOutcome::kFailed, 7002)), "");
  EXPECT_EQ(ToText(stages.Note(WriteOutcome::kSucceeded, 7003)), "");
  EXPECT_EQ(ToText(stages.Measure(kLimits, 500 * kMb, 7001 + kQuiet)), "");
  EXPECT_EQ(ToText(stages.Measure(kLimits, 500 * kMb, 7002 + kQuiet)), "error>ok -error");
  EXPECT_FALSE(stages.awaits_write());
}

TEST(SpaceStages, IsFullWhenAWriteSaysSoWhateverTheFileSystemSays) {
  SpaceStages stages;
  EXPECT_EQ(ToText(stages.Note(WriteOutcome::kNoSpace, 1000)), "ok>full +full");
  EXPECT_EQ(ToText(stages.Note(WriteOutcome::kFailed, 1001)), "");  // It was not even tried.
  EXPECT_EQ(ToText(stages.Measure(kLimits, 500 * kMb, 90'000)), "");
  EXPECT_EQ(ToText(stages.Note(WriteOutcome::kSucceeded, 90'001)), "full>ok -full");
  EXPECT_EQ(ToText(stages.Note(WriteOutcome::kFailed, 90'002)), "ok>error +error");
}

TEST(SpaceStages, HasAnErrorAndNoSpaceAtOnce) {
  SpaceStages stages;
  stages.Measure(kLimits, 60 * kMb, 0);
  EXPECT_EQ(ToText(stages.Note(WriteOutcome::kFailed, 1)), "space_left>error +error");
  EXPECT_EQ(ToText(stages.Measure(kLimits, 1 * kMb, 2)), "error>error +admin_space_left +full");
  stages.Note(WriteOutcome::kSucceeded, 3);
  EXPECT_EQ(ToText(stages.Measure(kLimits, 1 * kMb, 9000)), "error>full -error");
  EXPECT_TRUE(stages.holds(SpaceStage::kSpaceLeft));
}

TEST(LimitsOf, FollowsTheOptionsAndTheFileSystem) {
  const auto limit = [](uint32_t number, bool is_percent) {
    return SpaceLimit{.number = number, .is_percent = is_percent};
  };
  constexpr uint64_t kGb = kMb << 10;
  const struct {
    const char* what;
    std::optional<SpaceLimit> space_left, admin_space_left;
    uint64_t total_bytes;
    SpaceLimits expected;
  } cases[] = {
      {"the defaults",
       {},
       {},
       100 * kGb,
       {100 * kGb / 100 * 5, 100 * kGb / 100 * 2, 64 * kMb, 256 * kMb}},
      {"a tiny disk",
       {},
       {},
       64 * kMb,
       {64 * kMb / 100 * 5, 64 * kMb / 100 * 2, 64 * kMb / 100, 2 * kMb}},
      {"auditd's stock file",
       limit(75, false),
       limit(50, false),
       100 * kGb,
       {75 * kMb, 50 * kMb, 25 * kMb, 256 * kMb}},
      {"only the first",
       limit(75, false),
       {},
       100 * kGb,
       {75 * kMb, 75 * kMb / 2, 75 * kMb / 4, 256 * kMb}},
      {"only the second", {}, limit(50, false), 1 * kGb, {100 * kMb, 50 * kMb, 16 * kMb, 32 * kMb}},
      {"only the second, and much",
       {},
       limit(60, true),
       2000 * kMb,
       {1600 * kMb, 1200 * kMb, 2000 * kMb / 64, 2000 * kMb / 32}},
      {"percents",
       limit(25, true),
       limit(10, true),
       2000 * kMb,
       {500 * kMb, 200 * kMb, 2000 * kMb / 64, 2000 * kMb / 32}},
  };
  for (const auto& [what, space_left, admin_space_left, total_bytes, expected] : cases) {
    SpaceOptions options;
    options.space_left = space_left;
    options.admin_space_left = admin_space_left;
    const SpaceLimits limits = LimitsOf(options, total_bytes);
    EXPECT_EQ(limits.space_left, expected.space_left) << what;
    EXPECT_EQ(limits.admin_space_left, expected.admin_space_left) << what;
    EXPECT_EQ(limits.full, expected.full) << what;
    EXPECT_EQ(limits.reserve, expected.reserve) << what;
  }
}

TEST(FreeBytes, NeverCountsTheReserve) {
  constexpr SpaceLimits kWithReserve = {.reserve = 30};
  EXPECT_EQ(FreeBytes(kWithReserve, 100, 30), 100u);
  EXPECT_EQ(FreeBytes(kWithReserve, 130, 0), 100u);
  EXPECT_EQ(FreeBytes(kWithReserve, 100, 40), 100u);
  EXPECT_EQ(FreeBytes(kWithReserve, 20, 0), 0u);
  EXPECT_EQ(FreeBytes(kLimits, 20, 0), 20u);
}

}  // namespace
}  // namespace server
