// What tests of the API have in common.

#pragma once

#include <fstream>
#include <functional>
#include <future>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include "server/api/api_server.h"
#include "server/state_report.h"
#include "tests/server/api/certificates.h"
#include "tests/storage/open_store.h"
#include "tests/storage/temporary_directory.h"

namespace server {

// gRPC learns once how it is to be.
inline const bool kGrpcIsPrepared = [] {
  PrepareGrpc();
  return true;
}();

// A collector with a store, a CA and the API, on a free port of this machine.
class ApiTest : public testing::Test {
 protected:
  ApiTest() : thread_([this] { network_.run(); }) {}

  ~ApiTest() override {
    Close();
    work_.reset();
    thread_.join();
  }

  void Start() {
    store_ = storage::OpenStore(directory_.path() + "/store", {});
    ASSERT_NE(store_, nullptr);
    committer_.emplace(network_, *store_, counters_, CommitterOptions());
    own_records_.emplace(*committer_, DaemonIdentity());
    StartApi();
  }

  // Again after Stop(), too; on the port that api_port_ is set to.
  void StartApi() {
    const CertificateFiles server = ca_.Issue("server", "/CN=collector", "DNS:localhost");
    const ApiOptions options{
        .listen_address = {boost::asio::ip::address_v4::loopback()},
        .api_listen_port = api_port_,
        .api_json_port = json_port_,
        .api_json_origins = json_origins_,
        .tls = tls_.value_or(TlsFiles{
            .certificate = server.certificate, .key = server.key, .ca = ca_.certificate()}),
        .access_file = access_file_,
        .token_file = token_file_,
        .crl_file = crl_file_,
        .enroll_ca = enroll_ca_,
        .max_time_s = max_time_s_,
        .socket = {.path = socket_path_, .group = socket_group_}};
    config_.api = options;
    config_.state.state_file = directory_.path() + "/state";
    state_report_.emplace(
        StateReport::Sources{.config = config_,
                             .store = *store_,
                             .committer = *committer_,
                             .counters = counters_,
                             .metrics = [this] { return api_->Metrics(); },
                             .endpoints = [] { return std::vector<NamedEndpoint>(); },
                             .policies = {}});
    AdminActions actions = actions_;
    actions.fill_status = [this](auto* status) { state_report_->Fill(status); };
    actions.state_file = [this] { return state_report_->File(1); };
    api_.emplace(network_, *store_, *committer_, *own_records_, counters_, host_sessions_, quotas_,
                 options, limits_, std::move(actions));
    const absl::Status started = OnNetwork<absl::Status>([this] { return api_->Start(); });
    ASSERT_TRUE(started.ok()) << started;
  }

  // As if the collector had been stopped and started again.
  void Restart() {
    Close();
    Start();
  }

  // Sets the rules of access: before the start, or then by a reload.
  void SetAccess(const std::string& text) {
    access_file_ = directory_.path() + "/access";
    std::ofstream(access_file_) << text;
    if (!api_) return;
    const absl::Status reloaded = Reload(config_.api);
    ASSERT_TRUE(reloaded.ok()) << reloaded;
  }

  // Has the API take other options, or read the files again.
  absl::Status Reload(const ApiOptions& options) {
    config_.api = options;
    return OnNetwork<absl::Status>([&] {
      absl::StatusOr<ApiServer::Change> change = api_->Prepare(options);
      if (!change.ok()) return change.status();
      api_->Take(*std::move(change));
      return absl::OkStatus();
    });
  }

  // Whether all calls have ended in good order.
  bool Stop() {
    if (!api_) return true;
    const bool in_good_order =
        boost::asio::co_spawn(network_, api_->Stop(), boost::asio::use_future).get();
    api_.reset();
    return in_good_order;
  }

  // Stops all of it, and closes the store.
  void Close() {
    Stop();
    if (committer_) {
      // What it has posted to the network runs before it goes.
      OnNetwork<int>([this] {
        committer_->Stop();
        return 0;
      });
      for (int task = 0; task < 2; ++task) OnNetwork<int>([] { return 0; });
    }
    committer_.reset();
    own_records_.reset();
    store_.reset();
  }

  uint16_t port() const { return api_->endpoints().front().port(); }

  std::shared_ptr<grpc::Channel> Connect(
      const std::shared_ptr<grpc::ChannelCredentials>& credentials,
      const std::string& server_name = "localhost") const {
    // Without this, channels with the same arguments share a connection.
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    // A client that does not read has room for 64 kB, and no more as time goes by.
    arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    // By the address, since c-ares leaks a few bytes for each name that it looks up.
    arguments.SetSslTargetNameOverride(server_name);
    return grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", port()), credentials, arguments);
  }

  std::shared_ptr<grpc::Channel> ConnectWith(const CertificateFiles& files,
                                             const std::string& server_name = "localhost") const {
    return Connect(grpc::SslCredentials({.pem_root_certs = ReadWhole(ca_.certificate()),
                                         .pem_private_key = ReadWhole(files.key),
                                         .pem_cert_chain = ReadWhole(files.certificate)}),
                   server_name);
  }

  std::shared_ptr<grpc::Channel> ConnectLocally() const {
    return grpc::CreateChannel("unix:" + socket_path_, grpc::InsecureChannelCredentials());
  }

  std::shared_ptr<grpc::Channel> ConnectAs(const std::string& name) const {
    return ConnectWith(ca_.Issue(name, "/CN=" + name));
  }

  template <typename Result>
  Result OnNetwork(std::function<Result()> task) {
    return boost::asio::post(network_, std::packaged_task<Result()>(std::move(task))).get();
  }

  // A counter, as the network thread has it.
  uint64_t Count(uint64_t Counters::*counter) {
    return OnNetwork<uint64_t>([&] { return counters_.*counter; });
  }

  // Stores one event for each serial; its key is "even" or "odd".
  void Deliver(const std::string& host, const std::vector<uint32_t>& serials) {
    std::vector<storage::Delivery> deliveries(1);
    deliveries[0].received_ms = 1626611364000;
    deliveries[0].batches.emplace_back(
        storage::Identity{.kind = storage::IdentityKind::kNode, .name = host}, "192.0.2.7");
    for (const uint32_t serial : serials) {
      deliveries[0].batches[0].Add(
          absl::StrFormat("node=%s type=USER_LOGIN msg=audit(1626611363.%03d:%d): key=\"%s\"%s",
                          host, serial % 1000, serial, serial % 2 == 0 ? "even" : "odd", padding_));
    }
    Store(std::move(deliveries));
  }

  void Store(std::vector<storage::Delivery> deliveries) {
    std::promise<absl::Status> stored;
    committer_->RunBetweenCommits(
        [&](storage::EventStore& store) { stored.set_value(store.Append(deliveries).status()); });
    ASSERT_TRUE(stored.get_future().get().ok());
  }

  // More than gRPC takes off our hands for a reader that does not read.
  static constexpr size_t kMany = 2000;
  void DeliverMuch() {
    padding_ = " pad=" + std::string(8000, 'x');
    std::vector<uint32_t> serials(kMany);
    std::iota(serials.begin(), serials.end(), 0);
    Deliver("web1", serials);
  }

  TemporaryDirectory directory_;
  const TestCa ca_{directory_.path(), "ours"};
  ApiLimits limits_;
  AdminActions actions_;  // Save those about the state.
  std::optional<uint16_t> api_port_ = 0;
  std::optional<uint16_t> json_port_;
  std::vector<std::string> json_origins_;
  std::string padding_;  // Behind each record that is delivered.
  std::string access_file_;
  std::optional<TlsFiles> tls_;  // None: certificates of ca_.
  std::string token_file_;
  std::string crl_file_;
  std::string enroll_ca_;
  std::string backup_dir_;
  uint32_t max_time_s_ = 0;
  const std::string socket_path_ = directory_.path() + "/api.sock";
  std::string socket_group_;
  boost::asio::io_context network_{1};
  std::optional<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> work_{
      boost::asio::make_work_guard(network_)};
  std::thread thread_;
  Counters counters_;
  HostSessions host_sessions_;
  Quotas quotas_{counters_};
  std::unique_ptr<storage::EventStore> store_;
  std::optional<Committer> committer_;
  std::optional<OwnRecords> own_records_;
  Config config_;
  std::optional<StateReport> state_report_;
  std::optional<ApiServer> api_;
};

}  // namespace server
