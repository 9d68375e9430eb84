#include "server/metrics.h"

#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace server {
namespace {

using testing::HasSubstr;
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

TEST(Metrics, TellHistogramsInSeconds) {
  LatencyHistogram histogram;
  histogram.Add(std::chrono::microseconds(100));
  histogram.Add(std::chrono::microseconds(101));
  histogram.Add(std::chrono::seconds(7));
  std::string text;
  AppendPrometheus("auspexd_ack_seconds", "how long", histogram, &text);
  EXPECT_THAT(text, StartsWith("# HELP auspexd_ack_seconds how long\n# TYPE auspexd_ack_seconds "
                               "histogram\nauspexd_ack_seconds_bucket{le=\"0.0001\"} 1\n"
                               "auspexd_ack_seconds_bucket{le=\"0.00025\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("{le=\"5\"} 2\nauspexd_ack_seconds_bucket{le=\"+Inf\"} 3\n"
                              "auspexd_ack_seconds_sum 7.000201\nauspexd_ack_seconds_count 3\n"));
}

}  // namespace
}  // namespace server
