// auspex-agent: captures the audit records of a host, and delivers them. See auspex-agent(8).

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <systemd/sd-daemon.h>

#include "base/log.h"
#include "base/small_file.h"
#include "client-plugin/agent_config.h"
#include "client-plugin/agent_state.h"
#include "client-plugin/audit_socket.h"
#include "client-plugin/capture.h"
#include "client-plugin/dry_run_command.h"
#include "client-plugin/kernel_audit.h"
#include "client-plugin/line_maker.h"
#include "client-plugin/own_records.h"
#include "client-plugin/plugin_input.h"
#include "client-plugin/record_queue.h"
#include "client-plugin/sender.h"
#include "client-plugin/spool.h"
#include "client-plugin/status_server.h"
#include "client-plugin/store_outlet.h"
#include "client-plugin/worker.h"

namespace client_plugin {

namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr char kDefaultConfig[] = "/etc/auspex/auspex-agent.conf";
constexpr char kBootIdFile[] = "/proc/sys/kernel/random/boot_id";

// How often the kernel is asked what it has dropped.
constexpr seconds kKernelInterval{5};

// What a stop may take beside the time that is left for the spool, in seconds. The alarm ends the
// process, and not in good order.
constexpr unsigned kStopSecondsMax = 30;

struct Arguments {
  std::string config_file = kDefaultConfig;
  bool check_config = false;
  std::vector<std::string> dry_run_logs;
  bool verbose = false;
};

std::string Text(const absl::Status& status) { return std::string(status.message()); }

// Without the end of the last one.
std::vector<std::string> Lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// An entry for each thing that is wrong.
void LogWrong(const absl::Status& status) {
  for (const std::string& line : Lines(Text(status))) spdlog::error("{}", line);
}

std::string HostName() {
  std::array<char, 256> name{};
  const bool has_name = gethostname(name.data(), name.size() - 1) == 0 && name[0] != '\0';
  return has_name ? name.data() : "localhost";
}

absl::StatusOr<std::string> ReadBootId() {
  absl::StatusOr<std::string> id = base::ReadSmallFile(kBootIdFile, 64);
  if (!id.ok()) return id;
  return id->substr(0, id->find('\n'));
}

SpoolOptions SpoolOptionsOf(const AgentConfig& config, const std::string& boot_id) {
  return {.directory = config.spool_directory,
          .boot_id = boot_id,
          .bytes_max = uint64_t{config.spool_mb} << 20,
          .age_max = std::chrono::hours(config.spool_hours),
          .when_full = config.spool_full};
}

absl::StatusOr<std::unique_ptr<LineMaker>> MakeLines(const AgentConfig& config) {
  return LineMaker::Make({.is_enriched = config.is_enriched,
                          .has_container_ids = config.has_container_ids,
                          .filters = config.filters});
}

absl::StatusOr<std::unique_ptr<Outlet>> MakeOutlet(const AgentConfig& config, Spool& spool,
                                                   const std::string& boot_id) {
  if (config.servers.empty()) {
    auto store =
        StoreOutlet::Open(spool, {.directory = config.store_directory, .host = HostName()});
    if (!store.ok()) return store.status();
    return *std::move(store);
  }
  return std::make_unique<Sender>(spool, SenderOptions{.servers = config.servers,
                                                       .tls = config.tls,
                                                       .server_name = config.server_name,
                                                       .boot_id = boot_id});
}

absl::StatusOr<std::unique_ptr<Source>> OpenSource(SourceKind kind) {
  if (kind == SourceKind::kPlugin) {
    return std::make_unique<PluginInput>(base::FileDescriptor(dup(STDIN_FILENO)));
  }
  const bool is_owner = kind == SourceKind::kNetlink;
  auto socket = AuditSocket::Open(
      {.role = is_owner ? AuditSocket::Role::kOwner : AuditSocket::Role::kListener});
  if (!socket.ok()) return socket.status();
  return *std::move(socket);
}

// Nobody waits for a listener, so it has to be back sooner.
CaptureOptions CaptureOptionsOf(SourceKind kind) {
  if (kind == SourceKind::kMulticast) return {.pause = milliseconds(1)};
  return {};
}

// The way out of the spool, which can be another after a reload. For any thread.
class CurrentOutlet {
 public:
  explicit CurrentOutlet(std::unique_ptr<Outlet> outlet) : outlet_(std::move(outlet)) {}

  void Wake() {
    const std::lock_guard lock(mutex_);
    if (outlet_) outlet_->Wake();
  }

  OutletState state() const {
    const std::lock_guard lock(mutex_);
    return outlet_ ? outlet_->state() : OutletState();
  }

  // Takes what is there out, to be ended, or puts another in.
  std::unique_ptr<Outlet> Exchange(std::unique_ptr<Outlet> outlet) {
    const std::lock_guard lock(mutex_);
    return std::exchange(outlet_, std::move(outlet));
  }

 private:
  mutable std::mutex mutex_;  // Guards what follows.
  std::unique_ptr<Outlet> outlet_;
};

// What signals and timers ask for, on the thread of the context. All that is passed by reference
// outlives it.
class Control {
 public:
  struct Parts {
    Spool& spool;
    OwnRecords& own_records;
    CurrentOutlet& outlet;
    RecordQueue& queue;
    Worker& worker;
    Capture& capture;
    std::optional<KernelAudit>& kernel;
  };

  Control(asio::io_context& context, const std::string& config_file, const AgentConfig& config,
          const std::string& boot_id, const Parts& parts)
      : context_(context),
        config_file_(config_file),
        config_(config),
        boot_id_(boot_id),
        parts_(parts),
        signals_(context, SIGTERM, SIGINT, SIGHUP) {
    // auditd passes those that it gets itself on to its plugins.
    for (const int signal : {SIGUSR1, SIGUSR2, SIGCONT}) signals_.add(signal);
  }

  void Start() {
    Tell(parts_.own_records.Started(config_.is_enriched ? "enriched" : "raw"));
    asio::co_spawn(context_, HandleSignals(), asio::detached);
    asio::co_spawn(context_, WatchKernel(), asio::detached);
    uint64_t watchdog_us = 0;
    if (sd_watchdog_enabled(0, &watchdog_us) > 0) {
      asio::co_spawn(context_, FeedWatchdog(milliseconds(watchdog_us / 2000)), asio::detached);
    }
  }

  AgentState State() const {
    AgentState state{.source = ShownSource(),
                     .uptime_s = static_cast<uint64_t>(
                         std::chrono::duration_cast<seconds>(steady_clock::now() - began_).count()),
                     .capture = parts_.capture.counters(),
                     .queue = parts_.queue.counters(),
                     .worker = parts_.worker.state(),
                     .spool = parts_.spool.counters(),
                     .outlet = parts_.outlet.state(),
                     .losses = parts_.worker.losses(),
                     .kernel = kernel_status_,
                     .rules = {}};
    for (const std::string& series : parts_.spool.PendingSeries()) {
      state.spool_pending_bytes += parts_.spool.PendingBytes(series);
    }
    return state;
  }

  const AgentConfig& config() const { return config_; }

 private:
  // Stores a record of the agent's own.
  void Tell(const std::string& line) {
    RecordChunk chunk;
    chunk.Add(kOwnLine, line);
    parts_.queue.Push(&chunk);
  }

  std::string ShownSource() const { return ShowAgentConfig(config_).front().second; }

  asio::awaitable<void> HandleSignals() {
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
          for (const std::string& line : Lines(ToText(State()))) spdlog::info("{}", line);
          break;
        default:
          EndAtOnceOnNextSignal();
          context_.stop();
          co_return;
      }
    }
  }

  // Only a second TERM or INT counts: systemd sends CONT after each TERM.
  void EndAtOnceOnNextSignal() {
    signals_.async_wait([this](const boost::system::error_code& cancelled, int signal) {
      if (cancelled) return;
      if (signal != SIGTERM && signal != SIGINT) return EndAtOnceOnNextSignal();
      std::_Exit(EXIT_FAILURE);
    });
  }

  void Reload() {
    sd_notify(0, "RELOADING=1");
    const absl::Status reloaded = TryReload();
    Tell(parts_.own_records.Reconfigured(reloaded.ok()));
    if (reloaded.ok()) {
      spdlog::info("reloaded {}", config_file_);
    } else {
      LogWrong(reloaded);
      spdlog::error("reload failed, the old configuration stays");
    }
    sd_notify(0, "READY=1");
  }

  // All of it, or nothing.
  absl::Status TryReload() {
    absl::StatusOr<AgentConfig> read = ReadAgentConfig(config_file_);
    if (!read.ok()) return read.status();
    absl::StatusOr<std::unique_ptr<LineMaker>> lines = MakeLines(*read);
    if (!lines.ok()) return lines.status();
    KeepWhatNeedsARestart(&*read);
    const absl::Status delivering = ReplaceOutlet(*read);
    if (!delivering.ok()) return delivering;
    parts_.worker.SetLines(*std::move(lines));
    config_ = *std::move(read);
    if (parts_.kernel) {
      const absl::Status applied = parts_.kernel->Apply(config_.kernel);
      if (!applied.ok()) spdlog::error("{}", Text(applied));
    }
    return absl::OkStatus();
  }

  void KeepWhatNeedsARestart(AgentConfig* read) const {
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
    spdlog::warn(
        "reload: source, queue, spool, metrics_port and status_socket stay until a restart");
    *read = kept;
  }

  // The files of TLS may be others under the same names.
  absl::Status ReplaceOutlet(const AgentConfig& config) {
    const bool is_same = config.servers == config_.servers && config.tls == config_.tls &&
                         config.server_name == config_.server_name &&
                         config.store_directory == config_.store_directory;
    if (is_same && config.servers.empty()) return absl::OkStatus();
    parts_.outlet.Exchange(nullptr).reset();
    absl::StatusOr<std::unique_ptr<Outlet>> outlet = MakeOutlet(config, parts_.spool, boot_id_);
    const absl::Status made = outlet.status();
    if (!made.ok()) outlet = MakeOutlet(config_, parts_.spool, boot_id_);
    if (outlet.ok()) {
      parts_.outlet.Exchange(*std::move(outlet));
    } else {
      spdlog::error("nothing is delivered until the next reload: {}", Text(outlet.status()));
    }
    return made;
  }

  asio::awaitable<void> WatchKernel() {
    asio::steady_timer timer(context_);
    for (;;) {
      parts_.worker.SetOverruns(parts_.capture.counters().overruns);
      if (parts_.kernel) AskKernel();
      timer.expires_after(kKernelInterval);
      co_await timer.async_wait(asio::use_awaitable);
    }
  }

  void AskKernel() {
    const absl::StatusOr<KernelAuditStatus> status = parts_.kernel->Status();
    if (!status.ok()) {
      if (kernel_status_) spdlog::warn("{}", Text(status.status()));
      kernel_status_.reset();
      return;
    }
    kernel_status_ = *status;
    parts_.worker.SetKernelLost(status->lost);
    const bool has_lost_socket =
        config_.source == SourceKind::kNetlink && status->owner != static_cast<uint32_t>(getpid());
    if (has_lost_socket != std::exchange(has_lost_socket_, has_lost_socket) && has_lost_socket) {
      spdlog::error("the audit socket belongs to process {} now", status->owner);
    }
  }

  asio::awaitable<void> FeedWatchdog(milliseconds interval) {
    asio::steady_timer timer(context_);
    for (;;) {
      sd_notify(0, "WATCHDOG=1");
      timer.expires_after(interval);
      co_await timer.async_wait(asio::use_awaitable);
    }
  }

  asio::io_context& context_;
  const std::string& config_file_;
  AgentConfig config_;
  const std::string boot_id_;
  Parts parts_;
  asio::signal_set signals_;
  const steady_clock::time_point began_ = steady_clock::now();
  std::optional<KernelAuditStatus> kernel_status_;
  bool has_lost_socket_ = false;
};

// Without the right to ask, nothing is known of the kernel's state, and nothing can be set.
absl::Status SetUpKernel(const AgentConfig& config, std::optional<KernelAudit>* kernel) {
  absl::StatusOr<KernelAudit> opened = KernelAudit::Open();
  const absl::Status status = opened.ok() ? opened->Status().status() : opened.status();
  if (!status.ok()) {
    if (config.source == SourceKind::kNetlink) return status;
    spdlog::info("what the kernel loses is not known: {}", Text(status));
    return absl::OkStatus();
  }
  kernel->emplace(*std::move(opened));
  if (config.source != SourceKind::kNetlink) return absl::OkStatus();
  const absl::Status applied = (*kernel)->Apply(config.kernel);
  if (!applied.ok() || !config.enable_audit) return applied;
  return (*kernel)->Enable();
}

int Fail(const absl::Status& status) {
  LogWrong(status);
  return EXIT_FAILURE;
}

// The order of the declarations is the order in which the agent starts: what takes records in is
// the last. It stops the other way round.
int Run(const std::string& config_file, const AgentConfig& config) {
  const absl::StatusOr<std::string> boot_id = ReadBootId();
  if (!boot_id.ok()) return Fail(boot_id.status());
  absl::StatusOr<std::unique_ptr<LineMaker>> lines = MakeLines(config);
  if (!lines.ok()) return Fail(lines.status());
  spdlog::info("auspex-agent {} source={} spool={}", AUSPEX_VERSION,
               ShowAgentConfig(config).front().second, config.spool_directory);

  asio::io_context context(1);
  OwnRecords own_records;
  const absl::StatusOr<std::unique_ptr<Spool>> spool =
      Spool::Open(SpoolOptionsOf(config, *boot_id));
  if (!spool.ok()) return Fail(spool.status());

  absl::StatusOr<std::unique_ptr<Outlet>> first_outlet = MakeOutlet(config, **spool, *boot_id);
  if (!first_outlet.ok()) return Fail(first_outlet.status());
  CurrentOutlet outlet(*std::move(first_outlet));

  absl::StatusOr<std::unique_ptr<Source>> source = OpenSource(config.source);
  if (!source.ok()) return Fail(source.status());
  std::optional<KernelAudit> kernel;
  const absl::Status kernel_is_set_up = SetUpKernel(config, &kernel);
  if (!kernel_is_set_up.ok()) return Fail(kernel_is_set_up);

  RecordQueue queue({.bytes_max = config.queue_mb << 20, .when_full = config.queue_full});
  std::optional<Worker> worker;
  worker.emplace(queue, **spool, own_records, *std::move(lines), WorkerOptions(),
                 [&outlet] { outlet.Wake(); });

  absl::Status source_end;  // Set on the thread of the context.
  Capture capture(*std::move(source), queue, CaptureOptionsOf(config.source),
                  [&](const absl::Status& why) {
                    asio::post(context, [&, why] {
                      source_end = why;
                      context.stop();
                    });
                  });

  Control control(context, config_file, config, *boot_id,
                  {.spool = **spool,
                   .own_records = own_records,
                   .outlet = outlet,
                   .queue = queue,
                   .worker = *worker,
                   .capture = capture,
                   .kernel = kernel});
  StatusServer status_server(
      context, {.metrics_port = config.metrics_port, .socket_path = config.status_socket},
      [&control] { return control.State(); });
  const absl::Status serving = status_server.Start();
  // Records are captured from here on; they are delivered whoever may ask about it.
  if (!serving.ok()) spdlog::error("{}", Text(serving));
  control.Start();
  if (config.metrics_port) spdlog::info("metrics port={}", status_server.metrics_port());
  spdlog::info("ready");
  sd_notify(0, "READY=1");

  context.run();

  sd_notify(0, "STOPPING=1");
  alarm(control.config().stop_seconds + kStopSecondsMax);
  queue.StopWaiting();
  capture.Stop();
  RecordChunk last;
  last.Add(kOwnLine, own_records.Ended());
  queue.Push(&last);
  queue.Close();
  const Losses losses = worker->losses();
  worker.reset();
  if (const auto ending = outlet.Exchange(nullptr)) {
    ending->Stop(seconds(control.config().stop_seconds));
  }
  spdlog::info("stopped lost={} pending={}", losses == Losses() ? "nothing" : "something",
               (*spool)->PendingSeries().empty() ? "nothing" : "something");
  if (source_end.ok() || absl::IsOutOfRange(source_end)) return EXIT_SUCCESS;
  return Fail(source_end);
}

int CheckConfig(const AgentConfig& config, const std::string& file) {
  for (const auto& [key, value] : ShowAgentConfig(config)) {
    std::cout << key << " = " << (value.empty() ? "(none)" : value) << '\n';
  }
  std::cout << file << ": good\n";
  return EXIT_SUCCESS;
}

int RunAgent(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Captures the audit records of this host, and delivers them: see auspex-agent(8)",
               "auspex-agent");
  app.add_option("--config", arguments.config_file, "The configuration: auspex-agent.conf(5)")
      ->capture_default_str();
  app.add_flag("--check-config", arguments.check_config,
               "Read the configuration, show it, and exit");
  app.add_option("--dry-run", arguments.dry_run_logs,
                 "Say what the filters of the configuration would drop of a log, and exit")
      ->type_name("LOG");
  app.add_flag("--verbose", arguments.verbose, "With --dry-run: print what would be dropped");
  app.set_version_flag("--version", "auspex-agent " AUSPEX_VERSION);
  app.footer("Commands: status, rules, trace; auspex-agent COMMAND --help tells more of each.");
  CLI11_PARSE(app, argc, argv);

  base::StartLog();
  const absl::StatusOr<AgentConfig> config = ReadAgentConfig(arguments.config_file);
  if (!config.ok()) return Fail(config.status());
  if (arguments.check_config) return CheckConfig(*config, arguments.config_file);
  if (!arguments.dry_run_logs.empty()) {
    return RunDryRun(
        {.filters = config->filters, .logs = arguments.dry_run_logs, .verbose = arguments.verbose});
  }
  PrepareGrpc();
  std::signal(SIGPIPE, SIG_IGN);  // Who reads our log may go away; we stay.
  return Run(arguments.config_file, *config);
}

int RunStatus(int argc, char** argv) {
  std::string config_file = kDefaultConfig;
  std::string socket_path;
  std::string format = "text";
  CLI::App app("Says what the agent of this host is doing", "auspex-agent status");
  app.add_option("--config", config_file, "The configuration that names the socket")
      ->capture_default_str();
  app.add_option("--socket", socket_path, "The socket, in place of that of the configuration");
  app.add_option("--format", format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  if (socket_path.empty()) {
    const absl::StatusOr<AgentConfig> config = ReadAgentConfig(config_file);
    socket_path = config.ok() ? config->status_socket : AgentConfig().status_socket;
  }
  const absl::StatusOr<std::string> status = AskForStatus(socket_path, format == "json");
  if (!status.ok()) {
    std::cerr << "auspex-agent status: " << Text(status.status()) << '\n';
    return EXIT_FAILURE;
  }
  std::cout << *status;
  return EXIT_SUCCESS;
}

}  // namespace

}  // namespace client_plugin

int main(int argc, char** argv) {
  try {
    const std::string_view command = argc > 1 ? argv[1] : "";
    if (command == "status") return client_plugin::RunStatus(argc - 1, argv + 1);
    return client_plugin::RunAgent(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "auspex-agent: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
}
