// What is counted of each host, for those who watch a fleet. This table is the documentation of the
// names.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/host_sessions.h"
#include "storage/host_activity.h"
#include "storage/losses.h"

namespace server {

// All but the gauges only grow, since the collector has started; losses since ever.
struct HostMetrics {
#define AUSPEX_HOST_METRICS(X)                                                           \
  X(sessions_open, "gauge: connections and streams whose last records were of the host") \
  X(records_total, "records stored of the host")                                         \
  X(record_bytes_total, "their bytes as the journal holds them")                         \
  X(records_malformed_total, "of the records: those that are no audit records")          \
  X(records_duplicate_total, "records sent again that were stored before, dropped")      \
  X(last_record_timestamp_seconds, "gauge: when the last record came, since the epoch")
#define AUSPEX_HOST_LOSS_METRICS(X)                                                          \
  X(lost_kernel_records_total, kernel_records, "records that the host's kernel has dropped") \
  X(lost_overruns_total, overruns, "times that the socket of the host's agent was full")     \
  X(lost_missing_events_total, missing_events,                                               \
    "events that the host's kernel has numbered and of which its agent got no record")       \
  X(lost_queue_records_total, queue_records, "records dropped: the agent's queue was full")  \
  X(lost_spool_records_total, spool_records, "records dropped: the agent's spool was full")  \
  X(lost_aged_records_total, aged_records, "records dropped: too long in the agent's spool") \
  X(lost_error_records_total, error_records,                                                 \
    "records dropped: the agent's disk failed, or what was on it was damaged")
#define AUSPEX_DECLARE(name, meaning) uint64_t name = 0;
  AUSPEX_HOST_METRICS(AUSPEX_DECLARE)
#undef AUSPEX_DECLARE

  std::optional<storage::Losses> losses = {};  // None: the host has told none.
  storage::Identity host;
};

// Hosts that are told of, and what their names may take as text: a fleet of the size that a
// collector is made for. Whoever can deliver records can make up names.
inline constexpr size_t kHostsToldMax = 20'000;
inline constexpr size_t kHostLabelsBytesMax = 4 << 20;

// Of each host in `active`, and of those that have a connection.
std::vector<HostMetrics> MetricsOf(const std::vector<storage::ActiveHost>& active,
                                   const HostSessions& sessions);

// With the prefix "auspexd_host_" and the labels host and identity, of the first hosts as far as
// the limits above let it; of those and `more` that were left out it tells how many. Bytes of a
// name that are not UTF-8 become U+FFFD. Of a host without records there is no time of the last,
// and of one that has told no losses there are none.
void AppendPrometheus(const std::vector<HostMetrics>& hosts, uint64_t more, std::string* text);

}  // namespace server
