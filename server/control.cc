#include "server/control.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <unistd.h>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.h"
#include "server/metrics.h"

namespace server {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using base::Text;

// How long a stop may take in all, in seconds: a disk or a DNS that hangs must not keep the
// process. The alarm ends it, and not in good order.
constexpr unsigned kStopSecondsMax = 60;

absl::Status FirstWrong(const ParsedConfig& parsed) {
  const auto wrong = std::ranges::find(parsed.findings, Verdict::kWrong, &Finding::verdict);
  return absl::InvalidArgumentError(FormatFinding(parsed, *wrong));
}

void LogIfOther(const std::vector<tcp::endpoint>& endpoints,
                const std::vector<tcp::endpoint>& before, const char* what) {
  if (endpoints == before) return;
  LogEndpoints(what, endpoints);
  if (endpoints.empty()) spdlog::info("{} closed", what);
}

}  // namespace

storage::StoreOptions StoreOptionsOf(const Config& config) {
  return {.flush = config.store.flush,
          .flush_records = config.store.freq,
          .open_bytes_max = size_t{config.store.open_blocks_memory} << 20,
          .seal_age = std::chrono::seconds(config.store.open_blocks_age)};
}

void LogWrong(const ParsedConfig& parsed) {
  for (const Finding& finding : parsed.findings) {
    if (finding.verdict == Verdict::kWrong) spdlog::error("{}", FormatFinding(parsed, finding));
  }
}

void LogEndpoints(const char* what, const std::vector<tcp::endpoint>& endpoints) {
  for (const tcp::endpoint& endpoint : endpoints) {
    spdlog::info("{} address={} port={}", what, endpoint.address().to_string(), endpoint.port());
  }
}

void LogEndpoints(const char* what, const Listener& listener) {
  LogEndpoints(what, listener.endpoints());
  if (listener.endpoints().empty()) spdlog::warn("{} without a network listener", what);
}

void LogWeakFlush(storage::Flush flush) {
  if (flush == storage::Flush::kSync || flush == storage::Flush::kData) return;
  spdlog::warn("flush is weaker than SYNC: what is acknowledged can be lost when the power fails");
}

void SealStore(storage::EventStore& store) {
  const absl::Status sealed = store.Seal();
  if (!sealed.ok()) spdlog::error("seal failed: {}", Text(sealed));
}

Control::Control(const Collector& collector, const std::string& config_file, const Config& config)
    : collector_(collector),
      config_file_(config_file),
      config_(config),
      state_report_({.config = config_,
                     .store = collector_.store,
                     .committer = collector_.committer,
                     .counters = collector_.counters,
                     .metrics = [this] { return collector_.api.Metrics(); },
                     .endpoints = [this] { return Endpoints(); },
                     .policies = [this](auto* status) { FillPolicies(status); }}),
      report_timer_(collector_.network),
      signals_(collector_.network, SIGTERM, SIGINT, SIGHUP) {
  for (const int signal : {SIGUSR1, SIGUSR2, SIGCONT}) signals_.add(signal);
  WriteStateAtIntervals();
}

asio::awaitable<void> Control::HandleSignals() {
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
        spdlog::info("state {}", ToText(collector_.api.Metrics()));
        WriteState(kStateHosts);
        break;
      default:
        EndAtOnceOnNextSignal();
        co_await Stop();
        co_return;
    }
  }
}

// All that can fail comes before all that changes something.
absl::Status Control::Reload() {
  if (is_stopping_) return absl::UnavailableError("the collector is stopping");
  collector_.service.BeginReload();
  const absl::Cleanup reloaded = [this] { collector_.service.EndReload(); };
  const absl::StatusOr<ParsedConfig> parsed = ReadConfigFile(config_file_);
  if (!parsed.ok()) return RefuseReload(parsed.status());
  if (!parsed->ok()) {
    LogWrong(*parsed);
    return RefuseReload(FirstWrong(*parsed));
  }
  const Config& config = parsed->config;
  absl::StatusOr<std::optional<storage::RetentionPolicy>> retention =
      ReadRetentionFile(config.store.retention_file);
  if (!retention.ok()) return RefuseReload(retention.status());
  absl::StatusOr<QuotaRules> quotas = QuotaRules::Read(config.quotas);
  if (!quotas.ok()) return RefuseReload(quotas.status());
  absl::StatusOr<ApiServer::Change> api = collector_.api.Prepare(config.api);
  if (!api.ok()) return RefuseReload(api.status());
  absl::StatusOr<Listening::Move> listening = collector_.listener.Prepare(config.listener);
  if (!listening.ok()) return RefuseReload(listening.status());

  Use(config);
  collector_.quotas.SetRules(*std::move(quotas));
  collector_.retention.SetPolicy(*std::move(retention));
  Move(*std::move(api), *std::move(listening));
  collector_.own_records.Reconfigured(true);
  spdlog::info("reloaded {}", config_file_);
  return absl::OkStatus();
}

void Control::Seal() { collector_.committer.RunBetweenCommits(SealStore); }

void Control::SetSuspended(bool suspended) {
  if (!suspended) collector_.space.Resume();
  if (suspended == collector_.committer.is_suspended_by_admin()) return;
  collector_.committer.SetSuspended(suspended);
  if (!suspended) collector_.own_records.Resumed();
  spdlog::warn(suspended ? "suspended: nothing is taken in" : "resumed");
}

absl::Status Control::RefuseReload(const absl::Status& why) {
  collector_.own_records.Reconfigured(false);
  spdlog::error("reload failed, the old configuration stays: {}", Text(why));
  return why;
}

std::vector<NamedEndpoint> Control::Endpoints() const {
  std::vector<NamedEndpoint> endpoints;
  for (const auto& endpoint : collector_.listener.endpoints()) {
    endpoints.push_back({"audisp-remote", endpoint});
  }
  for (const auto& endpoint : collector_.api.endpoints()) endpoints.push_back({"api", endpoint});
  for (const auto& endpoint : collector_.api.json_endpoints())
    endpoints.push_back({"json", endpoint});
  return endpoints;
}

void Control::FillPolicies(auspex::v1::StatusResponse* status) const {
  const std::optional<storage::RetentionPolicy> policy = collector_.retention.policy();
  if (policy) {
    for (const storage::RetentionRule& rule : policy->rules) {
      status->add_retention_rules(storage::ToText(rule));
    }
  }
  const absl::StatusOr<std::vector<storage::Hold>> holds = collector_.store.Holds();
  if (holds.ok()) status->set_holds(holds->size());
  collector_.space.Fill(status);
}

// The disk may take its time, and sessions must not wait for it.
void Control::WriteState(uint32_t largest_hosts) {
  asio::post(state_writer_, [file = State(largest_hosts), &store = collector_.store] {
    const absl::Status written = Write(file, store, {});
    if (!written.ok()) spdlog::error("state_file: {}", Text(written));
  });
}

// Also begins anew, with another interval.
void Control::WriteStateAtIntervals() {
  report_timer_.cancel();
  if (config_.state.report_interval_s == 0) return;
  report_timer_.expires_after(std::chrono::seconds(config_.state.report_interval_s));
  report_timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (cancelled) return;
    WriteState(0);  // Who looks at all blocks again and again has nothing else to do soon.
    WriteStateAtIntervals();
  });
}

// Takes what can be taken at once, and needs nothing that could fail.
void Control::Use(const Config& config) {
  const std::string store_dir = config_.store.store_dir;
  if (config.store.store_dir != store_dir) {
    spdlog::warn("reload: store_dir stays {} until a restart", store_dir);
  }
  const DaemonIdentity identity = config_.identity;
  const SpaceOptions space = config_.space;
  config_ = config;
  config_.store.store_dir = store_dir;
  if (config_.space != space) collector_.space.Use(config_.space);
  if (config_.identity != identity) collector_.own_records.SetIdentity(config_.identity);
  collector_.committer.RunBetweenCommits(
      [options = StoreOptionsOf(config_)](storage::EventStore& store) {
        store.SetFlush(options.flush, options.flush_records);
        store.SetSealing(options.open_bytes_max, options.seal_age);
      });
  LogWeakFlush(config_.store.flush);
  WriteStateAtIntervals();
}

void Control::Move(ApiServer::Change api, Listening::Move listening) {
  const std::vector<tcp::endpoint> endpoints = collector_.listener.endpoints();
  const std::vector<tcp::endpoint> api_endpoints = collector_.api.endpoints();
  const std::vector<tcp::endpoint> json_endpoints = collector_.api.json_endpoints();
  collector_.api.Take(std::move(api));
  collector_.listener.Take(config_.listener, std::move(listening));
  LogIfOther(collector_.api.endpoints(), api_endpoints, "api");
  LogIfOther(collector_.api.json_endpoints(), json_endpoints, "api_json");
  if (collector_.listener.endpoints() != endpoints) LogEndpoints("listening", collector_.listener);
}

// Only a second TERM or INT counts: systemd sends CONT after each TERM.
void Control::EndAtOnceOnNextSignal() {
  signals_.async_wait([this](const boost::system::error_code& cancelled, int signal) {
    if (cancelled) return;
    if (signal != SIGTERM && signal != SIGINT) return EndAtOnceOnNextSignal();
    spdlog::error("second signal: ending at once");
    std::_Exit(EXIT_FAILURE);
  });
}

asio::awaitable<void> Control::Stop() {
  is_stopping_ = true;
  alarm(kStopSecondsMax);
  collector_.service.Stopping();
  spdlog::info("stopping sessions={} streams={}", collector_.listener.session_count(),
               collector_.counters.streams_open);
  const bool api_in_good_order = co_await collector_.api.Stop();
  const bool listener_in_good_order = co_await collector_.listener.Stop();
  in_good_order_ = api_in_good_order && listener_in_good_order;
  collector_.own_records.End();
  collector_.space.Stop();
  report_timer_.cancel();
  collector_.network.stop();
}

}  // namespace server
