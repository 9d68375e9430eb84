// What the JSON door counts.

#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "server/metrics.h"

namespace server {

// For any thread. All but the gauge only grow. Calls that come through the door are in
// CallCounters, too.
struct JsonCounters {
#define AUSPEX_JSON_COUNTERS(X)                                                               \
  X(json_connections_open, "gauge: connections to the JSON port")                             \
  X(json_connections_total, "connections to the JSON port that were served")                  \
  X(json_connections_refused_limit_total, "connections refused because there were too many")  \
  X(json_connections_refused_dup_total, "connections refused because their address had many") \
  X(json_handshakes_failed_total,                                                             \
    "connections that did not speak TLS 1.3, or not in time, or "                             \
    "showed a certificate that is not of the CA or not valid")                                \
  X(json_requests_total, "requests whose head was read")                                      \
  X(json_requests_malformed_total, "requests that are no HTTP, or break off")                 \
  X(json_requests_refused_size_total, "requests refused because head or body are too long")   \
  X(json_requests_refused_total, "requests refused for path, verb, type, or who makes them")  \
  X(json_connections_ended_idle_total, "connections ended because no request came")           \
  X(json_connections_ended_slow_total,                                                        \
    "connections ended in the middle of a request that came "                                 \
    "too slowly, or of an answer that was not read")                                          \
  X(json_accept_errors_total, "failures of accept(2)")
#define AUSPEX_DECLARE(name, meaning) std::atomic<uint64_t> name = 0;
  AUSPEX_JSON_COUNTERS(AUSPEX_DECLARE)
#undef AUSPEX_DECLARE
};

// With the prefix "auspexd_".
std::vector<Metric> MetricsOf(const JsonCounters& counters);

}  // namespace server
