// Reports by rpc: printed, they are the reports of the store, byte for byte.

#include <algorithm>
#include <filesystem>
#include <functional>
#include <future>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include <gmock/gmock.h>

// Boost must come before our headers: one of Asio's calls a function query(), and finds our
// namespace instead.
// clang-format off
#include <boost/asio/co_spawn.hpp>
// clang-format on

#include "cli/report_printer.h"

#include "api/report_message.h"
#include "query/report/report_options.h"
#include "query/report/user_naming.h"
#include "storage/compose_report.h"
#include "tests/audit/log_files.h"
#include "tests/server/api/api_fixture.h"

namespace server {
namespace {

using auspex::v1::ReportRequest;
using auspex::v1::ReportResponse;
using query::ReportOptions;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;
using Words = std::vector<std::string>;

// Who sees all hosts of the test, but not that of the collector, whose records tell of each call.
constexpr char kAccess[] = "viewer all w*\nviewer alice web*\nviewer nobody no*\n";

// Every report, by its option. Without one it is the summary of everything.
const Words kKinds = {"",   "-t", "-a", "-ma",    "--integrity", "--virt", "-c", "-au",
                      "-l", "-m", "-e", "-f",     "-h",          "-p",     "-s", "-tm",
                      "-u", "-x", "-n", "--comm", "-r",          "-cr",    "-k", "--tty"};

const Words kForms = {"",
                      "--limit 3",
                      "-i",
                      "-i --local-names",
                      "--failed",
                      "--success -nc -i",
                      "--add",
                      "--node a",
                      "--host web*",
                      "--host nothing",
                      "-ts 10/24/19 -te 11/16/23",
                      "-te 01/01/18 00:00:00",
                      "--by-host",
                      "--by-host -i --limit 2",
                      "--summary",
                      "--summary -i",
                      "--summary -i --limit 2",
                      "--summary -i --local-names",
                      "--summary -i --local-names --limit 2",
                      "--summary --failed",
                      "--summary --delete",
                      "--summary -ts 10/24/19",
                      "--summary --by-host",
                      "--summary --by-host --limit 2",
                      "--summary --by-host -i --local-names --limit 5",
                      "--local-names --summary"};

// The users of this machine. Some have names that hosts have told of others.
std::optional<std::string> UserName(uint32_t number) {
  if (number == 0) return "toor";
  if (number == 1000 || number == 1001) return "root";
  return std::nullopt;
}

class ReportTest : public ApiTest {
 protected:
  ReportTest() { SetAccess(kAccess); }

  // Real logs where they lie beside the source, else only those of the tests. Each is of a host of
  // its own, of two kinds.
  static std::vector<storage::Delivery> Deliveries() {
    std::vector<std::string> files = audit::LogFiles();
    const std::filesystem::path data = std::filesystem::path(AUSPEX_SOURCE_DIR) / "tests/data";
    files.insert(files.begin(), {data / "report.log", data / "report_nodes.log"});
    std::vector<storage::Delivery> deliveries;
    for (size_t i = 0; i < files.size(); ++i) {
      const std::string host = absl::StrCat(i % 2 == 0 ? "web" : "wdb", i);
      storage::Delivery& delivery = deliveries.emplace_back();
      delivery.received_ms = 1700000000000 + i;
      delivery.batches.emplace_back(
          storage::Identity{.kind = storage::IdentityKind::kNode, .name = host}, "192.0.2.7");
      for (const std::string& line : audit::ReadLines(files[i])) delivery.batches[0].Add(line);
    }
    return deliveries;
  }

  // Host by host, so that the order of receipt does not depend on what other hosts there are. What
  // is behind `open_from` stays open, the rest goes into blocks.
  template <typename Append>
  static void Fill(storage::EventStore& store, std::vector<storage::Delivery> deliveries,
                   size_t open_from, const Append& append) {
    for (size_t i = 0; i < deliveries.size(); ++i) {
      append(std::span(&deliveries[i], 1));
      if (i < open_from) {
        ASSERT_TRUE(store.Settle({}).ok());
      }
    }
  }

  void FillStore(std::vector<storage::Delivery> deliveries) {
    // The last host of each kind stays open.
    const size_t open_from = deliveries.size() - std::min<size_t>(deliveries.size(), 2);
    Fill(*store_, std::move(deliveries), open_from, [this](std::span<storage::Delivery> some) {
      std::promise<absl::Status> stored;
      committer_->RunBetweenCommits(
          [&](storage::EventStore& store) { stored.set_value(store.Append(some).status()); });
      ASSERT_TRUE(stored.get_future().get().ok());
    });
  }

  static ReportOptions Parse(const std::string& words) {
    const Words arguments = absl::StrSplit(words, ' ', absl::SkipEmpty());
    const std::vector<std::string_view> views(arguments.begin(), arguments.end());
    const auto options = query::ParseReportOptions(views, {});
    EXPECT_TRUE(options.ok()) << options.status() << " " << words;
    return *options;
  }

  // What is printed of the parts that `give` gives to a sink.
  static std::string Print(const ReportOptions& options,
                           const std::function<void(query::ReportSink&)>& give) {
    std::string text;
    const query::ReportQuestion question = options.question();
    cli::ReportPrinter printer(options, absl::UTCTimeZone(), [&](const std::string& piece) {
      text += piece;
      return true;
    });
    query::UserNamingSink naming(question, &UserName, printer);
    printer.Begin();
    give(question.unnamed_users_apart ? static_cast<query::ReportSink&>(naming) : printer);
    printer.Flush();
    return text;
  }

  static std::string Local(const storage::EventStore& store, const ReportOptions& options,
                           const std::vector<std::string>& visible_hosts) {
    return Print(options, [&](query::ReportSink& sink) {
      const absl::Status composed = storage::ComposeReport(
          store, {.question = options.question(), .visible_hosts = visible_hosts}, sink);
      EXPECT_TRUE(composed.ok()) << composed;
    });
  }

  grpc::Status Call(auspex::v1::QueryService::Stub& stub, const ReportRequest& request,
                    const std::function<bool(const ReportResponse&)>& take) {
    grpc::ClientContext context;
    const auto reader = stub.Report(&context, request);
    for (ReportResponse response; reader->Read(&response);) {
      if (!take(response)) context.TryCancel();
    }
    return reader->Finish();
  }

  std::string Remote(auspex::v1::QueryService::Stub& stub, const ReportOptions& options) {
    return Print(options, [&](query::ReportSink& sink) {
      const query::ReportQuestion question = options.question();
      const grpc::Status status = Call(
          stub, api::MessageOf(question),
          [&](const ReportResponse& response) { return api::GiveParts(response, question, sink); });
      EXPECT_TRUE(status.ok()) << status.error_message();
      sink.End();
    });
  }

  std::unique_ptr<auspex::v1::QueryService::Stub> StubAs(const std::string& name) const {
    return auspex::v1::QueryService::NewStub(ConnectAs(name));
  }

  // Calls `check` with each report in each form that it can have, or with one of `every`.
  static void ForEachReport(size_t every, const std::function<void(const ReportOptions&)>& check) {
    const Words formats = {"text", "csv", "json"};
    size_t number = 0;
    for (const std::string& kind : kKinds) {
      for (const std::string& form : kForms) {
        const bool by_host = form.find("--by-host") != std::string::npos;
        const bool summary = form.find("--summary") != std::string::npos;
        if (kind == "-t" && (by_host || summary)) continue;
        if (kind == "--tty" && summary) continue;
        if (++number % every != 0) continue;
        const std::string words = absl::StrCat(kind, " ", form, " --utc --format ",
                                               formats[number / every % formats.size()]);
        SCOPED_TRACE(words);
        check(Parse(words));
      }
    }
  }

  // Of one host, more than gRPC takes off our hands for a reader that does not read.
  static constexpr size_t kMany = 2000;
  void DeliverMuch() {
    std::vector<storage::Delivery> deliveries(1);
    deliveries[0].batches.emplace_back(
        storage::Identity{.kind = storage::IdentityKind::kNode, .name = "web1"}, "192.0.2.7");
    for (size_t i = 0; i < kMany; ++i) {
      deliveries[0].batches[0].Add(absl::StrFormat(
          "type=USER_LOGIN msg=audit(1626611363.%03d:%d): key=\"%05d%s\" res=success", i % 1000, i,
          i, std::string(8000, 'x')));
    }
    FillStore(std::move(deliveries));
  }
};

TEST_F(ReportTest, PrintsWhatAReportOfTheStorePrints) {
  Start();
  FillStore(Deliveries());
  const auto stub = StubAs("all");
  size_t bytes = 0;
  ForEachReport(1, [&](const ReportOptions& options) {
    const std::string local = Local(*store_, options, {"w*"});
    bytes += local.size();
    EXPECT_EQ(Remote(*stub, options), local);
  });
  EXPECT_GT(bytes, 100'000u);
}

TEST_F(ReportTest, ShowsAViewerItsHostsAsIfThereWereNoOthers) {
  Start();
  FillStore(Deliveries());
  auto opened = storage::EventStore::Open(directory_.path() + "/visible", {});
  ASSERT_TRUE(opened.ok()) << opened.status();
  storage::EventStore& visible = **opened;
  std::vector<storage::Delivery> deliveries = Deliveries();
  std::erase_if(deliveries, [](const storage::Delivery& delivery) {
    return !delivery.batches[0].host().name.starts_with("web");
  });
  const size_t open_from = deliveries.size() - 1;
  Fill(visible, std::move(deliveries), open_from,
       [&](std::span<storage::Delivery> some) { ASSERT_TRUE(visible.Append(some).ok()); });
  const auto stub = StubAs("alice");
  ForEachReport(5, [&](const ReportOptions& options) {
    EXPECT_EQ(Remote(*stub, options), Local(visible, options, {}));
  });
  for (const char* const words : {"--by-host --utc", "--utc", "-t --utc", "-e --host wdb* --utc"}) {
    EXPECT_THAT(Remote(*stub, Parse(words)), Not(HasSubstr("wdb"))) << words;
  }
  EXPECT_THAT(Remote(*StubAs("nobody"), Parse("--utc")), HasSubstr("Number of events: 0\n"));
}

TEST_F(ReportTest, TellsWhatColumnsThereAre) {
  Start();
  FillStore(Deliveries());
  ReportRequest request;
  request.set_kind(auspex::v1::REPORT_KIND_LOGIN);
  request.set_limit(2);
  ReportResponse all;
  const grpc::Status status = Call(*StubAs("all"), request, [&](const ReportResponse& response) {
    all.MergeFrom(response);
    return true;
  });
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_THAT(all.columns(),
              testing::ElementsAre("user", "remote_host", "terminal", "exe", "success", "serial"));
  ASSERT_EQ(all.rows_size(), 2);
  EXPECT_EQ(all.rows(0).cells_size(), all.columns_size());
}

TEST_F(ReportTest, NamesWhatIsNotDefined) {
  Start();
  const auto stub = StubAs("all");
  const auto message_for = [&](const ReportRequest& request) {
    const grpc::Status status = Call(*stub, request, [](const ReportResponse&) { return true; });
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    return status.error_message();
  };
  ReportRequest kind;
  kind.set_kind(static_cast<auspex::v1::ReportKind>(99));
  EXPECT_EQ(message_for(kind), "report: kind 99 is not defined");
  ReportRequest totals;
  totals.set_kind(auspex::v1::REPORT_KIND_TTY);
  totals.set_summary(true);
  EXPECT_EQ(message_for(totals), "report: there are no totals of REPORT_KIND_TTY");
}

TEST_F(ReportTest, RefusesTotalsOfTooManyValues) {
  limits_.query.report_bytes_max = 1 << 20;
  Start();
  DeliverMuch();
  const auto stub = StubAs("alice");
  for (const char* const words : {"-k --summary", "-k --summary --by-host"}) {
    const grpc::Status status = Call(*stub, api::MessageOf(Parse(words).question()),
                                     [](const ReportResponse&) { return true; });
    EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
    EXPECT_THAT(status.error_message(), HasSubstr("more than 1 MB"));
  }
  EXPECT_EQ(api_->call_counters().calls_ended_limit_total, 2u);
  EXPECT_THAT(Remote(*stub, Parse("-e --summary --utc")), HasSubstr("2000  1112\n"));
}

TEST_F(ReportTest, EndsTheCallsOfWhoMayNotSeeThatAnyMore) {
  Start();
  DeliverMuch();
  const auto stub = StubAs("alice");
  grpc::ClientContext context;
  const auto reader = stub->Report(&context, api::MessageOf(Parse("-k").question()));
  ReportResponse response;
  ASSERT_TRUE(reader->Read(&response));
  SetAccess("viewer all w*\n");
  size_t rows = 0;
  while (reader->Read(&response)) rows += static_cast<size_t>(response.rows_size());
  EXPECT_LT(rows, kMany);
  // The reason reaches who reads all that was on its way; who does not is cut off.
  EXPECT_THAT(reader->Finish().error_code(),
              AnyOf(grpc::StatusCode::PERMISSION_DENIED, grpc::StatusCode::CANCELLED));
}

}  // namespace
}  // namespace server
