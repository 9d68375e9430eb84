#include "server/metrics.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "server/host_metrics.h"

namespace server {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST(Metrics, AreWrittenInPrometheusWay) {
  Counters counters;
  counters.records_stored_total = 7;
  counters.streams_open = 2;
  std::string text;
  AppendPrometheus(MetricsOf(counters), &text);
  EXPECT_THAT(text, HasSubstr("# HELP auspexd_records_stored_total records stored, the collector's "
                              "own included\n# TYPE auspexd_records_stored_total counter\n"
                              "auspexd_records_stored_total 7\n"));
  EXPECT_THAT(text, HasSubstr("# HELP auspexd_streams_open streams of agents that are served\n"
                              "# TYPE auspexd_streams_open gauge\nauspexd_streams_open 2\n"));
}

TEST(Metrics, HaveNamesOfTheirOwn) {
  std::set<std::string> names;
  for (const Metric& metric : MetricsOf(Counters())) {
    EXPECT_THAT(metric.name, StartsWith("auspexd_"));
    EXPECT_TRUE(names.insert(metric.name).second) << metric.name;
    // What only grows says so.
    EXPECT_EQ(metric.kind == Metric::Kind::kCounter, metric.name.ends_with("_total"))
        << metric.name;
  }
}

TEST(Metrics, TellHostsApartByLabels) {
  HostSessions sessions;
  HostSessions::Place place(sessions);
  HostSessions::Place other(sessions);
  const storage::Identity odd{.kind = storage::IdentityKind::kNode, .name = "a\"b\\\n\xff"};
  place.MoveTo(odd);
  other.MoveTo({.kind = storage::IdentityKind::kCertificate, .name = "quiet"});
  const std::vector<storage::ActiveHost> active = {
      {.host = odd,
       .activity = {.records = 5,
                    .bytes = 600,
                    .malformed = 1,
                    .duplicates_dropped = 2,
                    .last_received_ms = 1626611363999}},
      {.host = {.kind = storage::IdentityKind::kAddress, .name = "::1"},
       .activity = {.records = 1}}};
  std::string text;
  AppendPrometheus(MetricsOf(active, sessions), 7, &text);
  const std::string labels = "{host=\"a\\\"b\\\\\\n\xef\xbf\xbd\",identity=\"node\"} ";
  EXPECT_THAT(text, HasSubstr("# TYPE auspexd_host_sessions_open gauge\n"
                              "auspexd_host_sessions_open" +
                              labels +
                              "1\n"
                              "auspexd_host_sessions_open{host=\"::1\",identity=\"address\"} 0\n"
                              "auspexd_host_sessions_open{host=\"quiet\",identity=\"certificate\"} "
                              "1\n"));
  for (const char* sample : {"records_total", "record_bytes_total", "records_malformed_total",
                             "records_duplicate_total"}) {
    EXPECT_THAT(text, HasSubstr(std::string("\nauspexd_host_") + sample + labels));
  }
  EXPECT_THAT(text, HasSubstr("\nauspexd_hosts_left_out 7\n"));
  // Who has never delivered anything has no time of that.
  EXPECT_THAT(text, Not(HasSubstr("auspexd_host_last_record_timestamp_seconds{host=\"quiet\"")));
  EXPECT_THAT(text, HasSubstr("auspexd_host_record_bytes_total" + labels + "600\n"));
  EXPECT_THAT(text,
              HasSubstr("auspexd_host_last_record_timestamp_seconds" + labels + "1626611363\n"));
}

TEST(Metrics, TellTheLossesOfHostsThatHaveToldThem) {
  const auto agent = [](const std::string& name) {
    return storage::Identity{.kind = storage::IdentityKind::kCertificate, .name = name};
  };
  const std::vector<storage::ActiveHost> active = {
      {.host = agent("lossy"), .losses = storage::Losses{1, 2, 3, 4, 5, 6, 7}},
      {.host = agent("well"), .losses = storage::Losses()},
      {.host = agent("mute"), .activity = {.records = 1}}};
  std::string text;
  AppendPrometheus(MetricsOf(active, HostSessions()), 0, &text);
  int total = 0;
  for (const char* cause : {"kernel_records", "overruns", "missing_events", "queue_records",
                            "spool_records", "aged_records", "error_records"}) {
    const std::string name = absl::StrCat("auspexd_host_lost_", cause, "_total");
    EXPECT_THAT(text,
                HasSubstr(absl::StrCat("# TYPE ", name, " counter\n", name,
                                       "{host=\"lossy\",identity=\"certificate\"} ", ++total, "\n",
                                       name, "{host=\"well\",identity=\"certificate\"} 0\n")));
    EXPECT_THAT(text, Not(HasSubstr(name + "{host=\"mute\"")));
  }
}

TEST(Metrics, TellOfSoManyHostsOnly) {
  std::vector<HostMetrics> hosts(kHostsToldMax + 5);
  std::string text;
  AppendPrometheus(hosts, 2, &text);
  EXPECT_THAT(text, HasSubstr("\nauspexd_hosts_left_out 7\n"));
  // Names that someone has made up to be long.
  for (HostMetrics& host : hosts) host.host.name = std::string(255, '\xff');
  text.clear();
  AppendPrometheus(hosts, 0, &text);
  EXPECT_LT(text.size(), 7 * kHostLabelsBytesMax);
}

TEST(Metrics, TellHistogramsInTheirUnit) {
  Histogram histogram(kLatencyBoundsUs);
  for (const uint64_t us : {100, 101, 7'000'000}) histogram.Add(us);
  std::string text;
  AppendPrometheus("auspexd_ack_seconds", "how long", histogram, 1e-6, &text);
  EXPECT_THAT(text, StartsWith("# HELP auspexd_ack_seconds how long\n# TYPE auspexd_ack_seconds "
                               "histogram\nauspexd_ack_seconds_bucket{le=\"0.0001\"} 1\n"
                               "auspexd_ack_seconds_bucket{le=\"0.00025\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("{le=\"5\"} 2\nauspexd_ack_seconds_bucket{le=\"+Inf\"} 3\n"
                              "auspexd_ack_seconds_sum 7.000201\nauspexd_ack_seconds_count 3\n"));
}

}  // namespace
}  // namespace server
