#include "server/state_report.h"

#include <algorithm>
#include <functional>
#include <tuple>
#include <utility>

#include "api/host_message.h"
#include "api/status_text.h"
#include "base/clock.h"
#include "base/new_file.h"
#include "server/config_keys.h"

namespace server {

namespace {

using auspex::v1::StatusResponse;

void Fill(const Histogram& latency_us, StatusResponse::Duration* duration) {
  const uint64_t count = latency_us.count();
  duration->set_count(count);
  duration->set_half_us(latency_us.BoundOf(0.5));
  duration->set_most_us(latency_us.BoundOf(0.99));
  duration->set_mean_us(count == 0 ? 0 : latency_us.sum() / count);
}

void FillCommits(const Counters& counters, StatusResponse::Duration* duration) {
  duration->set_count(counters.commits_total);
  if (counters.commits_total == 0) return;
  duration->set_mean_us(counters.commit_us_total / counters.commits_total);
  duration->set_longest_us(counters.commit_us_max);
}

void FillStore(const storage::EventStore& store, const Config& config,
               StatusResponse::Store* message) {
  const storage::StoreActivity activity = store.Activity();
  message->set_directory(config.store.store_dir);
  message->set_is_open(store.is_open());
  message->set_table_bytes(activity.table_bytes);
  message->set_open_bytes(activity.open_bytes);
  message->set_open_hosts(activity.open_hosts);
  message->set_open_records(activity.open_records);
}

}  // namespace

StateReport::StateReport(Sources sources)
    : sources_(std::move(sources)), started_ms_(base::NowMs()) {}

void StateReport::Fill(StatusResponse* status) const {
  const Counters& counters = sources_.counters;
  status->set_version(AUSPEX_VERSION);
  status->set_started_ms(started_ms_);
  status->set_now_ms(base::NowMs());
  status->set_suspended(sources_.committer.is_suspended());
  status->set_suspended_by_admin(sources_.committer.is_suspended_by_admin());
  for (const auto& [name, endpoint] : sources_.endpoints()) {
    StatusResponse::Listener& listener = *status->add_listeners();
    listener.set_name(name);
    listener.set_address(endpoint.address().to_string());
    listener.set_port(endpoint.port());
  }
  status->set_sessions(counters.sessions_open);
  status->set_streams(counters.streams_open);
  status->set_records_per_second(sources_.committer.records_per_second());
  server::Fill(sources_.committer.latency_us(), status->mutable_acknowledgements());
  FillCommits(counters, status->mutable_commits());
  FillStore(sources_.store, sources_.config, status->mutable_store());
  for (const HonouredKey& key : HonouredKeys()) {
    StatusResponse::Setting& setting = *status->add_settings();
    setting.set_name(std::string(key.name));
    setting.set_value(key.show(sources_.config));
  }
  if (sources_.policies) sources_.policies(status);
  for (Metric& metric : sources_.metrics()) {
    StatusResponse::Counter& counter = *status->add_counters();
    counter.set_name(std::move(metric.name));
    counter.set_value(metric.value);
  }
}

StateFile StateReport::File(uint32_t largest_hosts) const {
  StateFile file{.path = sources_.config.state.state_file, .largest_hosts = largest_hosts};
  Fill(&file.status);
  return file;
}

absl::Status FillHosts(const storage::EventStore& store, uint32_t largest_hosts,
                       std::stop_token stop, StatusResponse* status) {
  absl::StatusOr<storage::HostList> list =
      store.ListHosts({.with_contents = largest_hosts > 0, .stop = std::move(stop)});
  if (!list.ok()) return list.status();
  std::vector<storage::ListedHost>& hosts = list->hosts;
  status->set_hosts(hosts.size());
  storage::Losses losses;
  for (const storage::ListedHost& host : hosts) {
    if (host.losses) storage::AddLosses(*host.losses, &losses);
  }
  api::Fill(losses, status->mutable_losses());
  std::ranges::stable_sort(hosts, std::greater<>(), [](const storage::ListedHost& host) {
    return host.contents ? host.contents->bytes : 0;
  });
  hosts.resize(std::min<size_t>(hosts.size(), largest_hosts));
  for (const storage::ListedHost& host : hosts) api::Fill(host, status->add_largest_hosts());
  return absl::OkStatus();
}

absl::Status Write(StateFile file, const storage::EventStore& store, std::stop_token stop) {
  // How it is doing is asked for all the more when the store cannot be read.
  std::ignore = FillHosts(store, file.largest_hosts, std::move(stop), &file.status);
  return base::WriteNewFile(file.path, api::StatusText(file.status),
                            {.mode = 0640, .replaces = true});
}

}  // namespace server
