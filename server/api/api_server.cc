#include "server/api/api_server.h"

#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/util/json_util.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>

#include "base/log.h"
#include "base/tls13.h"
#include "pki/authority.h"
#include "server/api/grpc_log.h"
#include "server/host_metrics.h"

namespace server {

namespace {

namespace asio = boost::asio;

bool IsOpen(const ApiOptions& options) {
  return options.api_listen_port || options.api_json_port || !options.socket.path.empty();
}

std::string InvitationsOf(const ApiOptions& options) {
  return options.enroll_ca.empty() ? "" : options.enroll_ca + "/invitations";
}

CredentialPaths PathsOf(const ApiOptions& options) {
  CredentialPaths paths{.tokens = options.token_file,
                        .invitations = InvitationsOf(options),
                        .revoked = options.crl_file,
                        .ca = options.tls.ca};
  if (options.api_listen_port || options.api_json_port) paths.tls = options.tls;
  return paths;
}

ListeningPlace PlaceOf(const ApiOptions& options, std::optional<uint16_t> port) {
  return {.addresses = options.listen_address, .port = port};
}

absl::StatusOr<AccessRules> ReadAccess(const std::string& path) {
  if (path.empty()) return AccessRules();
  return AccessRules::ReadFile(path);
}

}  // namespace

void PrepareGrpc() {
  base::AllowTls13Only();
  TakeGrpcLog();
  google::protobuf::SetLogHandler(nullptr);  // It tells of what is on the wire.
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
}

ApiServer::ApiServer(asio::io_context& network, storage::EventStore& store, Committer& committer,
                     OwnRecords& own_records, Counters& counters, HostSessions& host_sessions,
                     Quotas& quotas, const ApiOptions& options, const ApiLimits& limits,
                     AdminActions actions)
    : network_(network),
      store_(store),
      committer_(committer),
      own_records_(own_records),
      counters_(counters),
      host_sessions_(host_sessions),
      options_(options),
      limits_(limits),
      is_suspended_(actions.is_suspended),
      credential_files_(credentials_),
      ingest_(network, committer, own_records, counters, host_sessions, quotas, grpc_callers_,
              limits.ingest),
      calls_(callers_, limits.calls, [this](const EndedCall& call) { Record(call); }),
      query_methods_(store, limits.query),
      admin_methods_(network, store, actions),
      store_methods_(network, store, actions),
      grpc_options_({.services = {&ingest_, &query_service_, &admin_service_, &enroll_service_},
                     .message_bytes_max = static_cast<int>(limits.ingest.batch_bytes_max)}),
      port_(network, grpc_options_),
      local_socket_(network, local_callers_,
                    [this](int descriptor) { local_server_->ServeLocal(descriptor); }),
      json_door_({.calls = calls_,
                  .callers = callers_,
                  .methods = methods_,
                  .network = network,
                  .metrics = [this] { return PrometheusText(); },
                  .host_metrics = [this] { return HostMetricsText(); },
                  .reason_not_ready = [this] { return ReasonNotReady(); },
                  .origins = {}},
                 limits.json) {
  methods_.Add(query_methods_.All());
  methods_.Add(admin_methods_.All());
  methods_.Add(store_methods_.All());
  methods_.Add(enroll_methods_.All());
}

ApiServer::~ApiServer() = default;

absl::Status ApiServer::Start() {
  absl::StatusOr<Change> change = Prepare(options_);
  if (!change.ok()) return change.status();
  Take(*std::move(change));
  return absl::OkStatus();
}

absl::StatusOr<ApiServer::Change> ApiServer::Prepare(const ApiOptions& options) {
  Change change;
  change.options_ = options;
  // Where nobody could ever ask, it does not matter what the files say.
  if (IsOpen(options) || is_watching_) {
    absl::StatusOr<AccessRules> access = ReadAccess(options.access_file);
    if (!access.ok()) return access.status();
    change.access_ = *std::move(access);
    absl::StatusOr<CredentialContents> credentials = CredentialFiles::Read(PathsOf(options));
    if (!credentials.ok()) return credentials.status();
    change.credentials_ = *std::move(credentials);
    if (!options.enroll_ca.empty()) {
      const absl::Status usable = pki::Authority::Open(options.enroll_ca).status();
      if (!usable.ok()) return usable;
    }
  }
  const std::optional<TlsMaterial>& tls = change.credentials_.tls;
  if (!options.socket.path.empty() && local_server_ == nullptr) {
    auto server = GrpcServer::Start(grpc_options_);
    if (!server.ok()) return server.status();
    change.local_server_ = *std::move(server);
  }
  auto socket = local_socket_.Prepare(options.socket);
  if (!socket.ok()) return socket.status();
  change.socket_ = *std::move(socket);
  auto port =
      port_.Prepare({.place = PlaceOf(options, options.api_listen_port),
                     // Who has a token, or is invited, has no certificate.
                     .needs_certificate = options.token_file.empty() && options.enroll_ca.empty(),
                     .tls = tls});
  if (!port.ok()) return port.status();
  change.port_ = *std::move(port);
  auto json = json_door_.Prepare({.place = PlaceOf(options, options.api_json_port),
                                  .origins = options.api_json_origins,
                                  .tls = tls});
  if (!json.ok()) return json.status();
  change.json_ = *std::move(json);
  return change;
}

void ApiServer::Take(Change change) {
  options_ = std::move(change.options_);
  access_.Replace(std::move(change.access_));
  credential_files_.Use(std::move(change.credentials_));
  enroll_methods_.SetAuthority(options_.enroll_ca);
  calls_.SetTimeMax(std::chrono::seconds(options_.max_time_s));
  if (change.local_server_ != nullptr) local_server_ = std::move(change.local_server_);
  local_socket_.Take(std::move(change.socket_));
  port_.Take(std::move(change.port_));
  json_door_.Take(std::move(change.json_));
  EndRevoked();
  if (IsOpen(options_) && !std::exchange(is_watching_, true)) WatchCredentials();
}

void ApiServer::WatchCredentials() {
  credential_files_.Watch(limits_.credential_refresh,
                          {.changed = [this] { asio::post(network_, [this] { EndRevoked(); }); },
                           .tls_changed = [this] { asio::post(network_, [this] { ShowTls(); }); },
                           .failed =
                               [](const absl::Status& status) {
                                 spdlog::error("what was read before holds: {}",
                                               std::string(status.message()));
                               }});
}

// It was found good when it was read.
void ApiServer::ShowTls() {
  const std::optional<TlsMaterial> tls = credential_files_.tls();
  if (!tls || is_stopping_) return;
  const absl::StatusOr<GrpcTls::Files> files = GrpcTls::Write(*tls);
  if (files.ok()) {
    port_.Replace(*files);
  } else {
    spdlog::error("the old certificate is shown: {}", base::Text(files.status()));
  }
  json_door_.Replace(*tls);
}

std::vector<Metric> ApiServer::Metrics() const {
  std::vector<Metric> metrics = MetricsOf(counters_);
  for (const std::vector<Metric>& more :
       {MetricsOf(calls_.counters()), MetricsOfGrpc(), MetricsOf(json_door_.counters()),
        MetricsOf(store_.Activity())}) {
    metrics.insert(metrics.end(), more.begin(), more.end());
  }
  return metrics;
}

std::string ApiServer::PrometheusText() const {
  std::string text;
  AppendPrometheus(Metrics(), &text);
  AppendPrometheus("auspexd_ack_seconds", "from a delivery to its acknowledgement",
                   committer_.latency_us(), 1e-6, &text);
  AppendPrometheus("auspexd_commit_records", "records stored by one write",
                   committer_.records_of_commits(), 1, &text);
  return text;
}

std::string ApiServer::HostMetricsText() const {
  std::string text;
  const storage::ActiveHosts active = store_.WhoIsActive(kHostsToldMax);
  AppendPrometheus(MetricsOf(active.hosts, host_sessions_), active.more, &text);
  return text;
}

std::string ApiServer::ReasonNotReady() {
  if (is_stopping_) return "the collector is stopping";
  if (is_suspended_()) return "the collector is suspended";
  if (store_.is_open()) return {};
  // Who asks may be what keeps all others away, and then nothing else would have it opened again.
  if (!std::exchange(is_trying_store_, true)) {
    committer_.TryStore([this] { is_trying_store_ = false; });  // The next question tells.
  }
  return "the store is not open after a disk error";
}

// Who looks at audit records, or changes how they are kept, is audited, too.
void ApiServer::Record(const EndedCall& call) {
  const Caller& caller = call.caller;
  const bool is_local = caller.proof == Caller::Proof::kSocket;
  OwnRecords::ApiCall record{.method = std::string(call.method.name),
                             .caller = is_local ? "" : caller.name,
                             .uid = is_local ? absl::StrCat(caller.uid) : "",
                             .address = caller.address,
                             .request = "",
                             .results = call.results,
                             .failure = std::string(call.status.message())};
  if (!call.status.ok() && record.failure.empty()) record.failure = call.status.ToString();
  const auto printed = google::protobuf::util::MessageToJsonString(call.request, &record.request);
  if (!printed.ok()) record.request = "?";
  if (!call.detail.empty()) absl::StrAppend(&record.request, " ", call.detail);
  asio::post(network_, [this, record = std::move(record)] { own_records_.Called(record); });
}

void ApiServer::EndRevoked() {
  ingest_.EndRevoked();
  calls_.EndRevoked();
}

asio::awaitable<bool> ApiServer::Stop() {
  is_stopping_ = true;
  local_socket_.Stop();
  port_.StopAccepting();
  credential_files_.StopWatching();
  const bool in_good_order = co_await ingest_.Stop();
  // Waits for calls, the JSON door and gRPC's threads, which may wait for the network: so it has a
  // thread of its own.
  const auto shut_down = [this](auto handler) {
    std::thread([this, handler = std::move(handler)]() mutable {
      calls_.Stop();
      json_door_.Stop();
      port_.Stop();
      if (local_server_ != nullptr) local_server_->Stop();
      asio::post(network_, [handler = std::move(handler)]() mutable { std::move(handler)(); });
    }).detach();
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(shut_down,
                                                                        asio::use_awaitable);
  co_return in_good_order;
}

}  // namespace server
