// What the collector counts, for those who watch it: Prometheus's text format, version 0.0.4.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/counters.h"
#include "server/histogram.h"
#include "storage/inspect.h"

namespace server {

struct Metric {
  enum class Kind : uint8_t { kCounter, kGauge };

  std::string name;     // "auspexd_records_stored_total".
  std::string meaning;  // A line.
  Kind kind = Kind::kCounter;
  uint64_t value = 0;
};

// A gauge if the meaning begins with "gauge: ", else a counter.
Metric MakeMetric(std::string name, std::string_view meaning, uint64_t value);

// The counters of the table in counters.h, with the prefix "auspexd_".
std::vector<Metric> MetricsOf(const Counters& counters);

// What the store does, with the prefix "auspexd_store_".
std::vector<Metric> MetricsOf(const storage::StoreActivity& activity);

// For the log: "name=value name=value ...", without the prefix "auspexd_".
std::string ToText(const std::vector<Metric>& metrics);

// What stands before the values of a metric.
void AppendPrometheusHead(const Metric& metric, std::string* text);

void AppendPrometheus(const std::vector<Metric>& metrics, std::string* text);

// `unit` is what a value of 1 is written as: 1e-6 for microseconds, in seconds.
void AppendPrometheus(std::string_view name, std::string_view meaning, const Histogram& histogram,
                      double unit, std::string* text);

}  // namespace server
