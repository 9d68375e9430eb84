// auspex-agent: captures the audit records of a host, and delivers them. See auspex-agent(8).

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <systemd/sd-daemon.h>

#include "base/log.h"
#include "base/small_file.h"
#include "client-plugin/agent_config.h"
#include "client-plugin/audit_socket.h"
#include "client-plugin/capture.h"
#include "client-plugin/control.h"
#include "client-plugin/current_outlet.h"
#include "client-plugin/dry_run_command.h"
#include "client-plugin/line_maker.h"
#include "client-plugin/log_lines.h"
#include "client-plugin/own_records.h"
#include "client-plugin/plugin_input.h"
#include "client-plugin/record_queue.h"
#include "client-plugin/rules/kernel_audit.h"
#include "client-plugin/rules/rules_command.h"
#include "client-plugin/rules/trace_command.h"
#include "client-plugin/rules_watch.h"
#include "client-plugin/sender.h"
#include "client-plugin/source.h"
#include "client-plugin/spool.h"
#include "client-plugin/status_server.h"
#include "client-plugin/worker.h"

namespace client_plugin {

namespace {

namespace asio = boost::asio;
using base::Text;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr char kDefaultConfig[] = "/etc/auspex/auspex-agent.conf";
constexpr char kBootIdFile[] = "/proc/sys/kernel/random/boot_id";

// What a stop may take beside the time that is left for the spool, in seconds. The alarm ends the
// process, and not in good order.
constexpr unsigned kStopSecondsMax = 30;

struct Arguments {
  std::string config_file = kDefaultConfig;
  bool check_config = false;
  std::vector<std::string> dry_run_logs;
  bool verbose = false;
};

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

// Without the right to ask, nothing is known of the kernel's state, and nothing can be set.
absl::Status SetUpKernel(const AgentConfig& config, std::optional<KernelAudit>* kernel) {
  absl::StatusOr<KernelAudit> opened = KernelAudit::Open();
  const absl::StatusOr<KernelAuditState> state =
      opened.ok() ? opened->State() : absl::StatusOr<KernelAuditState>(opened.status());
  if (!state.ok()) {
    if (config.source == SourceKind::kNetlink) return state.status();
    spdlog::info("what the kernel loses is not known: {}", Text(state.status()));
    return absl::OkStatus();
  }
  kernel->emplace(*std::move(opened));
  if (config.source != SourceKind::kNetlink) return absl::OkStatus();
  if (state->enabled == kAuditLocked) {
    spdlog::info("the audit of the kernel is locked: its settings stay as they are");
    return absl::OkStatus();
  }
  const absl::Status applied = ApplySettings(config.kernel, **kernel);
  if (!applied.ok() || !config.enable_audit || state->enabled != 0) return applied;
  return (*kernel)->Set({.kind = RuleSetting::Kind::kEnabled, .value = 1, .texts = {}});
}

int Fail(const absl::Status& status) {
  LogErrors(status);
  return EXIT_FAILURE;
}

struct Running {
  const Control& control;
  Capture& capture;
  RecordQueue& queue;
  OwnRecords& own_records;
  std::optional<Worker>& worker;
  CurrentOutlet& outlet;
  const Spool& spool;
};

// Nothing more comes in; what has come is stored, and delivered while there is time.
void Stop(const Running& running) {
  const uint32_t stop_seconds = running.control.config().stop_seconds;
  sd_notify(0, "STOPPING=1");
  alarm(stop_seconds + kStopSecondsMax);
  running.queue.StopWaiting();
  running.capture.Stop();
  running.worker->SetOverruns(running.capture.counters().overruns);
  running.queue.PushAtOnce(kOwnLine, running.own_records.Ended());
  running.queue.Close();
  running.worker.reset();
  running.outlet.Stop(seconds(stop_seconds));
  const bool has_lost = running.spool.marks().losses != Losses();
  spdlog::info("stopped lost={} pending={}", has_lost ? "something" : "nothing",
               running.spool.PendingSeries().empty() ? "nothing" : "something");
}

// The order of the declarations is the order in which the agent starts: what takes records in is
// the last. It stops the other way round.
int Run(const std::string& config_file, const AgentConfig& config) {
  const absl::StatusOr<std::string> boot_id = ReadBootId();
  if (!boot_id.ok()) return Fail(boot_id.status());
  absl::StatusOr<std::unique_ptr<LineMaker>> lines = LineMaker::Make(LineMakerOptionsOf(config));
  if (!lines.ok()) return Fail(lines.status());
  spdlog::info("auspex-agent {} source={} spool={}", AUSPEX_VERSION,
               ShowAgentConfig(config).front().second, config.spool_directory);

  asio::io_context context(1);
  OwnRecords own_records;
  const absl::StatusOr<std::unique_ptr<Spool>> spool =
      Spool::Open(SpoolOptionsOf(config, *boot_id));
  if (!spool.ok()) return Fail(spool.status());

  CurrentOutlet outlet(**spool);
  const absl::Status delivering = outlet.Use(config);
  if (!delivering.ok()) return Fail(delivering);

  absl::StatusOr<std::unique_ptr<Source>> source = OpenSource(config.source);
  if (!source.ok()) return Fail(source.status());
  std::optional<KernelAudit> kernel;
  const absl::Status kernel_is_set_up = SetUpKernel(config, &kernel);
  if (!kernel_is_set_up.ok()) return Fail(kernel_is_set_up);

  RecordQueue queue({.bytes_max = size_t{config.queue_mb} << 20, .when_full = config.queue_full});
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

  RulesWatch rules(RulesWatchOptionsOf(config), [&](const std::string& drift) {
    queue.PushAtOnce(kOwnLine,
                     drift.empty() ? own_records.RulesAgree() : own_records.RulesDrifted(drift));
  });
  Control control(context, config_file, config,
                  {.spool = **spool,
                   .own_records = own_records,
                   .outlet = outlet,
                   .queue = queue,
                   .worker = *worker,
                   .capture = capture,
                   .rules = rules,
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

  Stop({.control = control,
        .capture = capture,
        .queue = queue,
        .own_records = own_records,
        .worker = worker,
        .outlet = outlet,
        .spool = **spool});
  if (!control.failure().ok()) return Fail(control.failure());
  return source_end.ok() || absl::IsOutOfRange(source_end) ? EXIT_SUCCESS : Fail(source_end);
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
    if (command == "rules") return client_plugin::RunRules(argc - 1, argv + 1);
    if (command == "trace") return client_plugin::RunTrace(argc - 1, argv + 1);
    return client_plugin::RunAgent(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "auspex-agent: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
}
