#include "server/host_metrics.h"

#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

#include "base/utf8.h"
#include "server/metrics.h"

namespace server {

namespace {

// "{host="web1",identity="node"}".
std::string LabelsOf(const storage::Identity& host) {
  const std::string name =
      absl::StrReplaceAll(base::ToUtf8(host.name), {{"\\", "\\\\"}, {"\"", "\\\""}, {"\n", "\\n"}});
  return absl::StrCat("{host=\"", name, "\",identity=\"", std::string(storage::KindName(host.kind)),
                      "\"}");
}

// None: it is not told.
std::optional<uint64_t> ValueOf(const HostMetrics& host, uint64_t HostMetrics::*value) {
  const bool is_unknown = value == &HostMetrics::last_record_timestamp_seconds && host.*value == 0;
  return is_unknown ? std::nullopt : std::optional(host.*value);
}

std::optional<uint64_t> ValueOf(const HostMetrics& host, uint64_t storage::Losses::*total) {
  return host.losses ? std::optional(*host.losses.*total) : std::nullopt;
}

}  // namespace

std::vector<HostMetrics> MetricsOf(const std::vector<storage::ActiveHost>& active,
                                   const HostSessions& sessions) {
  absl::flat_hash_map<storage::Identity, uint64_t> open = sessions.Open();
  std::vector<HostMetrics> hosts;
  for (const auto& [host, activity, losses] : active) {
    HostMetrics& metrics = hosts.emplace_back();
    metrics.host = host;
    metrics.records_total = activity.records;
    metrics.record_bytes_total = activity.bytes;
    metrics.records_malformed_total = activity.malformed;
    metrics.records_duplicate_total = activity.duplicates_dropped;
    metrics.last_record_timestamp_seconds = activity.last_received_ms / 1000;
    metrics.losses = losses;
    if (const auto connected = open.extract(host)) metrics.sessions_open = connected.mapped();
  }
  for (const auto& [host, count] : open) {
    HostMetrics& metrics = hosts.emplace_back();
    metrics.host = host;
    metrics.sessions_open = count;
  }
  return hosts;
}

void AppendPrometheus(const std::vector<HostMetrics>& hosts, uint64_t more, std::string* text) {
  std::vector<std::string> labels;
  size_t bytes = 0;
  for (const HostMetrics& host : hosts) {
    std::string of_host = LabelsOf(host.host);
    bytes += of_host.size();
    if (labels.size() == kHostsToldMax || bytes > kHostLabelsBytesMax) break;
    labels.push_back(std::move(of_host));
  }
  AppendPrometheus({MakeMetric("auspexd_hosts_left_out",
                               "gauge: hosts that are not told of, for there are too many",
                               more + hosts.size() - labels.size())},
                   text);
  const auto append = [&](std::string name, std::string_view meaning, auto value) {
    const Metric metric = MakeMetric(std::move(name), meaning, 0);
    AppendPrometheusHead(metric, text);
    for (size_t i = 0; i < labels.size(); ++i) {
      const std::optional<uint64_t> told = ValueOf(hosts[i], value);
      if (told) absl::StrAppend(text, metric.name, labels[i], " ", *told, "\n");
    }
  };
#define AUSPEX_APPEND(name, meaning) append("auspexd_host_" #name, meaning, &HostMetrics::name);
  AUSPEX_HOST_METRICS(AUSPEX_APPEND)
#undef AUSPEX_APPEND
#define AUSPEX_APPEND(name, total, meaning) \
  append("auspexd_host_" #name, meaning, &storage::Losses::total);
  AUSPEX_HOST_LOSS_METRICS(AUSPEX_APPEND)
#undef AUSPEX_APPEND
}

}  // namespace server
