#include "server/metrics.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

namespace server {

namespace {

constexpr std::string_view kGauge = "gauge: ";
constexpr char kPrefix[] = "auspexd_";

void AppendHead(std::string_view name, std::string_view meaning, std::string_view type,
                std::string* text) {
  absl::StrAppendFormat(text, "# HELP %s %s\n# TYPE %s %s\n", name, meaning, name, type);
}

}  // namespace

Metric MakeMetric(std::string name, std::string_view meaning, uint64_t value) {
  const bool is_gauge = meaning.starts_with(kGauge);
  if (is_gauge) meaning.remove_prefix(kGauge.size());
  return {.name = std::move(name),
          .meaning = std::string(meaning),
          .kind = is_gauge ? Metric::Kind::kGauge : Metric::Kind::kCounter,
          .value = value};
}

std::vector<Metric> MetricsOf(const Counters& counters) {
  std::vector<Metric> metrics;
#define AUSPEX_ADD(name, meaning) \
  metrics.push_back(MakeMetric("auspexd_" #name, meaning, counters.name));
  AUSPEX_COUNTERS(AUSPEX_ADD)
#undef AUSPEX_ADD
  return metrics;
}

std::vector<Metric> MetricsOf(const storage::StoreActivity& activity) {
  return {
      MakeMetric("auspexd_store_table_bytes",
                 "gauge: bytes of the store's tables on the disk, without the write-ahead log",
                 activity.table_bytes),
      MakeMetric("auspexd_store_open_bytes", "gauge: memory of events that are in no block",
                 activity.open_bytes),
      MakeMetric("auspexd_store_open_hosts", "gauge: hosts that have events in no block",
                 activity.open_hosts),
      MakeMetric("auspexd_store_open_records", "gauge: records in no block, of complete events",
                 activity.open_records),
      MakeMetric("auspexd_store_queue_waits_total", "writes that waited for the indexer",
                 activity.queue_waits),
      MakeMetric("auspexd_store_seals_total", "times that events of a host were made into blocks",
                 activity.seals),
      MakeMetric("auspexd_store_blocks_sealed_total", "blocks made of events",
                 activity.blocks_sealed),
      MakeMetric("auspexd_store_merges_total", "times that small blocks were joined",
                 activity.merges),
      MakeMetric("auspexd_store_blocks_merged_total", "blocks that were joined with others",
                 activity.blocks_merged),
  };
}

std::string ToText(const std::vector<Metric>& metrics) {
  return absl::StrJoin(metrics, " ", [](std::string* text, const Metric& metric) {
    absl::StrAppend(text, absl::StripPrefix(metric.name, kPrefix), "=", metric.value);
  });
}

void AppendPrometheusHead(const Metric& metric, std::string* text) {
  const bool is_gauge = metric.kind == Metric::Kind::kGauge;
  AppendHead(metric.name, metric.meaning, is_gauge ? "gauge" : "counter", text);
}

void AppendPrometheus(const std::vector<Metric>& metrics, std::string* text) {
  for (const Metric& metric : metrics) {
    AppendPrometheusHead(metric, text);
    absl::StrAppend(text, metric.name, " ", metric.value, "\n");
  }
}

void AppendPrometheus(std::string_view name, std::string_view meaning, const Histogram& histogram,
                      double unit, std::string* text) {
  const auto in_units = [unit](uint64_t value) { return static_cast<double>(value) * unit; };
  AppendHead(name, meaning, "histogram", text);
  uint64_t count = 0;
  for (size_t i = 0; i < histogram.counts().size(); ++i) {
    count += histogram.counts()[i];
    const bool is_last = i == histogram.bounds().size();
    const std::string bound =
        is_last ? "+Inf" : absl::StrFormat("%g", in_units(histogram.bounds()[i]));
    absl::StrAppendFormat(text, "%s_bucket{le=\"%s\"} %d\n", name, bound, count);
  }
  absl::StrAppendFormat(text, "%s_sum %.15g\n%s_count %d\n", name, in_units(histogram.sum()), name,
                        count);
}

}  // namespace server
