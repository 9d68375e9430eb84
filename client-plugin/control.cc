#include "client-plugin/control.h"

#include <csignal>
#include <memory>
#include <unistd.h>
#include <utility>

#include "absl/strings/str_cat.h"
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <systemd/sd-daemon.h>

#include "base/log.h"
#include "client-plugin/log_lines.h"
#include "client-plugin/source.h"

namespace client_plugin {

namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

// How often the kernel is asked what it has dropped.
constexpr seconds kKernelInterval{5};

std::string ShownSource(const AgentConfig& config) {
  return ShowAgentConfig(config).front().second;
}

}  // namespace

LineMakerOptions LineMakerOptionsOf(const AgentConfig& config) {
  return {.is_enriched = config.is_enriched,
          .has_container_ids = config.has_container_ids,
          .filters = config.filters};
}

RulesWatchOptions RulesWatchOptionsOf(const AgentConfig& config) {
  RulesWatchOptions options{.mode = config.rules, .places = {}};
  if (config.rules_file.empty()) {
    options.places.push_back({.path = config.rules_directory, .is_directory = true});
  } else {
    options.places.push_back({.path = config.rules_file, .is_directory = false});
  }
  return options;
}

absl::Status ApplySettings(const AuditSettings& settings, KernelAudit& kernel) {
  using Kind = RuleSetting::Kind;
  const struct {
    const char* name;
    Kind kind;
    const std::optional<uint32_t>& value;
  } all[] = {{"backlog_limit", Kind::kBacklogLimit, settings.backlog_limit},
             {"backlog_wait_time", Kind::kBacklogWaitTime, settings.backlog_wait_time},
             {"failure_mode", Kind::kFailure, settings.failure_mode},
             {"rate_limit", Kind::kRateLimit, settings.rate_limit}};
  for (const auto& [name, kind, value] : all) {
    if (!value) continue;
    const absl::Status set = kernel.Set({.kind = kind, .value = *value, .texts = {}});
    if (!set.ok()) return absl::Status(set.code(), absl::StrCat(name, ": ", set.message()));
  }
  return absl::OkStatus();
}

Control::Control(asio::io_context& context, const std::string& config_file,
                 const AgentConfig& config, const Parts& parts)
    : context_(context),
      config_file_(config_file),
      config_(config),
      parts_(parts),
      signals_(context, SIGTERM, SIGINT, SIGHUP) {
  // auditd passes those that it gets itself on to its plugins.
  for (const int signal : {SIGUSR1, SIGUSR2, SIGCONT}) signals_.add(signal);
}

void Control::Start() {
  parts_.queue.PushAtOnce(kOwnLine,
                          parts_.own_records.Started(config_.is_enriched ? "enriched" : "raw"));
  asio::co_spawn(context_, HandleSignals(), asio::detached);
  asio::co_spawn(context_, WatchKernel(), asio::detached);
  uint64_t watchdog_us = 0;
  if (sd_watchdog_enabled(0, &watchdog_us) > 0) {
    asio::co_spawn(context_, FeedWatchdog(milliseconds(watchdog_us / 2000)), asio::detached);
  }
}

AgentState Control::State() const {
  AgentState state{.source = ShownSource(config_),
                   .uptime_s = static_cast<uint64_t>(
                       std::chrono::duration_cast<seconds>(steady_clock::now() - began_).count()),
                   .capture = parts_.capture.counters(),
                   .queue = parts_.queue.counters(),
                   .worker = parts_.worker.state(),
                   .spool = parts_.spool.counters(),
                   .outlet = parts_.outlet.state(),
                   .losses = parts_.worker.losses(),
                   .kernel = kernel_state_,
                   .rules = parts_.rules.state()};
  for (const std::string& series : parts_.spool.PendingSeries()) {
    state.spool_pending_bytes += parts_.spool.PendingBytes(series);
  }
  return state;
}

asio::awaitable<void> Control::HandleSignals() {
  for (;;) {
    const int signal = co_await signals_.async_wait(asio::use_awaitable);
    switch (signal) {
      case SIGHUP:
        Reload();
        break;
      case SIGUSR1:
      case SIGUSR2:
        break;
      case SIGCONT:
        LogInfo(ToText(State()));
        break;
      default:
        // The next one ends the process.
        signals_.remove(SIGTERM);
        signals_.remove(SIGINT);
        context_.stop();
        co_return;
    }
  }
}

void Control::Reload() {
  sd_notify(0, "RELOADING=1");
  const absl::Status reloaded = TryReload();
  parts_.queue.PushAtOnce(kOwnLine, parts_.own_records.Reconfigured(reloaded.ok()));
  if (reloaded.ok()) {
    spdlog::info("reloaded {}", config_file_);
  } else {
    LogErrors(reloaded);
    spdlog::error("reload failed, the old configuration stays");
  }
  sd_notify(0, "READY=1");
}

// All of it, or nothing.
absl::Status Control::TryReload() {
  absl::StatusOr<AgentConfig> read = ReadAgentConfig(config_file_);
  if (!read.ok()) return read.status();
  absl::StatusOr<std::unique_ptr<LineMaker>> lines = LineMaker::Make(LineMakerOptionsOf(*read));
  if (!lines.ok()) return lines.status();
  KeepWhatNeedsARestart(&*read);
  const absl::Status delivering = parts_.outlet.Use(*read);
  if (!delivering.ok()) return delivering;
  parts_.worker.SetLines(*std::move(lines));
  config_ = *std::move(read);
  // Rules can set the same, and count.
  if (parts_.kernel && config_.source == SourceKind::kNetlink) {
    const absl::Status applied = ApplySettings(config_.kernel, *parts_.kernel);
    if (!applied.ok()) LogErrors(applied);
  }
  parts_.rules.Use(RulesWatchOptionsOf(config_));
  return absl::OkStatus();
}

void Control::KeepWhatNeedsARestart(AgentConfig* read) const {
  AgentConfig kept = *read;
  kept.source = config_.source;
  kept.queue_mb = config_.queue_mb;
  kept.queue_full = config_.queue_full;
  kept.spool_directory = config_.spool_directory;
  kept.spool_mb = config_.spool_mb;
  kept.spool_hours = config_.spool_hours;
  kept.spool_full = config_.spool_full;
  kept.metrics_port = config_.metrics_port;
  kept.status_socket = config_.status_socket;
  if (kept == *read) return;
  spdlog::warn("reload: source, queue, spool, metrics_port, status_socket stay until a restart");
  *read = kept;
}

asio::awaitable<void> Control::WatchKernel() {
  asio::steady_timer timer(context_);
  for (;;) {
    parts_.worker.SetOverruns(parts_.capture.counters().overruns);
    if (parts_.kernel) AskKernel();
    timer.expires_after(kKernelInterval);
    co_await timer.async_wait(asio::use_awaitable);
  }
}

void Control::AskKernel() {
  const absl::StatusOr<KernelAuditState> state = parts_.kernel->State();
  if (!state.ok()) {
    if (kernel_state_) LogErrors(state.status());
    kernel_state_.reset();
    return;
  }
  kernel_state_ = *state;
  parts_.worker.SetKernelLost(state->lost);
  const bool is_ours = state->owner_pid == static_cast<uint32_t>(getpid());
  if (config_.source == SourceKind::kNetlink && !is_ours) {
    // Who starts us again makes it ours again, if that can be.
    failure_ = absl::UnavailableError(absl::StrCat(
        "the kernel sends to us no more: the audit socket belongs to process ", state->owner_pid));
    context_.stop();
  }
}

asio::awaitable<void> Control::FeedWatchdog(milliseconds interval) {
  asio::steady_timer timer(context_);
  for (;;) {
    sd_notify(0, "WATCHDOG=1");
    timer.expires_after(interval);
    co_await timer.async_wait(asio::use_awaitable);
  }
}

}  // namespace client_plugin
