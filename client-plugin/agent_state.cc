#include "client-plugin/agent_state.h"

#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include <nlohmann/json.hpp>

namespace client_plugin {

namespace {

// A gauge if its name does not end in "_total".
struct Metric {
  std::string name;  // "queue_bytes".
  std::string meaning;
  uint64_t value = 0;
};

std::vector<Metric> CaptureMetrics(const AgentState& state) {
  return {
      {"uptime_seconds", "since the agent has started", state.uptime_s},
      {"capture_reads_total", "times that the source had something", state.capture.reads},
      {"capture_records_cut_total", "records that were too long, of which the beginning is kept",
       state.capture.records_cut},
      {"queue_bytes", "records that wait for the worker, in bytes", state.queue.bytes},
      {"queue_records_total", "records that were captured", state.queue.records},
      {"queue_waits_total", "times that auditd had to wait for room in the queue",
       state.queue.waits},
      {"records_total", "records that were worked on", state.worker.records},
      {"records_end_marks_total", "EOE records, which tell nothing, left out",
       state.worker.lines.end_marks},
      {"records_malformed_total", "lines that are no audit records, kept",
       state.worker.lines.malformed},
      {"filter_events_forgotten_total", "events that filters have judged by half",
       state.worker.lines.filter_events_forgotten},
      {"name_lookups_total", "questions to the name services for users and groups",
       state.worker.lines.names.lookups},
      {"name_lookups_unknown_total", "those that had no answer",
       state.worker.lines.names.lookups_unknown},
      {"container_records_total", "records made that tell of a container",
       state.worker.lines.containers.records},
      {"container_lookups_total", "processes that were looked for in /proc",
       state.worker.lines.containers.lookups},
      {"container_processes_gone_total", "those that were not there any more",
       state.worker.lines.containers.processes_gone},
      {"container_processes_unknown_total", "those of whom nothing could be known",
       state.worker.lines.containers.processes_unknown},
  };
}

std::vector<Metric> DeliveryMetrics(const AgentState& state) {
  return {
      {"spool_bytes", "bytes of the spool's files", state.spool.bytes},
      {"spool_segments", "the spool's files", state.spool.segments},
      {"spool_pending_bytes", "bytes of the files that are not acknowledged as a whole",
       state.spool_pending_bytes},
      {"spool_batches_total", "batches appended to the spool", state.spool.batches_appended},
      {"spool_records_total", "records appended to the spool", state.spool.records_appended},
      {"spool_failures_total", "times that the spool could not be written to",
       state.worker.spool_failures},
      {"spool_segments_damaged_total", "files of which not all could be read",
       state.spool.segments_damaged},
      {"connected", "1 if the collector has welcomed us, or the store is open",
       state.outlet.counters.is_connected ? 1U : 0U},
      {"connections_total", "times that this became so", state.outlet.counters.connections},
      {"connection_failures_total", "times that it was not to be, or ended before its time",
       state.outlet.counters.failures},
      {"batches_sent_total", "batches sent, repeats included", state.outlet.counters.batches_sent},
      {"batches_acknowledged_total", "batches acknowledged",
       state.outlet.counters.batches_acknowledged},
      {"records_acknowledged_total", "records acknowledged",
       state.outlet.counters.records_acknowledged},
      {"batch_gaps_total", "batches that did not follow the collector's last one",
       state.outlet.counters.gaps},
  };
}

std::vector<Metric> LossMetrics(const AgentState& state) {
  const Losses& losses = state.losses;
  return {
      {"lost_kernel_records_total", "since the boot: records that the kernel has dropped",
       losses.kernel_records},
      {"lost_overruns_total", "since the boot: times that our socket was full", losses.overruns},
      {"lost_missing_events_total", "since the boot: serials of which no record came",
       losses.missing_events},
      {"lost_queue_records_total", "since the boot: records dropped for want of room in the queue",
       losses.queue_records},
      {"lost_spool_records_total", "since the boot: records dropped for want of room in the spool",
       losses.spool_records},
      {"lost_aged_records_total", "since the boot: records that were too long in the spool",
       losses.aged_records},
      {"lost_error_records_total", "since the boot: records that could not be written",
       losses.error_records},
  };
}

std::vector<Metric> KernelMetrics(const AgentState& state) {
  std::vector<Metric> metrics = {
      {"rules_checks_total", "times that the kernel's rules were compared with the files",
       state.rules.checks},
      {"rules_check_failures_total", "times that they could not be", state.rules.failures},
      {"rules_drifts_total", "times that they became others", state.rules.drifts},
      {"rules_drifted", "1 if they are others than those of the files",
       state.rules.has_drifted ? 1U : 0U},
  };
  if (!state.kernel) return metrics;
  const KernelAuditState& kernel = *state.kernel;
  metrics.insert(metrics.end(),
                 {{"kernel_enabled", "the kernel's audit: 0 off, 1 on, 2 locked", kernel.enabled},
                  {"kernel_owner", "the process that owns the audit socket", kernel.owner_pid},
                  {"kernel_backlog", "records that wait in the kernel", kernel.backlog},
                  {"kernel_backlog_limit", "and how many may", kernel.backlog_limit},
                  {"kernel_lost", "what the kernel has dropped, by its own count", kernel.lost}});
  return metrics;
}

std::vector<Metric> MetricsOf(const AgentState& state) {
  std::vector<Metric> all;
  for (const auto& part :
       {CaptureMetrics(state), DeliveryMetrics(state), LossMetrics(state), KernelMetrics(state)}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

void AppendHead(const std::string& name, std::string_view meaning, std::string* text) {
  absl::StrAppendFormat(text, "# HELP auspex_agent_%s %s\n# TYPE auspex_agent_%s %s\n", name,
                        std::string(meaning), name, name.ends_with("_total") ? "counter" : "gauge");
}

// A label may hold anything but these three as they are.
std::string LabelOf(std::string_view text) {
  std::string label;
  for (const char c : text) {
    if (c == '\n') {
      label += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') label += '\\';
    label += c;
  }
  return label;
}

void AppendFilters(const std::vector<FilterCounters>& filters, std::string* text) {
  const struct {
    const char* name;
    const char* meaning;
    uint64_t FilterCounters::*value;
  } metrics[] = {
      {"filtered_records_total", "records that a filter has dropped", &FilterCounters::records},
      {"filtered_events_total", "events that a filter has dropped", &FilterCounters::events},
      {"filtered_bytes_total", "bytes that a filter has dropped", &FilterCounters::bytes}};
  for (const auto& metric : metrics) {
    if (filters.empty()) return;
    AppendHead(metric.name, metric.meaning, text);
    for (const FilterCounters& filter : filters) {
      absl::StrAppendFormat(text, "auspex_agent_%s{filter=\"%s\"} %d\n", metric.name,
                            LabelOf(filter.text), filter.*metric.value);
    }
  }
}

std::string Delivered(const OutletState& outlet) {
  if (outlet.counters.is_connected) return "to " + outlet.destination;
  return outlet.problem.empty() ? "not yet" : "no: " + outlet.problem;
}

std::string Lost(const Losses& losses) {
  if (losses == Losses()) return "nothing since the boot";
  return absl::StrFormat(
      "since the boot: kernel %d, overruns %d, missing events %d, queue %d, spool %d, aged %d, "
      "errors %d",
      losses.kernel_records, losses.overruns, losses.missing_events, losses.queue_records,
      losses.spool_records, losses.aged_records, losses.error_records);
}

std::string RulesText(const RulesState& rules) {
  if (rules.checks == 0) return "not compared";
  if (!rules.problem.empty()) return rules.problem;
  return "as in the files";
}

}  // namespace

std::string ToPrometheus(const AgentState& state) {
  std::string text;
  for (const Metric& metric : MetricsOf(state)) {
    AppendHead(metric.name, metric.meaning, &text);
    absl::StrAppend(&text, "auspex_agent_", metric.name, " ", metric.value, "\n");
  }
  AppendFilters(state.worker.lines.filters, &text);
  return text;
}

std::string ToText(const AgentState& state) {
  std::string text = absl::StrFormat("auspex-agent %s, source %s, up %d s\n", AUSPEX_VERSION,
                                     state.source, state.uptime_s);
  const auto add = [&text](const char* what, const std::string& value) {
    absl::StrAppendFormat(&text, "%-10s %s\n", what, value);
  };
  add("delivers", Delivered(state.outlet));
  add("captured", absl::StrFormat("%d records, %d bytes wait in the queue", state.queue.records,
                                  state.queue.bytes));
  add("spool", absl::StrFormat("%d bytes, of them %d not acknowledged", state.spool.bytes,
                               state.spool_pending_bytes));
  if (!state.worker.problem.empty()) add("", state.worker.problem);
  add("delivered", absl::StrFormat("%d records", state.outlet.counters.records_acknowledged));
  add("lost", Lost(state.losses));
  for (const FilterCounters& filter : state.worker.lines.filters) {
    add("filtered", absl::StrFormat("%d records: %s", filter.records, filter.text));
  }
  if (state.kernel) {
    add("kernel",
        absl::StrFormat("enabled %d, backlog %d of %d, lost %d", state.kernel->enabled,
                        state.kernel->backlog, state.kernel->backlog_limit, state.kernel->lost));
  }
  add("rules", RulesText(state.rules));
  return text;
}

std::string ToJson(const AgentState& state) {
  nlohmann::ordered_json json = {{"version", AUSPEX_VERSION},
                                 {"source", state.source},
                                 {"destination", state.outlet.destination},
                                 {"delivery_problem", state.outlet.problem},
                                 {"spool_problem", state.worker.problem},
                                 {"rules_problem", state.rules.problem}};
  for (const Metric& metric : MetricsOf(state)) json[metric.name] = metric.value;
  json["filters"] = nlohmann::ordered_json::array();
  for (const FilterCounters& filter : state.worker.lines.filters) {
    json["filters"].push_back({{"filter", filter.text},
                               {"records", filter.records},
                               {"events", filter.events},
                               {"bytes", filter.bytes}});
  }
  // What is not UTF-8, as a name in a problem can be, becomes U+FFFD.
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace client_plugin
