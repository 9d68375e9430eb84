#include "api/report_message.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>

namespace api {
namespace {

namespace v1 = auspex::v1;
using query::ReportKind;
using query::ReportQuestion;
using testing::ElementsAre;

// Writes down what it is given.
class Told : public query::ReportSink {
 public:
  bool TakeRow(const query::ReportRow& row) override {
    std::string text = absl::StrCat(row.time_ms, " ", std::string(row.host));
    for (const query::ReportCell& cell : row.cells) absl::StrAppend(&text, "|", ToText(cell));
    return Tell(text);
  }
  bool TakeTotal(const query::ReportTotal& total) override {
    return Tell(absl::StrCat(total.row.total, " ", total.host, " ",
                             ToText({.text = total.row.value,
                                     .is_number = total.row.is_number,
                                     .unnamed_user = total.row.unnamed_user}),
                             " ", total.row.place));
  }
  bool TakeTimes(const query::ReportTimes& times) override {
    return Tell(absl::StrCat(times.name, " ",
                             times.first_ms ? absl::StrCat(*times.first_ms) : "none", " ",
                             times.last_ms));
  }
  bool TakeOverall(const query::OverallReport& overall) override {
    std::string text = absl::StrCat(overall.log_begin_ms, " ", overall.last_ms, ":");
    for (const uint64_t count : overall.counts) absl::StrAppend(&text, " ", count);
    return Tell(text);
  }
  bool TakeHost(const query::HostOverview& host) override {
    std::string text = host.host;
    for (const query::OverallCount count : query::kOverviewCounts) {
      absl::StrAppend(&text, " ", host.counts[static_cast<size_t>(count)]);
    }
    absl::StrAppend(&text, " lost ", host.lost, host.last_ms ? " last" : "");
    return Tell(text);
  }
  bool TakeSum(uint64_t host_count, const query::HostOverview& sum) override {
    TakeHost(sum);
    return Tell(absl::StrCat(host_count, " hosts"));
  }
  void End() override { Tell("end"); }

  std::vector<std::string> told;

 private:
  static std::string ToText(const query::ReportCell& cell) {
    return absl::StrCat(std::string(cell.text), cell.is_known ? "" : "?", cell.is_number ? "#" : "",
                        cell.unnamed_user ? absl::StrCat("@", *cell.unnamed_user) : "");
  }
  bool Tell(const std::string& text) {
    told.push_back(text);
    return true;
  }
};

// What a sink is told of parts that have been messages of so many bytes.
std::vector<std::string> ToldOf(const ReportQuestion& question, size_t message_bytes,
                                const std::function<void(query::ReportSink&)>& give) {
  Told told;
  ReportMessages messages(question, message_bytes, [&](v1::ReportResponse& message) {
    return GiveParts(message, question, told);
  });
  give(messages);
  return told.told;
}

TEST(ReportMessage, GivesBackTheParts) {
  const std::vector<query::ReportCell> cells = {
      {.text = "-1", .is_number = true},
      {.text = "?", .is_known = false},
      {.text = "1000", .unnamed_user = 1000},
      {.text = "4294967295", .is_known = false, .is_number = true},
      {.text = ""},
      {.text = "no number", .is_number = true}};
  query::OverallReport overall{.log_begin_ms = 1, .last_ms = 2};
  for (size_t i = 0; i < overall.counts.size(); ++i) overall.counts[i] = i;
  const query::HostOverview host{.host = "a", .counts = overall.counts, .last_ms = 0, .lost = 9};
  // Whether all is in one message, or each part in its own.
  for (const size_t message_bytes : {size_t{1}, size_t{1} << 20}) {
    EXPECT_THAT(ToldOf({.kind = ReportKind::kLogin}, message_bytes,
                       [&](query::ReportSink& sink) {
                         sink.TakeRow({.time_ms = 7, .host = "a\xff", .cells = cells});
                         sink.TakeRow({.time_ms = 8, .host = "", .cells = cells});
                         sink.End();
                       }),
                ElementsAre("7 a\xff|-1#|??|1000@1000|4294967295?#||no number",
                            "8 |-1#|??|1000@1000|4294967295?#||no number"));
    EXPECT_THAT(
        ToldOf({.kind = ReportKind::kUser, .summary = true}, message_bytes,
               [&](query::ReportSink& sink) {
                 sink.TakeTotal({.host = "a",
                                 .row = {.total = 3, .value = "0", .unnamed_user = 0, .place = 4}});
                 sink.TakeTotal({.host = "", .row = {.total = 2, .value = "5", .is_number = true}});
                 sink.End();
               }),
        ElementsAre("3 a 0@0 4", "2  5# 0"));
    EXPECT_THAT(ToldOf({.kind = ReportKind::kTimes}, message_bytes,
                       [&](query::ReportSink& sink) {
                         sink.TakeTimes({.name = "a", .first_ms = 0, .last_ms = 5});
                         sink.TakeTimes({.name = "b"});
                         sink.End();
                       }),
                ElementsAre("a 0 5", "b none 0"));
    EXPECT_THAT(ToldOf({.summary = true}, message_bytes,
                       [&](query::ReportSink& sink) {
                         sink.TakeOverall(overall);
                         sink.End();
                       }),
                ElementsAre("1 2: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22"));
    EXPECT_THAT(ToldOf({.summary = true, .by_host = true}, message_bytes,
                       [&](query::ReportSink& sink) {
                         sink.TakeHost(host);
                         sink.TakeSum(2, {.host = "", .counts = overall.counts});
                         sink.End();
                       }),
                ElementsAre("a 22 3 5 12 15 lost 9 last", " 22 3 5 12 15 lost 0", "2 hosts"));
  }
}

TEST(ReportMessage, GivesBackTheQuestion) {
  const ReportQuestion question{.kind = ReportKind::kExe,
                                .summary = true,
                                .filter = {.time = {.from_ms = 5, .to_ms = 9},
                                           .nodes = {"a\xff", "b"},
                                           .outcome = query::Outcome::kFailed,
                                           .without_added = true,
                                           .without_config = true},
                                .host_globs = {"web*"},
                                .by_host = true,
                                .interpret = true,
                                .unnamed_users_apart = true,
                                .limit = 3};
  const v1::ReportRequest message = MessageOf(question);
  const auto read = QuestionOf(message);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(MessageOf(*read), message));
  EXPECT_EQ(message.kind(), v1::REPORT_KIND_EXECUTABLE);
  EXPECT_EQ(message.filter().outcome(), v1::ReportFilter::OUTCOME_FAILED);
  EXPECT_TRUE(read->filter.time == question.filter.time);
  const auto nothing = QuestionOf({});
  ASSERT_TRUE(nothing.ok());
  EXPECT_TRUE(nothing->summary);
  EXPECT_TRUE(nothing->filter.time == query::TimeRange{});
  EXPECT_EQ(nothing->limit, std::nullopt);
}

TEST(ReportMessage, NamesWhatIsNotDefined) {
  const auto message_for = [](const v1::ReportRequest& request) {
    return std::string(QuestionOf(request).status().message());
  };
  v1::ReportRequest request;
  request.set_kind(static_cast<v1::ReportKind>(-1));
  EXPECT_EQ(message_for(request), "report: kind -1 is not defined");
  request.set_kind(v1::REPORT_KIND_TIMES);
  request.set_summary(true);
  EXPECT_EQ(message_for(request), "report: there are no totals of REPORT_KIND_TIMES");
  request.set_summary(false);
  request.set_by_host(true);
  EXPECT_EQ(message_for(request), "report: REPORT_KIND_TIMES is by host already");
  request.mutable_filter()->set_outcome(static_cast<v1::ReportFilter::Outcome>(7));
  EXPECT_EQ(message_for(request), "report: outcome 7 is not defined");
  request.mutable_filter()->set_without_added(true);
  request.mutable_filter()->set_without_deleted(true);
  EXPECT_EQ(message_for(request),
            "report: without what was deleted and without what was added: one of them");
  for (int i = 0; i <= kReportNodesMax; ++i) request.mutable_filter()->add_nodes("a");
  EXPECT_EQ(message_for(request), "report: more than 10000 nodes");
}

// A newer collector may know more columns, an older one fewer.
TEST(ReportMessage, HasAsManyCellsAsThereAreColumnsHere) {
  v1::ReportResponse message;
  v1::ReportResponse::Row& row = *message.add_rows();
  for (int i = 0; i < 9; ++i) row.add_cells()->set_number(i);
  message.add_rows()->add_cells()->set_text("a");
  Told told;
  EXPECT_TRUE(GiveParts(message, {.kind = ReportKind::kIntegrity}, told));
  EXPECT_THAT(told.told, ElementsAre("0 |0#|1#|2#", "0 |a|?|?"));
}

TEST(ReportMessage, NumbersReportsAndCountsAsTheyAreNumberedHere) {
  ASSERT_EQ(v1::ReportKind_descriptor()->value_count(), static_cast<int>(query::kReportKinds));
  for (size_t i = 2; i < query::kReportKinds; ++i) {
    const auto kind = static_cast<ReportKind>(i);
    EXPECT_EQ(v1::ReportKind_Name(static_cast<v1::ReportKind>(i)),
              absl::StrCat("REPORT_KIND_",
                           absl::AsciiStrToUpper(std::string(query::DefinitionOf(kind).name))));
  }
  const auto* const counts = v1::ReportResponse::Counts::descriptor();
  ASSERT_EQ(counts->field_count(), static_cast<int>(query::kOverallCounts));
  for (size_t i = 0; i < query::kOverallCounts; ++i) {
    EXPECT_EQ(counts->FindFieldByNumber(static_cast<int>(i) + 1)->name(),
              query::OverallName(static_cast<query::OverallCount>(i)));
  }
  int number = 2;
  for (const query::OverallCount count : query::kOverviewCounts) {
    EXPECT_EQ(v1::ReportResponse::Host::descriptor()->FindFieldByNumber(number++)->name(),
              query::OverallName(count));
  }
}

}  // namespace
}  // namespace api
