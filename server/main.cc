// auspexd: the collector. See auspexd(8).

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <sys/resource.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.h"
#include "server/api/api_server.h"
#include "server/committer.h"
#include "server/config.h"
#include "server/counters.h"
#include "server/end_process.h"
#include "server/host_sessions.h"
#include "server/listener.h"
#include "server/metrics.h"
#include "server/own_records.h"
#include "server/quotas.h"
#include "server/retention_keeper.h"
#include "server/space/space_watch.h"
#include "server/state_report.h"
#include "server/store_watch.h"
#include "storage/event_store.h"

namespace server {

namespace {

namespace asio = boost::asio;
using base::Text;

constexpr char kDefaultConfig[] = "/etc/auspex/auspexd.conf";

// What RocksDB, the log and the programs of libwrap need beside the clients.
constexpr size_t kFilesReserved = 700;

// How long a stop may take in all, in seconds: a disk or a DNS that hangs must not keep the
// process. The alarm ends it, and not in good order.
constexpr unsigned kStopSecondsMax = 60;

struct Arguments {
  std::string config_file = kDefaultConfig;
  bool check_config = false;
};

storage::StoreOptions StoreOptionsOf(const Config& config) {
  return {.flush = config.store.flush,
          .flush_records = config.store.freq,
          .open_bytes_max = size_t{config.store.open_blocks_memory} << 20,
          .seal_age = std::chrono::seconds(config.store.open_blocks_age)};
}

// Every client is a file descriptor, and so is one that waits to be admitted. Raises the limit as
// far as it goes, and shares it out: a flood of connections must not leave the store without files.
ListenerLimits LimitsByFiles() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  const auto files = static_cast<size_t>(limit.rlim_cur);
  const size_t for_clients = files > 2 * kFilesReserved ? files - kFilesReserved : files / 4;
  ListenerLimits limits;
  limits.admissions_max = std::min(limits.admissions_max, for_clients / 4);
  limits.sessions_max = for_clients - limits.admissions_max;
  return limits;
}

int CheckConfig(const ParsedConfig& parsed) {
  std::cout << FormatReport(parsed);
  return parsed.ok() ? EXIT_SUCCESS : EXIT_FAILURE;
}

void LogWrong(const ParsedConfig& parsed) {
  for (const Finding& finding : parsed.findings) {
    if (finding.verdict == Verdict::kWrong) spdlog::error("{}", FormatFinding(parsed, finding));
  }
}

void LogEndpoints(const char* what, const Listener& listener) {
  for (const auto& endpoint : listener.endpoints()) {
    spdlog::info("{} address={} port={}", what, endpoint.address().to_string(), endpoint.port());
  }
  if (listener.endpoints().empty()) spdlog::warn("{} without a network listener", what);
}

void LogWeakFlush(storage::Flush flush) {
  if (flush == storage::Flush::kSync || flush == storage::Flush::kData) return;
  spdlog::warn("flush is weaker than SYNC: what is acknowledged can be lost when the power fails");
}

Quotas::Passed TellOfQuotas(OwnRecords& own_records) {
  return [&own_records, log = base::LogLimit(50)](const storage::Identity& host,
                                                  const QuotaLimits& limits) mutable {
    own_records.QuotaPassed(host.name, limits.bytes_per_day);
    if (!log.Allow()) return;
    spdlog::warn("quota_bytes_day passed host={} limit={} unlogged={}", host.name,
                 limits.bytes_per_day, log.TakeSuppressed());
  };
}

void SealStore(storage::EventStore& store) {
  const absl::Status sealed = store.Seal();
  if (!sealed.ok()) spdlog::error("seal failed: {}", Text(sealed));
}

// What a signal asks for, on the network thread. All members outlive the signals.
class Control {
 public:
  Control(asio::io_context& network, const std::string& config_file, const Config& config,
          storage::EventStore& store, Committer& committer, RetentionKeeper& retention,
          SpaceWatch& space, OwnRecords& own_records, Quotas& quotas, Listener& listener,
          ApiServer& api, const Counters& counters)
      : network_(network),
        config_file_(config_file),
        config_(config),
        store_(store),
        committer_(committer),
        retention_(retention),
        own_records_(own_records),
        quotas_(quotas),
        space_(space),
        listener_(listener),
        api_(api),
        counters_(counters),
        state_report_({.config = config_,
                       .store = store,
                       .committer = committer,
                       .counters = counters,
                       .metrics = [this] { return api_.Metrics(); },
                       .endpoints = [this] { return Endpoints(); },
                       .policies = [this](auto* status) { FillPolicies(status); }}),
        report_timer_(network),
        signals_(network, SIGTERM, SIGINT, SIGHUP) {
    for (const int signal : {SIGUSR1, SIGUSR2, SIGCONT}) signals_.add(signal);
    WriteStateAtIntervals();
  }

  asio::awaitable<void> HandleSignals() {
    for (;;) {
      const int signal = co_await signals_.async_wait(asio::use_awaitable);
      switch (signal) {
        case SIGHUP:
          (void)Reload();  // Said in the log.
          break;
        case SIGUSR1:
          Seal();
          break;
        case SIGUSR2:
          SetSuspended(false);
          break;
        case SIGCONT:
          spdlog::info("state {}", ToText(api_.Metrics()));
          WriteState();
          break;
        default:
          EndAtOnceOnNextSignal();
          co_await Stop();
          co_return;
      }
    }
  }

  absl::Status Reload() {
    const absl::StatusOr<ParsedConfig> parsed = ReadConfigFile(config_file_);
    if (!parsed.ok()) return RefuseReload(parsed.status());
    if (!parsed->ok()) {
      LogWrong(*parsed);
      return RefuseReload(FirstWrong(*parsed));
    }
    absl::StatusOr<std::optional<storage::RetentionPolicy>> retention =
        ReadRetentionFile(parsed->config.store.retention_file);
    if (!retention.ok()) return RefuseReload(retention.status());
    absl::StatusOr<QuotaRules> quotas = QuotaRules::Read(parsed->config.quotas);
    if (!quotas.ok()) return RefuseReload(quotas.status());
    Use(parsed->config);
    quotas_.SetRules(*std::move(quotas));
    retention_.SetPolicy(*std::move(retention));
    own_records_.Reconfigured(true);
    spdlog::info("reloaded {}", config_file_);
    return absl::OkStatus();
  }

  void Seal() { committer_.RunBetweenCommits(SealStore); }

  void SetSuspended(bool suspended) {
    if (!suspended) space_.Resume();
    if (suspended == committer_.is_suspended_by_admin()) return;
    committer_.SetSuspended(suspended);
    if (!suspended) own_records_.Resumed();
    spdlog::warn(suspended ? "suspended: nothing is taken in" : "resumed");
  }

  void FillStatus(auspex::v1::StatusResponse* status) const { state_report_.Fill(status); }

  const std::string& backup_dir() const { return config_.store.backup_dir; }

  StateFile State() const { return state_report_.File(); }

  // Whether all sessions ended in good order.
  bool in_good_order() const { return in_good_order_; }

 private:
  absl::Status RefuseReload(const absl::Status& why) {
    own_records_.Reconfigured(false);
    spdlog::error("reload failed, the old configuration stays: {}", Text(why));
    return why;
  }

  std::vector<NamedEndpoint> Endpoints() const {
    std::vector<NamedEndpoint> endpoints;
    for (const auto& endpoint : listener_.endpoints()) {
      endpoints.push_back({"audisp-remote", endpoint});
    }
    for (const auto& endpoint : api_.endpoints()) endpoints.push_back({"api", endpoint});
    for (const auto& endpoint : api_.json_endpoints()) endpoints.push_back({"json", endpoint});
    return endpoints;
  }

  void FillPolicies(auspex::v1::StatusResponse* status) const {
    const std::optional<storage::RetentionPolicy> policy = retention_.policy();
    if (policy) {
      for (const storage::RetentionRule& rule : policy->rules) {
        status->add_retention_rules(storage::ToText(rule));
      }
    }
    const absl::StatusOr<std::vector<storage::Hold>> holds = store_.Holds();
    if (holds.ok()) status->set_holds(holds->size());
    space_.Fill(status);
  }

  // The disk may take its time, and sessions must not wait for it.
  void WriteState() {
    asio::post(state_writer_, [file = State()] {
      const absl::Status written = Write(file);
      if (!written.ok()) spdlog::error("state_file: {}", Text(written));
    });
  }

  // Also begins anew, with another interval.
  void WriteStateAtIntervals() {
    report_timer_.cancel();
    if (config_.state.report_interval_s == 0) return;
    report_timer_.expires_after(std::chrono::seconds(config_.state.report_interval_s));
    report_timer_.async_wait([this](const boost::system::error_code& cancelled) {
      if (cancelled) return;
      WriteState();
      WriteStateAtIntervals();
    });
  }

  static absl::Status FirstWrong(const ParsedConfig& parsed) {
    const auto wrong = std::ranges::find(parsed.findings, Verdict::kWrong, &Finding::verdict);
    return absl::InvalidArgumentError(FormatFinding(parsed, *wrong));
  }

  void Use(const Config& config) {
    const std::string store_dir = config_.store.store_dir;
    if (config.store.store_dir != store_dir) {
      spdlog::warn("reload: store_dir stays {} until a restart", store_dir);
    }
    if (config.api != config_.api) {
      spdlog::warn("reload: the API keeps its port and files until a restart");
    }
    const DaemonIdentity identity = config_.identity;
    const SpaceOptions space = config_.space;
    config_ = config;
    config_.store.store_dir = store_dir;
    const auto endpoints = listener_.endpoints();
    const absl::Status listening = listener_.Reconfigure(config_.listener);
    if (!listening.ok()) spdlog::error("reload: {}", Text(listening));
    if (listener_.endpoints() != endpoints) LogEndpoints("listening", listener_);
    if (config_.space != space) space_.Use(config_.space);
    if (config_.identity != identity) own_records_.SetIdentity(config_.identity);
    const absl::Status access = api_.ReloadAccess();
    if (!access.ok()) spdlog::error("reload: access stays as it was: {}", Text(access));
    committer_.RunBetweenCommits([options = StoreOptionsOf(config_)](storage::EventStore& store) {
      store.SetFlush(options.flush, options.flush_records);
    });
    LogWeakFlush(config_.store.flush);
    WriteStateAtIntervals();
  }

  // Only a second TERM or INT counts: systemd sends CONT after each TERM.
  void EndAtOnceOnNextSignal() {
    signals_.async_wait([this](const boost::system::error_code& cancelled, int signal) {
      if (cancelled) return;
      if (signal != SIGTERM && signal != SIGINT) return EndAtOnceOnNextSignal();
      spdlog::error("second signal: ending at once");
      std::_Exit(EXIT_FAILURE);
    });
  }

  asio::awaitable<void> Stop() {
    alarm(kStopSecondsMax);
    spdlog::info("stopping sessions={} streams={}", listener_.session_count(),
                 counters_.streams_open);
    const bool api_in_good_order = co_await api_.Stop();
    const bool listener_in_good_order = co_await listener_.Stop();
    in_good_order_ = api_in_good_order && listener_in_good_order;
    own_records_.End();
    space_.Stop();
    report_timer_.cancel();
    network_.stop();
  }

  asio::io_context& network_;
  const std::string& config_file_;
  Config config_;
  storage::EventStore& store_;
  Committer& committer_;
  RetentionKeeper& retention_;
  OwnRecords& own_records_;
  Quotas& quotas_;
  SpaceWatch& space_;
  Listener& listener_;
  ApiServer& api_;
  const Counters& counters_;
  const StateReport state_report_;
  asio::steady_timer report_timer_;
  asio::thread_pool state_writer_{1};
  asio::signal_set signals_;
  bool in_good_order_ = true;
};

// The order of the declarations is the order in which the server starts. Its reverse, the order of
// the destructors, is how it stops: nothing new comes in, what was accepted is stored, the store is
// closed.
int Run(const Arguments& arguments) {
  const absl::StatusOr<ParsedConfig> parsed = ReadConfigFile(arguments.config_file);
  if (!parsed.ok()) {
    spdlog::error("{}", Text(parsed.status()));
    return EXIT_FAILURE;
  }
  if (arguments.check_config) return CheckConfig(*parsed);
  if (!parsed->ok()) {
    LogWrong(*parsed);
    return EXIT_FAILURE;
  }
  const Config& config = parsed->config;
  const ListenerLimits limits = LimitsByFiles();
  LogWeakFlush(config.store.flush);

  spdlog::info("auspexd {} store={}", AUSPEX_VERSION, config.store.store_dir);
  asio::io_context network(1);
  Counters counters;
  HostSessions host_sessions;
  StoreWatch watch(network, counters);
  storage::StoreOptions store_options = StoreOptionsOf(config);
  store_options.on_problem = [&watch](const absl::Status& problem) { watch.Hear(problem); };
  if (SpaceWatch::MakeRoomToOpen(config.store.store_dir, config.space)) {
    spdlog::warn("space: the reserve was given back, to open the store on a full disk");
  }
  const auto store = storage::EventStore::Open(config.store.store_dir, store_options);
  if (!store.ok()) {
    spdlog::error("{}", Text(store.status()));
    return EXIT_FAILURE;
  }

  Committer committer(network, **store, counters, CommitterOptions());

  OwnRecords own_records(committer, config.identity);
  committer.OnDamage([&own_records](const std::string& damage) {
    spdlog::error("journal damaged, all before the damage is kept: {}", damage);
    own_records.StoreDamaged(damage);
  });
  watch.TellTo(&own_records);
  own_records.Start();

  Quotas quotas(counters);
  absl::StatusOr<QuotaRules> quota_rules = QuotaRules::Read(config.quotas);
  if (!quota_rules.ok()) {
    spdlog::error("{}", Text(quota_rules.status()));
    return EXIT_FAILURE;
  }
  quotas.SetRules(*std::move(quota_rules));
  quotas.OnDayPassed(TellOfQuotas(own_records));

  absl::StatusOr<std::optional<storage::RetentionPolicy>> policy =
      ReadRetentionFile(config.store.retention_file);
  if (!policy.ok()) {
    spdlog::error("{}", Text(policy.status()));
    return EXIT_FAILURE;
  }
  std::optional<RetentionKeeper> retention;
  retention.emplace(**store, RetentionKeeperOptions(),
                    TellOfDeletions(network, own_records, counters));
  retention->SetPolicy(*std::move(policy));

  SpaceWatch space(
      network, committer, own_records, counters, config.store.store_dir, config.space,
      {.drop_oldest = [&](uint64_t bytes,
                          auto done) { retention->DropOldest(bytes, std::move(done)); },
       .seal = [&] { committer.RunBetweenCommits(SealStore); },
       .store_bytes = [&] { return (*store)->Activity().table_bytes; }});
  committer.OnWrite([&space](const absl::Status& result) { space.Hear(result); });
  watch.TellTo([&space](const absl::Status& problem) { space.Hear(problem); });
  space.Start();

  Listener listener(
      network, committer, own_records, counters, host_sessions, quotas,
      [&store] { return (*store)->NextConnection(); }, config.listener, limits);
  const absl::Status listening = listener.Start();
  if (!listening.ok()) {
    spdlog::error("{}", Text(listening));
    return EXIT_FAILURE;
  }

  Control* control_of_signals = nullptr;  // Set before the network runs, where actions are taken.
  ApiServer api(network, **store, committer, own_records, counters, host_sessions, quotas,
                config.api, ApiLimits(),
                {.fill_status = [&](auto* status) { control_of_signals->FillStatus(status); },
                 .state_file = [&] { return control_of_signals->State(); },
                 .stop = [] { std::raise(SIGTERM); },
                 .backup_dir = [&] { return control_of_signals->backup_dir(); },
                 .retention_policy = [&] { return retention->policy(); },
                 .apply_retention = [&] { return retention->ApplySoon(); },
                 .reload = [&] { return control_of_signals->Reload(); },
                 .seal = [&] { control_of_signals->Seal(); },
                 .set_suspended = [&](bool it_is) { control_of_signals->SetSuspended(it_is); },
                 .is_suspended = [&] { return committer.is_suspended(); }});
  const absl::Status serving = api.Start();
  if (!serving.ok()) {
    spdlog::error("{}", Text(serving));
    return EXIT_FAILURE;
  }

  Control control(network, arguments.config_file, config, **store, committer, *retention, space,
                  own_records, quotas, listener, api, counters);
  control_of_signals = &control;
  asio::co_spawn(network, control.HandleSignals(), EndProcessOnError);
  for (const auto& endpoint : api.endpoints()) {
    spdlog::info("api address={} port={}", endpoint.address().to_string(), endpoint.port());
  }
  for (const auto& endpoint : api.json_endpoints()) {
    spdlog::info("api_json address={} port={}", endpoint.address().to_string(), endpoint.port());
  }
  LogEndpoints("ready", listener);

  network.run();
  retention.reset();
  network.restart();
  network.poll();  // What it has deleted is told.
  committer.Stop();
  network.restart();
  network.poll();  // The last commits report to the counters.
  spdlog::info("stopped {}", ToText(MetricsOf(counters)));
  return control.in_good_order() ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

}  // namespace server

int main(int argc, char** argv) {
  server::Arguments arguments;
  CLI::App app("Collects the audit records of a fleet: see auspexd(8)", "auspexd");
  app.add_option("--config", arguments.config_file, "The configuration, in auditd.conf's syntax")
      ->capture_default_str();
  app.add_flag("--check-config", arguments.check_config,
               "Say of each key whether it is honoured, without meaning here, or wrong, and exit");
  app.set_version_flag("--version", "auspexd " AUSPEX_VERSION);
  CLI11_PARSE(app, argc, argv);

  base::StartLog();
  server::PrepareGrpc();
  std::signal(SIGPIPE, SIG_IGN);  // Who reads our log may go away; we stay.
  try {
    return server::Run(arguments);
  } catch (const std::exception& error) {
    spdlog::critical("unexpected: {}", error.what());
    return EXIT_FAILURE;
  }
}
