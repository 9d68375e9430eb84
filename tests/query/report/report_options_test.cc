#include "query/report/report_options.h"

#include "gtest/gtest.h"

namespace query {
namespace {

const TimeContext kContext{.now_s = 1600000000, .boot_s = 1599990000};

absl::StatusOr<ReportOptions> Parse(std::vector<std::string_view> arguments) {
  return ParseReportOptions(arguments, kContext);
}

TEST(ReportOptions, SumUpEverythingUnlessTheyAreToldOtherwise) {
  const auto options = Parse({});
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->kind, ReportKind::kOverall);
  EXPECT_TRUE(options->summary);
}

TEST(ReportOptions, NameEachReportInTwoWays) {
  const struct {
    std::string_view short_name;
    std::string_view long_name;
    ReportKind kind;
  } cases[] = {
      {"-a", "--avc", ReportKind::kAvc},
      {"-au", "--auth", ReportKind::kAuthentication},
      {"--comm", "--comm", ReportKind::kComm},
      {"-c", "--config", ReportKind::kConfig},
      {"-cr", "--crypto", ReportKind::kCrypto},
      {"-e", "--event", ReportKind::kEvent},
      {"-f", "--file", ReportKind::kFile},
      {"-h", "--host", ReportKind::kHost},
      {"--integrity", "--integrity", ReportKind::kIntegrity},
      {"-k", "--key", ReportKind::kKey},
      {"-l", "--login", ReportKind::kLogin},
      {"-m", "--mods", ReportKind::kAccount},
      {"-ma", "--mac", ReportKind::kMac},
      {"-n", "--anomaly", ReportKind::kAnomalies},
      {"-p", "--pid", ReportKind::kPid},
      {"-r", "--response", ReportKind::kResponse},
      {"-s", "--syscall", ReportKind::kSyscall},
      {"-t", "--log", ReportKind::kTimes},
      {"-tm", "--terminal", ReportKind::kTerminal},
      {"--tty", "--tty", ReportKind::kTty},
      {"-u", "--user", ReportKind::kUser},
      {"--virt", "--virt", ReportKind::kVirtualization},
      {"-x", "--executable", ReportKind::kExe},
  };
  for (const auto& [short_name, long_name, kind] : cases) {
    for (const std::string_view name : {short_name, long_name}) {
      const auto options = Parse({name});
      ASSERT_TRUE(options.ok()) << name << options.status();
      EXPECT_EQ(options->kind, kind) << name;
      EXPECT_EQ(DefinitionOf(kind).kind, kind) << name;
      EXPECT_FALSE(options->summary) << name;
    }
  }
}

TEST(ReportOptions, TakeTheHostReportAndTheFilterOfHostsApart) {
  const auto report = Parse({"--host"});
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->kind, ReportKind::kHost);
  const auto filter = Parse({"--host", "web*", "-x", "--host", "db1"});
  ASSERT_TRUE(filter.ok());
  EXPECT_EQ(filter->kind, ReportKind::kExe);
  EXPECT_EQ(filter->host_globs, (std::vector<std::string>{"web*", "db1"}));
}

TEST(ReportOptions, ReadWhatElseThereIs) {
  const auto options = Parse({"--summary", "-x",       "--failed",      "-i",
                              "-ts",       "09/13/20", "12:00:00",      "-te",
                              "09/13/20",  "12:00:01", "--node",        "a",
                              "--node",    "b",        "-nc",           "--add",
                              "--escape",  "raw",      "--eoe-timeout", "5",
                              "--by-host", "--format", "json",          "--limit",
                              "3",         "--utc",    "-if",           "x.log"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_TRUE(options->summary && options->interpret && options->by_host && options->utc);
  EXPECT_EQ(options->filter.outcome, Outcome::kFailed);
  EXPECT_EQ(options->filter.time, (TimeRange{.from_ms = 1599998400000, .to_ms = 1599998401999}));
  EXPECT_EQ(options->filter.nodes, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(options->filter.without_config && options->filter.without_deleted);
  EXPECT_FALSE(options->filter.FitsTallies());
  EXPECT_EQ(options->escape, EscapeMode::kRaw);
  EXPECT_EQ(options->end_of_event_timeout, std::chrono::seconds(5));
  EXPECT_EQ(options->format, ReportFormat::kJson);
  EXPECT_EQ(options->limit, 3u);
  EXPECT_EQ(options->input, "x.log");
}

TEST(ReportOptions, NameWhatIsWrong) {
  const struct {
    std::vector<std::string_view> arguments;
    std::string_view message;
  } cases[] = {
      {{"-x", "-f"}, "Error - only one report can be specified"},
      {{"-zz"}, "-zz is an unsupported option"},
      {{""}, " is an unsupported option"},
      {{"-e", "123"}, "123 is an unsupported option"},
      {{"-f", "/etc/shadow"}, "-f is of everything: it takes no word such as /etc/shadow"},
      {{"-i", "x"}, "Argument is NOT required for -i"},
      {{"-if"}, "Argument is required for -if"},
      {{"--node", "-i"}, "Argument is required for --node"},
      {{"-ts"}, "-ts requires either date and/or time"},
      {{"--escape", "none"}, "Unknown option (none)"},
      {{"--eoe-timeout", "0"}, "Illegal value for End of Event Timeout, was 0"},
      {{"--eoe-timeout", "x"}, "End of Event Timeout must be a numeric value, was x"},
      {{"--format", "xml"}, "--format is text, csv or json, was xml"},
      {{"--limit", "x"}, "--limit is a number of events, was x"},
      {{"--limit", "0"}, "--limit is a number of rows, was 0"},
      {{"-if", "x", "--store", "y"}, "--store and --input: a report is of one of them"},
      {{"-if", "x", "--explain"}, "--explain is of a store: a log of --input is read as a whole"},
      {{"-t", "--by-host"}, "--log is by host, or by log, already: not --by-host"},
      {{"-if", "x", "--host", "a"}, "--host is of a store: a log of --input has nodes, see --node"},
      {{"--tty", "--summary", "--format", "csv"}, "--summary: there are no totals of --tty"},
  };
  for (const auto& [arguments, message] : cases) {
    const auto options = Parse(arguments);
    EXPECT_FALSE(options.ok()) << message;
    EXPECT_EQ(std::string(options.status().message()), message);
  }
}

TEST(ReportOptions, ListAllThatTheyTake) {
  for (const std::string_view name :
       {"-au,--auth", "--by-host", "-nc,--no-config", "--host GLOB"}) {
    EXPECT_NE(ReportUsage().find(name), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace query
