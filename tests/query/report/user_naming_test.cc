#include "query/report/user_naming.h"

#include <map>
#include <optional>

#include "absl/strings/str_cat.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "query/report/report_composer.h"
#include "tests/query/report/report_of.h"

namespace query {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Users 0, 1000 and 7 have no name of their host; 5, and another 1000, are "ann" there.
const std::initializer_list<std::string_view> kLines = {
    "type=USER_CMD msg=audit(1600000000.000:1): pid=1 uid=0 auid=7 ses=1 msg='res=success'",
    "type=USER_CMD msg=audit(1600000001.000:2): pid=1 uid=0 auid=0 ses=1 msg='res=success'",
    "type=USER_CMD msg=audit(1600000002.000:3): pid=1 uid=0 auid=1000 ses=1 msg='res=success'",
    "type=USER_CMD msg=audit(1600000003.000:4): pid=1 uid=0 auid=5 ses=1 msg='res=success'\x1d"
    "AUID=\"ann\"",
    "type=USER_CMD msg=audit(1600000004.000:5): pid=1 uid=0 auid=1000 ses=1 msg='res=success'\x1d"
    "AUID=\"ann\"",
    "type=USER_CMD msg=audit(1600000005.000:6): pid=1 uid=0 auid=4294967295 ses=1 "
    "msg='res=success'",
    "type=USER_CMD msg=audit(1600000006.000:7): pid=1 uid=0 auid=0 ses=1 msg='res=success'",
    "type=USER_AUTH msg=audit(1600000007.000:8): pid=1 uid=0 auid=0 ses=1 msg='acct=\"1000\" "
    "res=success'",
    "type=USER_AUTH msg=audit(1600000008.000:9): pid=1 uid=1000 auid=0 ses=1 msg='res=success'"};

std::optional<std::string> NameOf(uint32_t user) {
  if (user == 1000) return "ann";
  if (user == 7) return "root";
  return std::nullopt;
}

// Writes down the totals, and cells of rows.
class Told : public ReportSink {
 public:
  bool TakeRow(const ReportRow& row) override {
    for (const ReportCell& cell : row.cells) told.emplace_back(cell.text);
    return true;
  }
  bool TakeTotal(const ReportTotal& total) override {
    told.push_back(absl::StrCat(total.row.total, " ", total.host, " ", total.row.value));
    return true;
  }
  bool TakeTimes(const ReportTimes&) override { return true; }
  bool TakeOverall(const OverallReport&) override { return true; }
  bool TakeHost(const HostOverview&) override { return true; }
  bool TakeSum(uint64_t, const HostOverview&) override { return true; }
  void End() override { ended = true; }

  std::vector<std::string> told;
  bool ended = false;
};

std::vector<std::string> TotalsOf(const ReportQuestion& question,
                                  const std::vector<std::string>& hosts, bool named = true) {
  Told told;
  UserNamingSink naming(question, &NameOf, told);
  ReportComposer composer(question, {}, named ? static_cast<ReportSink&>(naming) : told);
  const EventTally tally = ReportOf{question.kind}.Tally(kLines);
  for (const std::string& host : hosts) EXPECT_TRUE(composer.AddTally(host, tally));
  EXPECT_TRUE(composer.Finish().ok());
  EXPECT_TRUE(told.ended);
  return told.told;
}

// As it would be if the names were known while the totals are made.
TEST(UserNaming, AddsUpWhatLooksTheSameThen) {
  for (const ReportKind kind :
       {ReportKind::kUser, ReportKind::kAuthentication, ReportKind::kLogin}) {
    ReportNames names({.interpret = true, .user_name = &NameOf});
    std::vector<std::string> expected;
    for (const SummaryRow& row : SummarizeList(kind, ReportOf{kind}.Tally(kLines), {}, names)) {
      expected.push_back(absl::StrCat(row.total, "  ", row.value));
    }
    ReportQuestion question{
        .kind = kind, .summary = true, .interpret = true, .unnamed_users_apart = true};
    EXPECT_EQ(TotalsOf(question, {""}), expected);
    question.limit = 2;
    expected.resize(std::min<size_t>(expected.size(), 2));
    EXPECT_EQ(TotalsOf(question, {""}), expected);
  }
}

TEST(UserNaming, KeepsHostsApart) {
  const ReportQuestion question{.kind = ReportKind::kUser,
                                .summary = true,
                                .by_host = true,
                                .interpret = true,
                                .unnamed_users_apart = true,
                                .limit = 3};
  EXPECT_THAT(TotalsOf(question, {"b", "a"}),
              ElementsAre("4 a unknown(0)", "4 b unknown(0)", "3 a ann"));
  // What it is made of.
  EXPECT_THAT(TotalsOf(question, {"b"}, false),
              ElementsAre("4 b root", "2 b ann", "1 b 7", "1 b 1000", "1 b unset"));
}

TEST(UserNaming, IsOfUsersOnly) {
  const ReportQuestion question{.kind = ReportKind::kPid,
                                .summary = true,
                                .interpret = true,
                                .unnamed_users_apart = true,
                                .limit = 1};
  EXPECT_THAT(TotalsOf(question, {""}), ElementsAre("9  1"));
}

TEST(UserNaming, NamesUsersInRows) {
  const ReportQuestion question{
      .kind = ReportKind::kUser, .interpret = true, .unnamed_users_apart = true, .limit = 4};
  Told told;
  UserNamingSink naming(question, &NameOf, told);
  ReportComposer composer(question, {}, naming);
  EventFactsBuilder builder;
  for (const audit::Event& event : EventsOf(kLines)) {
    if (!composer.AddEvent(FactsOf(event, &builder), "h")) break;
  }
  EXPECT_THAT(told.told, ElementsAre("root", "?", "?", "?", "1", "unknown(0)", "?", "?", "?", "2",
                                     "ann", "?", "?", "?", "3", "ann", "?", "?", "?", "4"));
}

TEST(ReportComposer, HoldsNoMoreThanItMay) {
  const ReportQuestion question{.kind = ReportKind::kUser, .summary = true, .by_host = true};
  Told told;
  ReportComposer composer(question, {.memory_bytes_max = 2000}, told);
  const EventTally tally = ReportOf{question.kind}.Tally(kLines);
  EXPECT_TRUE(composer.AddTally("a", tally));
  while (composer.AddTally("a", tally)) continue;
  EXPECT_TRUE(absl::IsResourceExhausted(composer.Finish()));
  EXPECT_THAT(told.told, IsEmpty());
  EXPECT_FALSE(told.ended);
}

}  // namespace
}  // namespace query
