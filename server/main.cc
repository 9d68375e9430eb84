// auspexd: the collector. See auspexd(8).

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <optional>
#include <string>
#include <sys/resource.h>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "base/log.h"
#include "server/api/api_server.h"
#include "server/committer.h"
#include "server/config.h"
#include "server/control.h"
#include "server/counters.h"
#include "server/end_process.h"
#include "server/host_sessions.h"
#include "server/listener.h"
#include "server/metrics.h"
#include "server/own_records.h"
#include "server/passed_sockets.h"
#include "server/quotas.h"
#include "server/retention_keeper.h"
#include "server/service_notify.h"
#include "server/space/space_watch.h"
#include "server/status_line.h"
#include "server/store_watch.h"
#include "storage/event_store.h"

namespace server {

namespace {

namespace asio = boost::asio;
using base::Text;

constexpr char kDefaultConfig[] = "/etc/auspex/auspexd.conf";

// What RocksDB, the log and the programs of libwrap need beside the clients.
constexpr size_t kFilesReserved = 700;

struct Arguments {
  std::string config_file = kDefaultConfig;
  bool check_config = false;
};

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

// What else an admin has written: the files that the configuration names.
struct NamedFiles {
  QuotaRules quotas;
  std::optional<storage::RetentionPolicy> retention;
};

absl::StatusOr<NamedFiles> ReadNamedFiles(const Config& config) {
  absl::StatusOr<QuotaRules> quotas = QuotaRules::Read(config.quotas);
  if (!quotas.ok()) return quotas.status();
  absl::StatusOr<std::optional<storage::RetentionPolicy>> retention =
      ReadRetentionFile(config.store.retention_file);
  if (!retention.ok()) return retention.status();
  return NamedFiles{*std::move(quotas), *std::move(retention)};
}

int CheckConfig(const ParsedConfig& parsed) {
  std::cout << FormatReport(parsed);
  const absl::Status named = ReadNamedFiles(parsed.config).status();
  if (!named.ok()) std::cout << "wrong: " << Text(named) << '\n';
  return parsed.ok() && named.ok() ? EXIT_SUCCESS : EXIT_FAILURE;
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

std::function<void(std::function<void()>)> AskCommitter(Committer& committer) {
  return [&committer](std::function<void()> answer) {
    committer.RunBetweenCommits(
        [answer = std::move(answer)](storage::EventStore& /*store*/) { answer(); });
  };
}

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
  absl::StatusOr<NamedFiles> named = ReadNamedFiles(config);
  if (!named.ok()) {
    spdlog::error("{}", Text(named.status()));
    return EXIT_FAILURE;
  }
  absl::StatusOr<std::vector<PassedSocket>> sockets = TakePassedSockets();
  if (!sockets.ok()) {
    spdlog::error("{}", Text(sockets.status()));
    return EXIT_FAILURE;
  }
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
  quotas.SetRules(std::move(named->quotas));
  quotas.OnDayPassed(TellOfQuotas(own_records));

  std::optional<RetentionKeeper> retention;
  retention.emplace(**store, RetentionKeeperOptions(),
                    TellOfDeletions(network, own_records, counters));
  retention->SetPolicy(std::move(named->retention));

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
  const absl::Status listening = listener.Start(*std::move(sockets));
  if (!listening.ok()) {
    spdlog::error("{}", Text(listening));
    return EXIT_FAILURE;
  }

  Control* control_of_signals = nullptr;  // Set before the network runs, where actions are taken.
  ApiServer api(network, **store, committer, own_records, counters, host_sessions, quotas,
                config.api, ApiLimits(),
                {.fill_status = [&](auto* status) { control_of_signals->FillStatus(status); },
                 .state_file = [&] { return control_of_signals->State(kStateHosts); },
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

  ServiceNotify service(network, {.ask_committer = AskCommitter(committer), .status = [&] {
                                    return StatusLine(counters, committer.records_per_second());
                                  }});
  Control control({.network = network,
                   .store = **store,
                   .committer = committer,
                   .retention = *retention,
                   .space = space,
                   .own_records = own_records,
                   .quotas = quotas,
                   .listener = listener,
                   .api = api,
                   .service = service,
                   .counters = counters},
                  arguments.config_file, config);
  control_of_signals = &control;
  asio::co_spawn(network, control.HandleSignals(), EndProcessOnError);
  LogEndpoints("api", api.endpoints());
  LogEndpoints("api_json", api.json_endpoints());
  LogEndpoints("ready", listener);
  service.Ready();

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
