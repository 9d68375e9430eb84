#include "server/quotas.h"

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/storage/temporary_directory.h"

namespace server {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Refusal = Quotas::Refusal;

constexpr milliseconds kDelayMax{2000};
constexpr uint64_t kDayMs = 86'400'000;

storage::Identity Address(const std::string& name) {
  return {.kind = storage::IdentityKind::kAddress, .name = name};
}

QuotaRules Rules(QuotaLimits defaults, const std::string& file = "") {
  absl::StatusOr<QuotaRules> rules = QuotaRules::Parse(defaults, file, "quotas");
  EXPECT_TRUE(rules.ok()) << rules.status();
  return *std::move(rules);
}

// Time passes when the test says so.
class QuotasTest : public testing::Test {
 protected:
  QuotasTest() {
    quotas_.OnDayPassed([this](const storage::Identity& host, const QuotaLimits& limits) {
      passed_.push_back(absl::StrCat(host.name, " ", limits.bytes_per_day));
    });
  }

  void Pass(milliseconds time) {
    now_.time += time;
    now_.wall_ms += static_cast<uint64_t>(time.count());
  }

  Quotas::Turn TakeTurn(const std::string& host = "noisy") {
    return quotas_.TakeTurn(Address(host), kDelayMax, now_);
  }

  Refusal Charge(Quotas::Turn turn, uint64_t records, uint64_t bytes = 0,
                 const std::string& host = "noisy") {
    return quotas_.Charge(Address(host), turn, {.records = records, .bytes = bytes}, now_);
  }

  // A read, after the wait that it has to wait: how long that was, in ms, or -1 if it is refused.
  int64_t Read(uint64_t records, uint64_t bytes = 0, const std::string& host = "noisy") {
    const Quotas::Turn turn = TakeTurn(host);
    Pass(turn.wait);
    return Charge(turn, records, bytes, host) == Refusal::kNone ? turn.wait.count() : -1;
  }

  Counters counters_;
  Quotas quotas_{counters_, 4};
  Quotas::Moment now_ = {.time = Quotas::Clock::time_point() + std::chrono::hours(1),
                         .wall_ms = 20'000 * kDayMs + kDayMs / 2};
  std::vector<std::string> passed_;
};

TEST_F(QuotasTest, LimitNobodyByThemselves) {
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(Read(1'000'000, 1 << 30), 0);
  quotas_.SetRules(Rules({}, "web* records 0 bytes_day 0\n"));
  EXPECT_EQ(Read(1'000'000, 1 << 30), 0);
  EXPECT_EQ(counters_.quota_hosts, 0u);
}

TEST_F(QuotasTest, LetABurstPassThenKeepToTheRate) {
  quotas_.SetRules(Rules({.records_per_second = 100}));
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(Read(1), 0);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(Read(1), 10);
  EXPECT_EQ(counters_.quota_delays_total, 50u);
  Pass(milliseconds(1000));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Read(1), 0);
  EXPECT_EQ(Read(1), 10);
  // A bucket holds no more than ten seconds.
  Pass(std::chrono::hours(100));
  EXPECT_EQ(Read(1000), 0);
  EXPECT_EQ(Read(1), 10);
}

TEST_F(QuotasTest, LetWhatCameTogetherPassAndBePaidAfterwards) {
  quotas_.SetRules(Rules({.records_per_second = 100}));
  EXPECT_EQ(Read(1000), 0);
  EXPECT_EQ(Read(100), 10);
  EXPECT_EQ(Read(1), 1000);
}

// What each of them waits is a place of its own: nobody overtakes, and they do not wake together.
TEST_F(QuotasTest, QueueTheConnectionsOfOneHost) {
  quotas_.SetRules(Rules({.records_per_second = 100}));
  EXPECT_EQ(Read(1000), 0);
  std::vector<Quotas::Turn> turns;
  for (int i = 1; i <= 5; ++i) {
    turns.push_back(TakeTurn());
    EXPECT_EQ(turns.back().wait.count(), 10 * i);
  }
  for (const Quotas::Turn& turn : turns) {
    Pass(milliseconds(10));
    EXPECT_EQ(Charge(turn, 1), Refusal::kNone);
  }
}

TEST_F(QuotasTest, RefuseWhereTheWaitWouldBeTooLong) {
  quotas_.SetRules(Rules({.records_per_second = 100}));
  EXPECT_EQ(Read(1500), 0);
  // 500 records are 5 s; two of them pass with each attempt.
  EXPECT_EQ(Read(1), -1);
  EXPECT_EQ(Read(1), -1);
  EXPECT_EQ(counters_.quota_refused_records_total, 2u);
  EXPECT_EQ(Read(1), 1010);
}

TEST_F(QuotasTest, TakeNothingForAReadThatBringsNothing) {
  quotas_.SetRules(Rules({.records_per_second = 1}));
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(Read(0), 0);
  EXPECT_EQ(Read(10), 0);
  EXPECT_EQ(Read(100), 1000);
  EXPECT_EQ(Read(0), 2000) << "Who is over the quota may still send a heartbeat.";
}

TEST_F(QuotasTest, LeaveOthersAlone) {
  quotas_.SetRules(Rules({.records_per_second = 1, .bytes_per_day = 100}));
  EXPECT_EQ(Read(1000, 1000), 0);
  EXPECT_EQ(Read(1), -1);
  EXPECT_EQ(Read(1, 10, "quiet"), 0);
}

TEST_F(QuotasTest, RefuseWhatComesAfterTheBytesOfADay) {
  quotas_.SetRules(Rules({.bytes_per_day = 100}));
  EXPECT_EQ(Read(1, 99), 0);
  EXPECT_THAT(passed_, IsEmpty());
  EXPECT_EQ(Read(1, 50), 0);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Read(1, 1), -1);
  EXPECT_EQ(TakeTurn().wait, kDelayMax);
  EXPECT_THAT(passed_, ElementsAre("noisy 100"));
  EXPECT_EQ(counters_.quota_refused_bytes_day_total, 3u);
  Pass(std::chrono::hours(13));
  EXPECT_EQ(Read(1, 100), 0);
  EXPECT_EQ(Read(1, 1), -1);
  EXPECT_THAT(passed_, ElementsAre("noisy 100", "noisy 100"));
  EXPECT_EQ(counters_.quota_days_passed_total, 2u);
}

// What it had to wait for is what it brings, or nothing.
TEST_F(QuotasTest, ChargeNothingThatIsRefused) {
  quotas_.SetRules(Rules({.records_per_second = 100, .bytes_per_day = 100}));
  EXPECT_EQ(Read(1, 100), 0);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Read(1000, 1), -1);
  quotas_.SetRules(Rules({.records_per_second = 100}));
  EXPECT_EQ(Read(1000), 0);
}

TEST_F(QuotasTest, BearAClockThatIsSetBack) {
  quotas_.SetRules(Rules({.records_per_second = 100, .bytes_per_day = 100}));
  EXPECT_EQ(Read(1000, 99), 0);
  now_.wall_ms -= kDayMs / 4;  // The same day.
  EXPECT_EQ(Read(1, 1), 10);
  EXPECT_EQ(Read(1, 1), -1);
  now_.wall_ms -= kDayMs;  // Another one: a day that is far ahead must not stay for ever.
  EXPECT_EQ(Read(1, 1), 0);
  now_.time -= milliseconds(500);
  EXPECT_EQ(TakeTurn().has_place, true);
}

TEST_F(QuotasTest, TakeTheFirstLineThatMatches) {
  quotas_.SetRules(Rules({.records_per_second = 1},
                         "# relays\nrelay* records 0\n10.1.* records 50\n* bytes_day 1\n"));
  EXPECT_EQ(Read(1000, 0, "relay1"), 0);
  EXPECT_EQ(Read(1000, 0, "relay1"), 0);
  EXPECT_EQ(Read(500, 0, "10.1.2.3"), 0);
  EXPECT_EQ(Read(1, 0, "10.1.2.3"), 20);
  EXPECT_EQ(Read(10, 1 << 20, "10.2.2.3"), 0);
  EXPECT_EQ(Read(1, 0, "10.2.2.3"), -1);
  EXPECT_THAT(passed_, ElementsAre("10.2.2.3 1048576"));
}

TEST_F(QuotasTest, TakeNewRulesAtOnce) {
  quotas_.SetRules(Rules({.records_per_second = 1, .bytes_per_day = 100}));
  EXPECT_EQ(Read(10, 100), 0);
  EXPECT_EQ(Read(1, 1), -1);
  quotas_.SetRules(Rules({.records_per_second = 1000, .bytes_per_day = 101}));
  EXPECT_EQ(Read(1, 1), 0);
  EXPECT_EQ(Read(1, 1), -1);
  quotas_.SetRules(Rules({}));
  EXPECT_EQ(Read(1'000'000, 1000), 0);
}

TEST_F(QuotasTest, ForgetWhoIsAsGoodAsAStranger) {
  quotas_.SetRules(Rules({.records_per_second = 10, .bytes_per_day = 100}));
  for (const char* host : {"a", "b", "c"}) EXPECT_EQ(Read(10, 0, host), 0);
  EXPECT_EQ(Read(10, 1, "d"), 0);
  EXPECT_EQ(counters_.quota_hosts, 4u);
  Pass(milliseconds(1000));
  EXPECT_EQ(Read(10, 0, "e"), 0);
  EXPECT_EQ(counters_.quota_hosts, 2u);
  EXPECT_EQ(counters_.quota_hosts_overflowed_total, 0u);
  // Who has delivered bytes is known until the day is over.
  EXPECT_EQ(Read(1, 99, "d"), 0);
  EXPECT_EQ(Read(1, 1, "d"), -1);
}

TEST_F(QuotasTest, ChargeTogetherWhomTheyHaveNoRoomFor) {
  quotas_.SetRules(Rules({.records_per_second = 10}, "old* records 1\n"));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(Read(10, 0, absl::StrCat("old", i)), 0);
  EXPECT_EQ(Read(50, 0, "new1"), 0);
  EXPECT_EQ(Read(50, 0, "new2"), 0);
  EXPECT_EQ(Read(1, 0, "new3"), 100);
  EXPECT_EQ(counters_.quota_hosts, 4u);
  EXPECT_EQ(counters_.quota_hosts_overflowed_total, 6u);
  EXPECT_EQ(Read(1, 0, "old1"), 900) << "Those who were there keep what is theirs.";
}

TEST(QuotaRules, NameWhatIsWrong) {
  const struct {
    std::string text;
    std::string message;
  } cases[] = {
      {"web*\n", "quotas:1: a limit is missing: records or bytes_day"},
      {"# good\n\nweb* records\n", "quotas:3: the number behind \"records\" is missing"},
      {"web* records 5 bytes_day", "quotas:1: the number behind \"bytes_day\" is missing"},
      {"web* speed 5", "quotas:1: \"speed\" is no limit: records or bytes_day"},
      {"web* records many", "quotas:1: records \"many\" is not a number from 0 to 1000000000"},
      {"web* records -1", "quotas:1: records \"-1\" is not a number from 0 to 1000000000"},
      {"web* bytes_day 1000000001",
       "quotas:1: bytes_day \"1000000001\" is not a number from 0 to 1000000000"},
      {std::string(2 << 20, '#'), "quotas: longer than 1 MB"},
  };
  for (const auto& [text, message] : cases) {
    const absl::StatusOr<QuotaRules> rules = QuotaRules::Parse({}, text, "quotas");
    ASSERT_FALSE(rules.ok()) << text.substr(0, 100);
    EXPECT_EQ(rules.status().message(), message);
  }
  std::string many;
  for (size_t i = 0; i < kQuotaLinesMax; ++i) absl::StrAppend(&many, "web", i, " records 5\n");
  EXPECT_TRUE(QuotaRules::Parse({}, many, "quotas").ok());
  EXPECT_THAT(std::string(QuotaRules::Parse({}, many + "* records 5", "f").status().message()),
              HasSubstr("f:1001: more than 1000 lines"));
}

TEST(QuotaRules, AreReadFromTheFileAndTheKeys) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/quotas";
  std::ofstream(path) << "web* bytes_day 3\r\n\tdb1\trecords 7 \n";
  const absl::StatusOr<QuotaRules> rules =
      QuotaRules::Read({.records = 5, .bytes_day = 2, .file = path});
  ASSERT_TRUE(rules.ok()) << rules.status();
  const auto limits = [](uint32_t records, uint64_t megabytes) {
    return QuotaLimits{.records_per_second = records, .bytes_per_day = megabytes << 20};
  };
  EXPECT_EQ(rules->LimitsOf("web1"), limits(5, 3));
  EXPECT_EQ(rules->LimitsOf("db1"), limits(7, 2));
  EXPECT_EQ(rules->LimitsOf("db2"), limits(5, 2));
  EXPECT_TRUE(absl::IsNotFound(QuotaRules::Read({.file = path + "x"}).status()));
}

}  // namespace
}  // namespace server
