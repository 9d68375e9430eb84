#include "server/api/api_server.h"

#include <sstream>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include <boost/asio/async_result.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/util/json_util.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_posix.h>

#include "base/tls13.h"
#include "pki/authority.h"
#include "server/api/grpc_log.h"
#include "server/host_metrics.h"

namespace server {

namespace {

namespace asio = boost::asio;
using grpc::experimental::FileWatcherCertificateProvider;
using grpc::experimental::TlsServerCredentialsOptions;
using std::chrono::milliseconds;

// A connection that has not shown who it is within this is closed.
constexpr milliseconds kHandshakeTime{10'000};

// As the listener's keepalive: two minutes to notice a dead peer.
constexpr milliseconds kKeepaliveTime{60'000};
constexpr milliseconds kKeepaliveTimeout{60'000};

// Calls at once over one connection. An agent has one.
constexpr int kCallsPerConnectionMax = 100;

// What gRPC reads of a stream ahead of what we take. By itself it would read megabytes ahead of
// each of a thousand agents. With a round trip of 100 ms it still lets an agent send ten thousand
// records a second.
constexpr int kLookaheadBytes = 256 << 10;

// What gRPC itself may hold for all connections: as far as it keeps to it.
constexpr size_t kMemoryMax = size_t{256} << 20;

std::shared_ptr<grpc::ServerCredentials> TlsCredentials(const TlsFiles& files,
                                                        std::chrono::seconds refresh,
                                                        bool needs_certificate) {
  TlsServerCredentialsOptions options(std::make_shared<FileWatcherCertificateProvider>(
      files.key, files.certificate, files.ca, static_cast<unsigned>(refresh.count())));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(needs_certificate
                                    ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                                    : GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY);
  return grpc::experimental::TlsServerCredentials(options);
}

CallLimits LimitsOf(CallLimits limits, const ApiOptions& options) {
  limits.time_max = std::chrono::seconds(options.max_time_s);
  return limits;
}

std::string InvitationsOf(const ApiOptions& options) {
  return options.enroll_ca.empty() ? "" : options.enroll_ca + "/invitations";
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
      credential_files_(credentials_, {.tokens = options.token_file,
                                       .invitations = InvitationsOf(options),
                                       .revoked = options.crl_file,
                                       .ca = options.tls.ca}),
      ingest_(network, committer, own_records, counters, host_sessions, quotas, grpc_callers_,
              limits.ingest),
      calls_(callers_, LimitsOf(limits.calls, options),
             [this](const EndedCall& call) { Record(call); }),
      query_methods_(store, limits.query),
      admin_methods_(network, store, actions),
      store_methods_(network, store, actions),
      enroll_methods_(options.enroll_ca),
      local_socket_(
          network, local_callers_, options.socket,
          [this](int descriptor) { grpc::AddInsecureChannelFromFd(server_.get(), descriptor); }),
      json_door_({.calls = calls_,
                  .callers = callers_,
                  .methods = methods_,
                  .network = network,
                  .metrics = [this] { return PrometheusText(); },
                  .host_metrics = [this] { return HostMetricsText(); },
                  .reason_not_ready = [this] { return ReasonNotReady(); },
                  .origins = options.api_json_origins},
                 options, limits.json, limits.tls_refresh) {
  methods_.Add(query_methods_.All());
  methods_.Add(admin_methods_.All());
  methods_.Add(store_methods_.All());
  if (!options.enroll_ca.empty()) methods_.Add(enroll_methods_.All());
}

ApiServer::~ApiServer() = default;

absl::Status ApiServer::Start() {
  const bool has_grpc = options_.api_listen_port || !options_.socket.path.empty();
  if (!has_grpc && !options_.api_json_port) return absl::OkStatus();
  const absl::Status readable = ReloadAccess();
  if (!readable.ok()) return readable;
  if (!options_.enroll_ca.empty()) {
    const absl::Status usable = pki::Authority::Open(options_.enroll_ca).status();
    if (!usable.ok()) return usable;
  }
  if (has_grpc) {
    const absl::Status started = StartGrpc();
    if (!started.ok()) return started;
  }
  const absl::Status open = json_door_.Start();
  if (!open.ok()) return open;
  credential_files_.Watch(
      limits_.credential_refresh, [this] { asio::post(network_, [this] { EndRevoked(); }); },
      [](const absl::Status& status) {
        spdlog::error("what was read before holds: {}", std::string(status.message()));
      });
  return absl::OkStatus();
}

absl::Status ApiServer::StartGrpc() {
  grpc::ServerBuilder builder;
  builder.RegisterService(&ingest_);
  builder.RegisterService(&query_service_);
  builder.RegisterService(&admin_service_);
  if (!options_.enroll_ca.empty()) builder.RegisterService(&enroll_service_);
  builder.SetMaxReceiveMessageSize(static_cast<int>(limits_.ingest.batch_bytes_max));
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeTime.count());
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTime.count());
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeout.count());
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kCallsPerConnectionMax);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kLookaheadBytes);
  grpc::ResourceQuota quota("api");
  builder.SetResourceQuota(quota.Resize(kMemoryMax));

  std::vector<asio::ip::address> addresses;
  if (options_.api_listen_port) {
    const absl::Status usable = CheckTlsFiles(options_.tls);
    if (!usable.ok()) return usable;
    addresses = options_.listen_address;
    if (addresses.empty()) addresses.push_back(asio::ip::address_v6::any());
  }
  // Who has a token, or is invited, has no certificate.
  const bool needs_certificate = options_.token_file.empty() && options_.enroll_ca.empty();
  std::vector<int> ports(addresses.size());
  for (size_t i = 0; i < addresses.size(); ++i) {
    const asio::ip::tcp::endpoint endpoint(addresses[i], *options_.api_listen_port);
    builder.AddListeningPort((std::ostringstream() << endpoint).str(),
                             TlsCredentials(options_.tls, limits_.tls_refresh, needs_certificate),
                             &ports[i]);
  }
  server_ = builder.BuildAndStart();
  if (server_ == nullptr && addresses.empty()) return absl::UnavailableError("gRPC does not start");
  for (size_t i = 0; i < addresses.size(); ++i) {
    if (ports[i] == 0 || server_ == nullptr) {
      server_.reset();
      return absl::UnavailableError(
          absl::StrFormat("cannot listen on %s port %d for the API: see the warnings of grpc",
                          addresses[i].to_string(), *options_.api_listen_port));
    }
    endpoints_.emplace_back(addresses[i], static_cast<uint16_t>(ports[i]));
  }
  return local_socket_.Start();
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
  asio::post(network_, [this, record = std::move(record)] { own_records_.Called(record); });
}

absl::Status ApiServer::ReloadAccess() {
  absl::Status loaded = LoadAccess();
  loaded.Update(credential_files_.Load());
  EndRevoked();
  return loaded;
}

absl::Status ApiServer::LoadAccess() {
  AccessRules rules;
  if (!options_.access_file.empty()) {
    absl::StatusOr<AccessRules> read = AccessRules::ReadFile(options_.access_file);
    if (!read.ok()) return read.status();
    rules = *std::move(read);
  }
  access_.Replace(std::move(rules));
  return absl::OkStatus();
}

void ApiServer::EndRevoked() {
  ingest_.EndRevoked();
  calls_.EndRevoked();
}

asio::awaitable<bool> ApiServer::Stop() {
  is_stopping_ = true;
  local_socket_.Stop();
  credential_files_.StopWatching();
  const bool in_good_order = co_await ingest_.Stop();
  // Waits for calls, the JSON door and gRPC's threads, which may wait for the network: so it has a
  // thread of its own.
  const auto shut_down = [this](auto handler) {
    std::thread([this, handler = std::move(handler)]() mutable {
      calls_.Stop();
      json_door_.Stop();
      if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
      asio::post(network_, [handler = std::move(handler)]() mutable { std::move(handler)(); });
    }).detach();
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(shut_down,
                                                                        asio::use_awaitable);
  server_.reset();
  co_return in_good_order;
}

}  // namespace server
