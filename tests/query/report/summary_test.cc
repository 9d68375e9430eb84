#include "query/report/summary.h"

#include <algorithm>
#include <random>

#include "gtest/gtest.h"

#include "query/report/serial_runs.h"
#include "tests/query/report/report_of.h"

namespace query {
namespace {

constexpr std::string_view kLogins[] = {
    "type=USER_LOGIN msg=audit(1600000000.000:1): pid=9 uid=0 auid=1000 ses=3 msg='op=login "
    "acct=\"ann\" exe=\"/usr/sbin/sshd\" hostname=a addr=? terminal=ssh res=success'",
    "type=USER_LOGIN msg=audit(1600000001.000:2): pid=9 uid=0 auid=4294967295 ses=3 msg='op=login "
    "acct=\"eve\" exe=\"/usr/sbin/sshd\" hostname=b addr=? terminal=ssh res=failed'",
    "type=USER_LOGIN msg=audit(1600000002.000:3): pid=9 uid=0 auid=4294967295 ses=3 msg='op=login "
    "acct=\"eve\" exe=\"/usr/bin/login\" hostname=c addr=? terminal=tty1 res=failed'"};

TEST(Summary, PutsTheMostFrequentFirstAndThenTheEarlier) {
  EXPECT_EQ((ReportOf{ReportKind::kExe}.Summary({kLogins[2], kLogins[0], kLogins[1]})),
            "2  /usr/sbin/sshd\n1  /usr/bin/login\n");
  EXPECT_EQ((ReportOf{ReportKind::kHost}.Summary({kLogins[0], kLogins[1], kLogins[2]})),
            "1  a\n1  b\n1  c\n");
}

TEST(Summary, CallsUsersAsTheReportDoes) {
  EXPECT_EQ((ReportOf{ReportKind::kLogin}.Summary({kLogins[0], kLogins[1], kLogins[2]})),
            "2  eve\n1  1000\n");
  EXPECT_EQ((ReportOf{.kind = ReportKind::kUser, .names = {.interpret = true}}.Summary(
                {kLogins[0], kLogins[1], kLogins[2]})),
            "2  unset\n1  1000\n");
}

TEST(Summary, AddsUpWhatLooksTheSame) {
  const std::string_view here =
      "type=SYSCALL msg=audit(1600000000.000:1): arch=c000003e syscall=257 success=yes exit=0 "
      "a0=0 a1=1 pid=1 auid=5 uid=5 exe=\"/a\"";
  const std::string_view there =
      "type=SYSCALL msg=audit(1600000001.000:2): arch=40000003 syscall=295 success=no exit=0 "
      "a0=0 a1=1 pid=2 auid=5 uid=5 exe=\"/a\"";
  EXPECT_EQ(
      (ReportOf{.kind = ReportKind::kSyscall, .names = {.interpret = true}}.Summary({here, there})),
      "2  openat\n");
  EXPECT_EQ(ReportOf{ReportKind::kSyscall}.Summary({here, there}), "1  257\n1  295\n");
  EXPECT_EQ(
      (ReportOf{.kind = ReportKind::kSyscall, .filter = {.outcome = Outcome::kFailed}}.Summary(
          {here, there})),
      "1  295\n");
}

TEST(Summary, NumbersTypesUnlessItMaySpeak) {
  const std::initializer_list<std::string_view> lines = {
      "type=ANOM_ABEND msg=audit(1600000000.000:1): auid=5 uid=5 gid=5 ses=1 pid=3 comm=\"x\" "
      "exe=\"/x\" sig=11 res=1",
      "type=ANOM_PROMISCUOUS msg=audit(1600000001.000:2): dev=eth0 prom=256 old_prom=0 auid=5 "
      "uid=5 gid=5 ses=1"};
  EXPECT_EQ(ReportOf{ReportKind::kAnomalies}.Summary(lines), "1  1700\n1  1701\n");
  EXPECT_EQ((ReportOf{.kind = ReportKind::kAnomalies, .names = {.interpret = true}}.Summary(lines)),
            "1  ANOM_PROMISCUOUS\n1  ANOM_ABEND\n");
}

TEST(Summary, HasNoRowsWhereThereIsNothing) {
  EXPECT_EQ(ReportOf{ReportKind::kCrypto}.Summary({kLogins[0]}), "");
}

TEST(Summary, CountsWhatAnEventIs) {
  const ReportOf report{ReportKind::kOverall};
  const auto count = [&](OverallCount of) {
    return report.Count(of, {kLogins[0], kLogins[1], kLogins[2]});
  };
  EXPECT_EQ(count(OverallCount::kEvents), 3u);
  EXPECT_EQ(count(OverallCount::kLogins), 1u);
  EXPECT_EQ(count(OverallCount::kFailedLogins), 2u);
  EXPECT_EQ(count(OverallCount::kUsers), 2u);
  EXPECT_EQ(count(OverallCount::kExes), 2u);
  EXPECT_EQ(count(OverallCount::kHosts), 3u);
  EXPECT_EQ(count(OverallCount::kPids), 1u);
  EXPECT_EQ(count(OverallCount::kFiles), 0u);
}

TEST(Summary, CountsOnlyRefusalsOfTheManagementOfUsersAsAuthentications) {
  const ReportOf report{ReportKind::kOverall};
  const std::string_view refused =
      "type=USER_MGMT msg=audit(1600000000.000:1): pid=9 uid=0 auid=1 msg='op=x res=failed'";
  const std::string_view done =
      "type=USER_MGMT msg=audit(1600000001.000:2): pid=9 uid=0 auid=1 msg='op=x res=success'";
  EXPECT_EQ(report.Count(OverallCount::kAuthentications, {refused, done}), 0u);
  EXPECT_EQ(report.Count(OverallCount::kFailedAuthentications, {refused, done}), 1u);
  EXPECT_EQ(report.Count(OverallCount::kAccountChanges, {refused, done}), 2u);
}

TEST(EventTally, KnowsItsEdges) {
  const EventTally tally = ReportOf{ReportKind::kLogin}.Tally({kLogins[0], kLogins[1], kLogins[2]});
  EXPECT_EQ(tally.first()->time_ms, 1600000000000u);
  EXPECT_EQ(tally.last()->time_ms, 1600000002000u);
  EXPECT_EQ(tally.latest_ms(), 1600000002000u);
  EXPECT_EQ(ReportOf{ReportKind::kLogin}.Tally({}).first(), std::nullopt);
}

// ---- Serials ----

// A second apart.
uint64_t MissingIn(std::vector<uint32_t> serials) {
  SerialRuns runs;
  for (size_t i = 0; i < serials.size(); ++i) runs.Add(serials[i], 1000 * i);
  return runs.missing();
}

TEST(SerialRuns, TellWhatIsMissingBetweenThem) {
  EXPECT_EQ(MissingIn({}), 0u);
  EXPECT_EQ(MissingIn({7}), 0u);
  EXPECT_EQ(MissingIn({7, 8, 9}), 0u);
  EXPECT_EQ(MissingIn({7, 9, 20}), 11u);
  EXPECT_EQ(MissingIn({7, 9, 8}), 0u);
  EXPECT_EQ(MissingIn({7, 7, 8, 7}), 0u);
  EXPECT_EQ(MissingIn({10, 5, 7, 20, 6}), 11u);
  EXPECT_EQ(MissingIn({4294967293, 4294967295}), 1u);
}

TEST(SerialRuns, BeginAgainWhenTheHostDoes) {
  EXPECT_EQ(MissingIn({100'000, 100'001, 1, 2, 4}), 1u);
  EXPECT_EQ(MissingIn({100'000, 100'002, 1, 2, 2'002, 1}), 1 + 1'999u);
}

TEST(SerialRuns, DoNotDependOnTheOrderInWhichTheyCome) {
  // Two boots, with losses in both, and a block of the middle that comes last.
  std::vector<SerialRuns::Run> runs = {{.first = 1, .last = 3000, .time_ms = 10},
                                       {.first = 3001, .last = 23000, .time_ms = 20},
                                       {.first = 23005, .last = 26000, .time_ms = 30},
                                       {.first = 5, .last = 9, .time_ms = 40},
                                       {.first = 12, .last = 12, .time_ms = 50}};
  std::mt19937 random(1);
  for (int i = 0; i < 100; ++i) {
    std::ranges::shuffle(runs, random);
    SerialRuns mixed;
    for (const SerialRuns::Run& run : runs) mixed.Add(run);
    EXPECT_EQ(mixed.missing(), 4u + 2u);
  }
}

}  // namespace
}  // namespace query
