// Other options while the API serves: what stays, what comes, and what is refused as a whole.

#include <deque>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>

#include "tests/server/api/api_fixture.h"
#include "tests/server/api/json_client.h"
#include "tests/server/api/test_agent.h"
#include "tests/server/held_port.h"

namespace server {
namespace {

using auspex::v1::HostsResponse;
using auspex::v1::QueryService;
using boost::asio::ip::tcp;
using grpc::StatusCode;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kHosts[] = "QueryService/Hosts";

class ReloadTest : public ApiTest {
 protected:
  ReloadTest() {
    json_port_ = 0;
    SetAccess("admin root\ningest web*\n");
  }

  // As they are in force.
  ApiOptions Options() const { return config_.api; }

  // A port that nobody else has.
  uint16_t FreePort() { return held_ports_.emplace_back().number(); }

  // A port that somebody has.
  tcp::acceptor Taken() { return {network_, {boost::asio::ip::address_v4::loopback(), 0}}; }

  static grpc::Status Ask(const std::shared_ptr<grpc::Channel>& channel) {
    grpc::ClientContext context;
    HostsResponse response;
    return QueryService::NewStub(channel)->Hosts(&context, {}, &response);
  }

  bool Connects(uint16_t port) {
    boost::system::error_code error;
    tcp::socket(network_).connect({boost::asio::ip::address_v4::loopback(), port}, error);
    return !error;
  }

  std::unique_ptr<JsonClient> JsonAs(const std::string& name,
                                     const JsonClient::Options& options = {}) const {
    return std::make_unique<JsonClient>(api_->json_endpoints().front().port(), ca_.certificate(),
                                        ca_.Issue(name, "/CN=" + name), options);
  }

 private:
  std::deque<HeldPort> held_ports_;
};

TEST_F(ReloadTest, LeavesPortsAndKeepsTheirConnections) {
  Start();
  TestAgent agent(ConnectAs("web1"));
  agent.Hello();
  const auto json = JsonAs("root");
  EXPECT_EQ(json->Call(kHosts, "{}").status, 200);
  const uint16_t old_port = port();
  const uint16_t old_json_port = api_->json_endpoints().front().port();
  ApiOptions options = Options();
  options.api_listen_port = FreePort();
  options.api_json_port = FreePort();
  ASSERT_TRUE(Reload(options).ok());

  EXPECT_EQ(port(), options.api_listen_port);
  EXPECT_TRUE(Ask(ConnectAs("root")).ok());
  EXPECT_EQ(JsonAs("root")->Call(kHosts, "{}").status, 200);
  EXPECT_FALSE(Connects(old_port));
  while (Connects(old_json_port)) continue;  // Closed on the thread of the door.
  agent.Batch(1);
  EXPECT_TRUE(agent.AwaitAck(1));
  EXPECT_EQ(json->Call(kHosts, "{}").status, 200);

  options.api_listen_port.reset();
  options.api_json_port.reset();
  ASSERT_TRUE(Reload(options).ok());
  EXPECT_THAT(api_->endpoints(), IsEmpty());
  EXPECT_THAT(api_->json_endpoints(), IsEmpty());
  agent.Batch(2);
  EXPECT_TRUE(agent.AwaitAck(2));
  EXPECT_EQ(json->Call(kHosts, "{}").status, 200);
  EXPECT_TRUE(Ask(ConnectLocally()).ok());
}

TEST_F(ReloadTest, OpensThePortsThatThereWereNotAtTheStart) {
  const std::optional<uint16_t> none;
  api_port_ = json_port_ = none;
  tls_ = TlsFiles{"/no/such", "/no/such", "/no/such"};
  Start();
  EXPECT_TRUE(Ask(ConnectLocally()).ok());
  ApiOptions options = Options();
  options.api_listen_port = options.api_json_port = 0;
  EXPECT_THAT(std::string(Reload(options).message()), HasSubstr("certificate /no/such"));
  const CertificateFiles server = ca_.Issue("server", "/CN=collector", "DNS:localhost");
  options.tls = {server.certificate, server.key, ca_.certificate()};
  ASSERT_TRUE(Reload(options).ok());
  EXPECT_TRUE(Ask(ConnectAs("root")).ok());
  EXPECT_EQ(JsonAs("root")->Call(kHosts, "{}").status, 200);
}

TEST_F(ReloadTest, ShowsTheCertificateOfOtherFiles) {
  Start();
  TestAgent agent(ConnectAs("web1"));
  agent.Hello();
  const CertificateFiles renewed = ca_.Issue("renewed", "/CN=collector", "DNS:renewed");
  ApiOptions options = Options();
  options.tls.certificate = renewed.certificate;
  options.tls.key = renewed.key;
  ASSERT_TRUE(Reload(options).ok());
  EXPECT_EQ(JsonAs("root", {.server_name = "renewed"})->Call(kHosts, "{}").status, 200);
  const CertificateFiles root = ca_.Issue("root", "/CN=root");
  while (!Ask(ConnectWith(root, "renewed")).ok()) continue;  // gRPC looks each second.
  EXPECT_FALSE(Ask(ConnectWith(root, "localhost")).ok());
  agent.Batch(1);
  EXPECT_TRUE(agent.AwaitAck(1));
}

// Who may connect without a certificate is settled when it connects.
TEST_F(ReloadTest, LetsInWhoHasATokenOnceThereAreTokens) {
  Start();
  const auto nobody = [this] {
    return Ask(Connect(grpc::SslCredentials({ReadWhole(ca_.certificate()), "", ""}))).error_code();
  };
  EXPECT_EQ(nobody(), StatusCode::UNAVAILABLE);
  ApiOptions options = Options();
  options.token_file = directory_.path() + "/tokens";
  ASSERT_TRUE(Reload(options).ok());
  EXPECT_EQ(nobody(), StatusCode::UNAUTHENTICATED);
  options.token_file.clear();
  ASSERT_TRUE(Reload(options).ok());
  EXPECT_EQ(nobody(), StatusCode::UNAVAILABLE);
}

TEST_F(ReloadTest, EndsOnlyWhatOtherRulesDoNotAllow) {
  Start();
  TestAgent stays(ConnectAs("web1"));
  TestAgent goes(ConnectAs("web2"));
  for (TestAgent* const agent : {&stays, &goes}) {
    agent->Hello();
    EXPECT_EQ(agent->Next(), "welcome 0");
  }
  ApiOptions options = Options();
  options.access_file = directory_.path() + "/other";
  std::ofstream(options.access_file) << "ingest web1\n";
  ASSERT_TRUE(Reload(options).ok());
  EXPECT_EQ(goes.End().error_code(), StatusCode::PERMISSION_DENIED);
  stays.Batch(1);
  EXPECT_TRUE(stays.AwaitAck(1));
}

TEST_F(ReloadTest, TakesOtherOriginsForRequestsOfAConnectionThatThereIs) {
  Start();
  const auto json = JsonAs("root");
  const auto allowed = [&json] {
    return json->Call(kHosts, "{}", "Origin: https://dashboard.example\r\n")
        .Field("Access-Control-Allow-Origin");
  };
  EXPECT_EQ(allowed(), "");
  ApiOptions options = Options();
  options.api_json_origins = {"https://dashboard.example"};
  ASSERT_TRUE(Reload(options).ok());
  EXPECT_EQ(allowed(), "https://dashboard.example");
}

TEST_F(ReloadTest, LimitsTheTimeOfCallsThatBeginLater) {
  Start();
  DeliverMuch();
  const auto stub = QueryService::NewStub(ConnectAs("root"));
  grpc::ClientContext first;
  grpc::ClientContext second;
  const auto unlimited = stub->Search(&first, auspex::v1::SearchRequest());
  while (api_->call_counters().calls_open == 0) std::this_thread::yield();
  ApiOptions options = Options();
  options.max_time_s = 1;
  ASSERT_TRUE(Reload(options).ok());
  const auto limited = stub->Search(&second, auspex::v1::SearchRequest());
  while (api_->call_counters().calls_ended_time_total == 0) std::this_thread::yield();
  for (auspex::v1::SearchResponse response; limited->Read(&response);) continue;
  EXPECT_EQ(limited->Finish().error_code(), StatusCode::DEADLINE_EXCEEDED);
  size_t found = 0;
  for (auspex::v1::SearchResponse response; unlimited->Read(&response);) {
    found += response.events_size();
  }
  EXPECT_EQ(found, kMany);
  EXPECT_TRUE(unlimited->Finish().ok());
}

TEST_F(ReloadTest, MovesTheSocketAndKeepsItsConnections) {
  Start();
  const auto before = ConnectLocally();
  ASSERT_TRUE(Ask(before).ok());
  ApiOptions options = Options();
  options.socket.path = directory_.path() + "/other.sock";
  ASSERT_TRUE(Reload(options).ok());
  EXPECT_NE(access(socket_path_.c_str(), F_OK), 0);
  const auto after =
      grpc::CreateChannel("unix:" + options.socket.path, grpc::InsecureChannelCredentials());
  EXPECT_TRUE(Ask(after).ok());
  EXPECT_TRUE(Ask(before).ok());
  options.socket.path.clear();
  ASSERT_TRUE(Reload(options).ok());
  EXPECT_NE(access((directory_.path() + "/other.sock").c_str(), F_OK), 0);
  EXPECT_TRUE(Ask(after).ok());
}

TEST_F(ReloadTest, GivesTheSocketToAnotherGroup) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  Start();
  ApiOptions options = Options();
  options.socket.group = "adm";
  ASSERT_TRUE(Reload(options).ok());
  struct stat found {};
  ASSERT_EQ(stat(socket_path_.c_str(), &found), 0);
  EXPECT_NE(found.st_gid, 0u);
  EXPECT_EQ(found.st_mode & 0777, 0660u);
  EXPECT_NE(access((socket_path_ + ".next").c_str(), F_OK), 0);
  EXPECT_TRUE(Ask(ConnectLocally()).ok());
}

// Each with other changes that could be.
TEST_F(ReloadTest, ChangesNothingIfOneThingCannotBe) {
  Start();
  const auto taken = Taken();
  const uint16_t taken_port = taken.local_endpoint().port();
  const std::string rubbish = directory_.path() + "/rubbish";
  std::ofstream(rubbish) << "rubbish\n";
  std::ofstream(directory_.path() + "/open") << "admin *\n";
  const struct {
    std::function<void(ApiOptions*)> spoil;
    std::string message;
  } cases[] = {
      {[&](auto* o) { o->access_file = rubbish; }, rubbish + ":1"},
      {[&](auto* o) { o->token_file = rubbish; }, rubbish},
      {[&](auto* o) { o->crl_file = rubbish; }, rubbish},
      {[&](auto* o) { o->enroll_ca = "/no/such"; }, "/no/such"},
      {[&](auto* o) { o->tls.certificate = rubbish; }, "certificate " + rubbish},
      {[&](auto* o) { o->tls.key = "/no/such"; }, "key /no/such"},
      {[&](auto* o) { o->tls.ca = rubbish; }, "CA " + rubbish},
      {[&](auto* o) { o->socket.path = rubbish; }, "api_socket " + rubbish + ": is no socket"},
      {[&](auto* o) { o->socket.group = "no-such-group"; }, "no group no-such-group"},
      {[&](auto* o) { o->api_listen_port = taken_port; }, absl::StrCat("port ", taken_port)},
      {[&](auto* o) { o->api_json_port = taken_port; }, absl::StrCat("port ", taken_port)},
  };
  const std::vector<tcp::endpoint> endpoints = api_->endpoints();
  const std::vector<tcp::endpoint> json_endpoints = api_->json_endpoints();
  const ApiOptions good = Options();
  for (const auto& [spoil, message] : cases) {
    ApiOptions options = good;
    options.access_file = directory_.path() + "/open";
    options.api_listen_port = FreePort();
    options.api_json_port = FreePort();
    options.socket.path = directory_.path() + "/other.sock";
    spoil(&options);
    EXPECT_THAT(std::string(Reload(options).message()), HasSubstr(message));
    EXPECT_EQ(api_->endpoints(), endpoints) << message;
    EXPECT_EQ(api_->json_endpoints(), json_endpoints) << message;
    EXPECT_TRUE(Ask(ConnectLocally()).ok()) << message;
    EXPECT_NE(access((directory_.path() + "/other.sock").c_str(), F_OK), 0) << message;
    EXPECT_EQ(Ask(ConnectAs("web1")).error_code(), StatusCode::PERMISSION_DENIED) << message;
  }
}

}  // namespace
}  // namespace server
