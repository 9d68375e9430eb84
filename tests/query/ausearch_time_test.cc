#include "query/ausearch_time.h"

#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace query {
namespace {

constexpr std::string_view kDefaultNow = "2026-11-22 15:15:39";  // A Sunday.

absl::Time At(std::string_view text, const absl::TimeZone& zone) {
  absl::Time time;
  std::string error;
  EXPECT_TRUE(absl::ParseTime("%Y-%m-%d %H:%M:%S", {text.data(), text.size()}, zone, &time, &error))
      << error;
  return time;
}

// Tests see times as text in the zone of the context.
class Clock {
 public:
  explicit Clock(std::string_view now = kDefaultNow, std::string_view zone = "UTC") {
    EXPECT_TRUE(absl::LoadTimeZone({zone.data(), zone.size()}, &context_.zone)) << zone;
    context_.now_s = absl::ToUnixSeconds(At(now, context_.zone));
    context_.boot_s = absl::ToUnixSeconds(At("2026-11-01 08:09:10", context_.zone));
  }

  // The time that the words mean, or the message of the failure.
  std::string Parse(TimeEdge edge, const std::vector<std::string_view>& words) const {
    const absl::StatusOr<int64_t> seconds = ParseAusearchTime(edge, words, context_);
    if (!seconds.ok()) return std::string(seconds.status().message());
    return absl::FormatTime("%Y-%m-%d %H:%M:%S", absl::FromUnixSeconds(*seconds), context_.zone);
  }

  std::string Start(const std::vector<std::string_view>& words) const {
    return Parse(TimeEdge::kStart, words);
  }
  std::string End(const std::vector<std::string_view>& words) const {
    return Parse(TimeEdge::kEnd, words);
  }

  // Seconds since the epoch.
  int64_t StartSeconds(const std::vector<std::string_view>& words) const {
    return *ParseAusearchTime(TimeEdge::kStart, words, context_);
  }
  int64_t EndSeconds(const std::vector<std::string_view>& words) const {
    return *ParseAusearchTime(TimeEdge::kEnd, words, context_);
  }

 private:
  TimeContext context_;
};

TEST(AusearchTime, ReadsEveryFormOfAStartAndAnEnd) {
  const struct {
    std::vector<std::string_view> words;
    std::string_view start;
    std::string_view end;
  } cases[] = {
      {{"now"}, "2026-11-22 15:15:39", "2026-11-22 15:15:39"},
      {{"recent"}, "2026-11-22 15:05:39", "2026-11-22 15:05:39"},
      {{"boot"}, "2026-11-01 08:09:10", "2026-11-01 08:09:10"},
      {{"today"}, "2026-11-22 00:00:00", "2026-11-22 15:15:39"},
      {{"yesterday"}, "2026-11-21 00:00:00", "2026-11-21 00:00:00"},
      {{"this-week"}, "2026-11-22 00:00:00", "2026-11-22 00:00:00"},
      {{"week-ago"}, "2026-11-15 00:00:00", "2026-11-15 00:00:00"},
      {{"this-month"}, "2026-11-01 00:00:00", "2026-11-01 00:00:00"},
      {{"this-year"}, "2026-01-01 00:00:00", "2026-01-01 00:00:00"},
      {{"now", "00:00:00"}, "2026-11-22 15:15:39", "2026-11-22 15:15:39"},
      {{"now", "10:00"}, "2026-11-22 10:00:00", "2026-11-22 10:00:00"},
      {{"boot", "10:00:01"}, "2026-11-01 10:00:01", "2026-11-01 10:00:01"},
      {{"today", "10:00"}, "2026-11-22 10:00:00", "2026-11-22 10:00:00"},
      {{"yesterday", "23:59:59"}, "2026-11-21 23:59:59", "2026-11-21 23:59:59"},
      {{"10:00", "yesterday"}, "2026-11-21 10:00:00", "2026-11-21 10:00:00"},
      {{"10:00"}, "2026-11-22 10:00:00", "2026-11-22 10:00:00"},
      {{"1:2"}, "2026-11-22 01:02:00", "2026-11-22 01:02:00"},
      {{"11/20/26"}, "2026-11-20 00:00:00", "2026-11-20 15:15:39"},
      {{"11/20/26", "18:30:05"}, "2026-11-20 18:30:05", "2026-11-20 18:30:05"},
      {{"18:30:05", "11/20/26"}, "2026-11-20 18:30:05", "2026-11-20 18:30:05"},
      {{"02/30/26"}, "2026-03-02 00:00:00", "2026-03-02 15:15:39"},
  };
  const Clock clock;
  for (const auto& [words, start, end] : cases) {
    EXPECT_EQ(clock.Start(words), start) << words[0];
    EXPECT_EQ(clock.End(words), end) << words[0];
  }
}

TEST(AusearchTime, RefusesInTheWordsOfAusearch) {
  const struct {
    std::vector<std::string_view> words;
    std::string_view message;  // "%s" is the edge.
  } cases[] = {
      {{""}, "Invalid %s date (). Month, Day, and Year are required."},
      {{"foo"}, "Invalid %s date (foo). Month, Day, and Year are required."},
      {{"13/01/26"}, "Invalid %s date (13/01/26). Month, Day, and Year are required."},
      {{"11/22/2026"}, "Error parsing %s date (11/22/2026)"},
      {{"11/22/26", "foo"}, "Invalid %s time (foo). Hour, Minute, and Second are required."},
      {{"11/22/26", "10"}, "Invalid %s time (10). Hour, Minute, and Second are required."},
      {{"25:00"}, "Invalid %s time (25:00). Hour, Minute, and Second are required."},
      {{"boot", "now"}, "Invalid %s time (now). Hour, Minute, and Second are required."},
      {{"10:00:00x"}, "Error parsing %s time (10:00:00x)"},
      {{"11/22/03"}, "Error - year is 2003"},
      {{"01/01/70", "00:00:00"}, "Error - year is 1970"},
      {{"checkpoint", "10:00"}, "Invalid %s date (checkpoint). Month, Day, and Year are required."},
  };
  const Clock clock;
  for (const auto& [words, message] : cases) {
    const auto expected = [text = message](std::string_view edge) {
      std::string result(text);
      const size_t at = result.find("%s");
      return at == std::string::npos ? result : result.replace(at, 2, edge);
    };
    EXPECT_EQ(clock.Start(words), expected("start"));
    EXPECT_EQ(clock.End(words), expected("end"));
  }
}

TEST(AusearchTime, BeginsTheWeekOnSunday) {
  EXPECT_EQ(Clock("2026-11-23 00:00:00").Start({"this-week"}), "2026-11-22 00:00:00");
  EXPECT_EQ(Clock("2026-11-28 23:59:59").Start({"this-week"}), "2026-11-22 00:00:00");
  EXPECT_EQ(Clock("2026-11-29 00:00:00").Start({"this-week"}), "2026-11-29 00:00:00");
}

TEST(AusearchTime, MeansTheDayOfTheZone) {
  const Clock tokyo("2026-11-23 00:15:39", "Asia/Tokyo");
  EXPECT_EQ(tokyo.Start({"today"}), "2026-11-23 00:00:00");
  EXPECT_EQ(tokyo.StartSeconds({"today"}), Clock().StartSeconds({"15:00:00"}));
}

// The clocks of Berlin went from 03:00 to 02:00 on 2026-10-25, and from 02:00 to 03:00 on 03-29.
TEST(AusearchTime, MeansTheWallClockWhenSummerTimeEnds) {
  const Clock clock("2026-10-25 23:30:00", "Europe/Berlin");
  EXPECT_EQ(clock.Start({"today"}), "2026-10-25 00:00:00");
  EXPECT_EQ(clock.Start({"yesterday"}), "2026-10-24 00:00:00");
  EXPECT_EQ(clock.Start({"this-month"}), "2026-10-01 00:00:00");
  EXPECT_EQ(clock.Start({"07/01/26", "12:00:00"}), "2026-07-01 12:00:00");
  EXPECT_EQ(clock.EndSeconds({"02:30"}) - clock.StartSeconds({"02:30"}), 3600);
  EXPECT_EQ(clock.Start({"03/29/26", "02:30:00"}), "2026-03-29 03:00:00");
}

}  // namespace
}  // namespace query
