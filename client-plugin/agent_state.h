// What an agent is doing: for /metrics, `auspex-agent status` and the log.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "client-plugin/capture.h"
#include "client-plugin/losses.h"
#include "client-plugin/outlet.h"
#include "client-plugin/record_queue.h"
#include "client-plugin/rules/kernel_audit.h"
#include "client-plugin/rules_watch.h"
#include "client-plugin/spool.h"
#include "client-plugin/worker.h"

namespace client_plugin {

struct AgentState {
  std::string source;  // As in the configuration.
  uint64_t uptime_s = 0;
  CaptureCounters capture;
  RecordQueueCounters queue;
  WorkerState worker;
  SpoolCounters spool;
  uint64_t spool_pending_bytes = 0;  // Of files that have something that was not acknowledged.
  OutletState outlet;
  Losses losses;
  std::optional<KernelAuditState> kernel;  // None if the kernel does not tell us.
  RulesState rules;
};

// Prometheus's text format, version 0.0.4. Each metric is explained in auspex-agent(8).
std::string ToPrometheus(const AgentState& state);

// For people: a line for each thing.
std::string ToText(const AgentState& state);

// The same for programs: an object of JSON, with the metrics by their names without prefix.
std::string ToJson(const AgentState& state);

}  // namespace client_plugin
