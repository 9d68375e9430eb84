#include "server/api/json_counters.h"

namespace server {

std::vector<Metric> MetricsOf(const JsonCounters& counters) {
  std::vector<Metric> metrics;
#define AUSPEX_ADD(name, meaning) \
  metrics.push_back(MakeMetric("auspexd_" #name, meaning, counters.name.load()));
  AUSPEX_JSON_COUNTERS(AUSPEX_ADD)
#undef AUSPEX_ADD
  return metrics;
}

}  // namespace server
