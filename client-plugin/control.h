// What is asked of a running agent: by signals, by timers, by who wants to know how it is.

#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include "client-plugin/agent_config.h"
#include "client-plugin/agent_state.h"
#include "client-plugin/capture.h"
#include "client-plugin/current_outlet.h"
#include "client-plugin/line_maker.h"
#include "client-plugin/own_records.h"
#include "client-plugin/record_queue.h"
#include "client-plugin/rules/kernel_audit.h"
#include "client-plugin/rules_watch.h"
#include "client-plugin/spool.h"
#include "client-plugin/worker.h"

namespace client_plugin {

LineMakerOptions LineMakerOptionsOf(const AgentConfig& config);
RulesWatchOptions RulesWatchOptionsOf(const AgentConfig& config);

// Sets what is set in the settings. The message of a failure names the setting.
absl::Status ApplySettings(const AuditSettings& settings, KernelAudit& kernel);

// Belongs to the thread of the context.
class Control {
 public:
  // Of an agent. They outlive the object.
  struct Parts {
    Spool& spool;
    OwnRecords& own_records;
    CurrentOutlet& outlet;
    RecordQueue& queue;
    Worker& worker;
    Capture& capture;
    RulesWatch& rules;
    std::optional<KernelAudit>& kernel;  // None where it does not talk to us.
  };

  Control(boost::asio::io_context& context, const std::string& config_file,
          const AgentConfig& config, const Parts& parts);

  Control(const Control&) = delete;

  // Tells that the agent has started, and begins to hear signals: HUP reloads, CONT writes the
  // state to the log, TERM and INT stop the context, and the second one of these the process.
  void Start();

  AgentState State() const;

  // Why it has stopped the context by itself; OK if it was told to.
  const absl::Status& failure() const { return failure_; }

  // As the last reload has left it.
  const AgentConfig& config() const { return config_; }

 private:
  boost::asio::awaitable<void> HandleSignals();
  boost::asio::awaitable<void> WatchKernel();
  boost::asio::awaitable<void> FeedWatchdog(std::chrono::milliseconds interval);
  void Reload();
  absl::Status TryReload();
  void KeepWhatNeedsARestart(AgentConfig* read) const;
  void AskKernel();

  boost::asio::io_context& context_;
  const std::string config_file_;
  AgentConfig config_;
  const Parts parts_;
  boost::asio::signal_set signals_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::optional<KernelAuditState> kernel_state_;
  absl::Status failure_;
};

}  // namespace client_plugin
