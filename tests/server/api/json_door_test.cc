#include "server/api/json_door.h"

#include <future>
#include <sstream>

#include <gmock/gmock.h>

#include "tests/server/api/api_fixture.h"
#include "tests/server/api/json_client.h"

namespace server {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using testing::UnorderedElementsAreArray;

constexpr char kHosts[] = "QueryService/Hosts";
constexpr char kSearch[] = "QueryService/Search";

class JsonDoorTest : public ApiTest {
 protected:
  JsonDoorTest() {
    json_port_ = 0;
    SetAccess("admin root\nviewer alice web*\ningest web*\n");
    actions_ = {.stop = [] {},
                .backup_dir = [this] { return backup_dir_; },
                .reload = [] { return absl::OkStatus(); },
                .seal = [] {},
                .set_suspended = [this](bool it_is) { committer_->SetSuspended(it_is); },
                .is_suspended = [this] { return committer_->is_suspended(); }};
  }

  uint16_t json_port() const { return api_->json_endpoints().front().port(); }

  std::unique_ptr<JsonClient> ClientWith(const std::optional<CertificateFiles>& files,
                                         const JsonClient::Options& options = {}) const {
    return std::make_unique<JsonClient>(json_port(), ca_.certificate(), files, options);
  }
  std::unique_ptr<JsonClient> ClientAs(const std::string& name,
                                       const JsonClient::Options& options = {}) const {
    return ClientWith(ca_.Issue(name, "/CN=" + name), options);
  }
  std::unique_ptr<JsonClient> Nobody() const { return ClientWith(std::nullopt); }

  const JsonCounters& counters() const { return api_->json_counters(); }
  const CallCounters& calls() const { return api_->call_counters(); }

  // A client that has asked for more than the kernel takes off our hands, and read the first of it.
  std::unique_ptr<JsonClient> ClientInSearch(const std::string& name,
                                             const std::string& fields = "") const {
    auto client = ClientAs(name, {.receive_bytes = 4096});
    client->BeginSearch("Connection: close\r\n" + fields);
    EXPECT_THAT(client->ReadSome(), StartsWith("HTTP/1.1 200 "));
    return client;
  }

  // Waits for what another thread counts.
  static void Await(const std::atomic<uint64_t>& counter, uint64_t value) {
    while (counter != value) std::this_thread::yield();
  }
};

// The messages in an answer, and behind them how it ended.
std::vector<std::string> Envelopes(std::string_view body) {
  std::vector<std::string> messages;
  while (body.size() >= 5) {
    size_t size = 0;
    for (int i = 1; i < 5; ++i) size = size << 8 | static_cast<uint8_t>(body[i]);
    messages.push_back((body[0] == 2 ? "end " : "") + std::string(body.substr(5, size)));
    body.remove_prefix(std::min(5 + size, body.size()));
  }
  EXPECT_TRUE(body.empty());
  return messages;
}

TEST_F(JsonDoorTest, AnswersCallsInJson) {
  Start();
  Deliver("web1", {1, 2});
  const auto client = ClientAs("alice");
  const JsonAnswer hosts = client->Call(kHosts, "{}", "Connect-Protocol-Version: 1\r\n");
  EXPECT_EQ(hosts.status, 200);
  EXPECT_EQ(hosts.Field("Content-Type"), "application/json");
  EXPECT_EQ(hosts.body, R"({"hosts":[{"name":"d2ViMQ==","identity":"IDENTITY_KIND_NODE",)"
                        R"("pace":{"clockLagMs":"998","lastReceivedMs":"1626611364000"}}]})");
  const JsonAnswer found =
      client->CallStream(kSearch, R"({"predicate":{"serial":2},"order":"ORDER_TIME"})");
  EXPECT_EQ(found.status, 200);
  EXPECT_EQ(found.Field("Content-Type"), "application/connect+json");
  EXPECT_THAT(Envelopes(found.body),
              ElementsAre(AllOf(StartsWith("{\"events\":[{\"host\":\"d2ViMQ==\""),
                                HasSubstr("\"timeMs\":\"1626611363002\",\"serial\":2,")),
                          "end {}"));
  EXPECT_EQ(counters().json_requests_total, 2u);
  EXPECT_EQ(counters().json_connections_total, 1u);
  EXPECT_EQ(calls().calls_total, 2u);
}

TEST_F(JsonDoorTest, AnswersRequestsOfAConnectionOneAfterAnother) {
  Start();
  const auto client = ClientAs("root");
  std::string requests;
  for (int i = 0; i < 50; ++i) {
    requests +=
        "POST /auspex.v1.QueryService/Hosts HTTP/1.1\r\nContent-Type: application/json\r\n"
        "Content-Length: 15\r\n\r\n{\"hosts\":[\"x\"]}GET /healthz HTTP/1.1\r\n\r\n";
  }
  client->Send(requests);
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(client->Read().body, "{}");
    EXPECT_EQ(client->Read().body, "ok\n");
  }
}

TEST_F(JsonDoorTest, TellsErrorsInTheWayOfTheirKind) {
  Start();
  const auto client = ClientAs("root");
  const JsonAnswer value = client->Call("QueryService/FieldValues", R"({"field":"pid"})");
  EXPECT_EQ(value.status, 400);
  EXPECT_EQ(value.body, R"({"code":"invalid_argument","message":"no indexed field \"pid\""})");
  EXPECT_EQ(client->Call("QueryService/GetEvent", R"({"serial":1})").status, 404);
  EXPECT_THAT(client->Call(kHosts, "{\"colour\":1}").body, HasSubstr("colour"));
  EXPECT_THAT(Envelopes(client->CallStream(kSearch, R"({"after":"AA=="})").body),
              ElementsAre(AllOf(StartsWith("end {\"error\":"), HasSubstr("not a cursor"))));
  const JsonAnswer packed = client->Call(kHosts, "{}", "Content-Encoding: gzip\r\n");
  EXPECT_EQ(packed.status, 501);
  EXPECT_EQ(packed.Field("Accept-Encoding"), "identity");
  EXPECT_EQ(client->Ask("GET", "/auspex.v1.QueryService/Hosts").status, 405);
  EXPECT_EQ(client->Ask("POST", "/auspex.v1.QueryService/Drop").status, 404);
  EXPECT_EQ(client->Ask("POST", "/auspex.v1.QueryService/Hosts", "{}").Field("Accept-Post"),
            "application/json");
}

TEST_F(JsonDoorTest, KnowsNobodyWithoutACertificate) {
  Start();
  EXPECT_EQ(Nobody()->Call(kHosts, "{}").status, 401);
  EXPECT_THAT(Envelopes(Nobody()->CallStream(kSearch, "{}").body),
              ElementsAre(HasSubstr("\"unauthenticated\"")));
  EXPECT_EQ(calls().calls_refused_identity_total, 2u);
  EXPECT_EQ(Nobody()->Ask("GET", "/metrics").status, 401);
  EXPECT_EQ(Nobody()->Ask("GET", "/healthz").status, 200);
}

TEST_F(JsonDoorTest, EndsHandshakesThatAreNotGood) {
  Start();
  const TestCa other(directory_.path(), "other");
  EXPECT_EQ(ClientWith(other.Issue("root", "/CN=root"))->Ask("GET", "/healthz").status, 0);
  const auto expired = ca_.Issue("old", "/CN=root", "", /*is_expired=*/true);
  EXPECT_EQ(ClientWith(expired)->Ask("GET", "/healthz").status, 0);
  EXPECT_FALSE(ClientAs("root", {.tls_version = TLS1_2_VERSION})->ok());
  Await(counters().json_handshakes_failed_total, 3);
  boost::asio::io_context network;
  boost::asio::ip::tcp::socket plain(network);
  plain.connect(api_->json_endpoints().front());
  boost::asio::write(plain, boost::asio::buffer(std::string("GET /healthz HTTP/1.1\r\n\r\n")));
  Await(counters().json_handshakes_failed_total, 4);
  EXPECT_EQ(ClientAs("root")->Ask("GET", "/healthz").status, 200);
}

TEST_F(JsonDoorTest, TellsPrometheusAndProbesHowTheCollectorIs) {
  Start();
  const auto admin = ClientAs("root");
  const JsonAnswer metrics = admin->Ask("GET", "/metrics");
  EXPECT_EQ(metrics.Field("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(metrics.body, AllOf(HasSubstr("\nauspexd_json_connections_open 1\n"),
                                  HasSubstr("\n# TYPE auspexd_ack_seconds histogram\n"),
                                  HasSubstr("\nauspexd_ack_seconds_count ")));
  EXPECT_EQ(ClientAs("alice")->Ask("GET", "/metrics").status, 403);
  EXPECT_EQ(Nobody()->Ask("GET", "/readyz").status, 200);
  EXPECT_EQ(admin->Call("AdminService/Suspend", "{}").status, 200);
  const JsonAnswer suspended = Nobody()->Ask("GET", "/readyz");
  EXPECT_EQ(suspended.status, 503);
  EXPECT_EQ(suspended.body, "the collector is suspended\n");
}

TEST_F(JsonDoorTest, TellsPrometheusOfEachHost) {
  Start();
  Deliver("web1", {1, 2});
  Deliver("db1", {3});
  const JsonAnswer metrics = ClientAs("root")->Ask("GET", "/metrics/hosts");
  EXPECT_EQ(metrics.status, 200);
  EXPECT_THAT(metrics.body,
              HasSubstr("# TYPE auspexd_host_records_total counter\n"
                        "auspexd_host_records_total{host=\"web1\",identity=\"node\"} 2\n"
                        "auspexd_host_records_total{host=\"db1\",identity=\"node\"} 1\n"));
  EXPECT_EQ(ClientAs("alice")->Ask("GET", "/metrics/hosts").status, 403);
  EXPECT_EQ(Nobody()->Ask("GET", "/metrics/hosts").status, 401);
}

// "name: meaning" of each metric.
std::vector<std::string> ToldMetrics(const std::string& text) {
  constexpr std::string_view kHelp = "# HELP ";
  std::vector<std::string> told;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(kHelp)) continue;
    line.erase(0, kHelp.size());
    told.push_back(line.insert(line.find(' '), ":"));
  }
  return told;
}

// Likewise, of a manual page: an item each, with its meaning in the lines behind it.
std::vector<std::string> ExplainedMetrics(const std::string& page) {
  constexpr std::string_view kItem = ".It Li ";
  std::vector<std::string> explained;
  std::istringstream lines(page);
  bool is_meaning = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(kItem)) {
      explained.push_back(line.substr(kItem.size()) + ":");
    } else if (is_meaning && !line.starts_with('.')) {
      explained.back() += " " + line;
    }
    is_meaning = line.starts_with(kItem) || (is_meaning && !line.starts_with('.'));
  }
  return explained;
}

TEST_F(JsonDoorTest, TellsTheMetricsThatTheManualExplains) {
  Start();
  const auto admin = ClientAs("root");
  std::vector<std::string> told = ToldMetrics(admin->Ask("GET", "/metrics").body);
  for (const std::string& metric : ToldMetrics(admin->Ask("GET", "/metrics/hosts").body)) {
    told.push_back(metric);
  }
  EXPECT_THAT(ExplainedMetrics(ReadWhole(AUSPEX_SOURCE_DIR "/deploy/man/auspexd-metrics.7")),
              UnorderedElementsAreArray(told));
}

TEST_F(JsonDoorTest, RefusesWhatIsTooLongAndWhatIsNoHttp) {
  limits_.json.body_bytes_max = 1000;
  Start();
  const auto connect = [this] { return ClientAs("root"); };
  EXPECT_EQ(connect()->Call(kHosts, std::string(1001, ' ')).status, 413);
  EXPECT_EQ(connect()->Call(kHosts, std::string(5 << 20, ' ')).status, 413);
  EXPECT_EQ(connect()->Call(kHosts, "{}", "X: " + std::string(20'000, 'x') + "\r\n").status, 431);
  EXPECT_EQ(counters().json_requests_refused_size_total, 3u);
  EXPECT_EQ(connect()->Ask("PRI", "* HTTP/2.0").status, 400);
  EXPECT_EQ(connect()->Call(kHosts, "{}", "Transfer-Encoding: cat\r\n").status, 400);
  {
    const auto breaks_off = connect();
    breaks_off->Send("POST /auspex.v1.Query");
  }
  Await(counters().json_requests_malformed_total, 3);
  EXPECT_EQ(connect()->Call(kHosts, "{}" + std::string(998, ' ')).status, 200);
}

// Nobody has us keep the body of a request whose caller we do not know.
TEST_F(JsonDoorTest, AnswersStrangersBeforeTheyHaveSentAll) {
  Start();
  const auto stranger = Nobody();
  stranger->Send(
      "POST /auspex.v1.QueryService/Hosts HTTP/1.1\r\nContent-Type: application/json\r\n"
      "Content-Length: 1000000\r\n\r\n{");
  const JsonAnswer answer = stranger->Read();
  EXPECT_EQ(answer.status, 401);
  EXPECT_EQ(answer.Field("Connection"), "close");
}

TEST_F(JsonDoorTest, HangsUpOnWhoIsSlow) {
  limits_.json.handshake_time = milliseconds(3000);
  limits_.json.request_time = milliseconds(300);
  Start();
  boost::asio::io_context network;
  boost::asio::ip::tcp::socket silent(network);
  silent.connect(api_->json_endpoints().front());
  Await(counters().json_handshakes_failed_total, 1);
  const auto slow_head = ClientAs("root");
  slow_head->Send("POST /auspex.v1.QueryService/Hosts HTTP/1.1\r\n");
  EXPECT_EQ(slow_head->ReadRest(), "");
  const auto slow_body = ClientAs("root");
  slow_body->Send(
      "POST /auspex.v1.QueryService/Hosts HTTP/1.1\r\n"
      "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{");
  EXPECT_EQ(slow_body->ReadRest(), "");
  Await(counters().json_connections_ended_slow_total, 2);
}

TEST_F(JsonDoorTest, HangsUpOnWhoAsksNothing) {
  limits_.json.idle_time = milliseconds(3000);
  Start();
  const auto client = ClientAs("root");
  EXPECT_EQ(client->Ask("GET", "/healthz").status, 200);
  EXPECT_EQ(client->ReadRest(), "");
  Await(counters().json_connections_ended_idle_total, 1);
}

TEST_F(JsonDoorTest, KeepsNoPlaceForStrangers) {
  limits_.json.stranger_time = milliseconds(2000);
  Start();
  const auto known = ClientAs("alice");
  EXPECT_EQ(known->Ask("GET", "/healthz").status, 200);
  const auto stranger = Nobody();
  const JsonAnswer health = stranger->Ask("GET", "/healthz");
  EXPECT_EQ(health.status, 200);
  EXPECT_EQ(health.Field("Connection"), "close");
  const auto silent = Nobody();
  EXPECT_EQ(silent->ReadRest(), "");
  Await(counters().json_connections_ended_idle_total, 1);
  const auto slow = Nobody();
  slow->Send("GET /healthz HTTP/1.1\r\nX-Slow: ");
  EXPECT_EQ(slow->ReadRest(), "");
  Await(counters().json_connections_ended_slow_total, 1);
  EXPECT_EQ(known->Ask("GET", "/healthz").status, 200);
}

TEST_F(JsonDoorTest, CutsOffWhoDoesNotRead) {
  limits_.calls.stall_max = milliseconds(200);
  Start();
  DeliverMuch();
  const auto deaf = ClientInSearch("root");
  EXPECT_EQ(ClientAs("alice")->Call(kHosts, "{}").status, 200);
  Await(calls().calls_ended_stalled_total, 1);
  EXPECT_THAT(deaf->ReadRest(), Not(EndsWith("\r\n0\r\n\r\n")));
  Await(counters().json_connections_ended_slow_total, 1);
  Await(calls().calls_open, 0);
}

TEST_F(JsonDoorTest, EndsTheCallOfWhoHasLeft) {
  Start();
  DeliverMuch();
  const auto half_closed = ClientInSearch("root");
  half_closed->CloseHalf();
  ClientInSearch("alice").reset();
  Await(calls().calls_open, 0);
  EXPECT_THAT(half_closed->ReadRest(), HasSubstr("\"code\":\"canceled\""));
  Await(counters().json_connections_open, 0);
}

TEST_F(JsonDoorTest, EndsTheCallsOfWhoMayNotSeeThatAnyMore) {
  Start();
  DeliverMuch();
  const auto client = ClientInSearch("alice");
  SetAccess("admin root\n");
  Await(calls().calls_open, 0);
  EXPECT_THAT(client->ReadRest(),
              AllOf(HasSubstr("\"code\":\"permission_denied\""), EndsWith("\r\n0\r\n\r\n")));
  EXPECT_EQ(ClientAs("alice")->Call(kHosts, "{}").status, 403);
}

TEST_F(JsonDoorTest, EndsCallsAtTheDeadlineOfTheirCallers) {
  Start();
  DeliverMuch();
  const auto client = ClientInSearch("root", "Connect-Timeout-Ms: 100\r\n");
  Await(calls().calls_open, 0);
  EXPECT_THAT(client->ReadRest(), HasSubstr("\"code\":\"deadline_exceeded\""));
}

TEST_F(JsonDoorTest, EndsAllInGoodOrderWhenItStops) {
  Start();
  DeliverMuch();
  const auto client = ClientInSearch("root");
  const auto idle = ClientAs("root");
  EXPECT_EQ(idle->Ask("GET", "/healthz").status, 200);
  const CallCounters& calls_of_api = calls();
  auto stopped = std::async([this] { return Stop(); });
  Await(calls_of_api.calls_open, 0);
  EXPECT_THAT(client->ReadRest(),
              AllOf(HasSubstr("\"code\":\"unavailable\""), EndsWith("\r\n0\r\n\r\n")));
  EXPECT_EQ(idle->ReadRest(), "");
  EXPECT_TRUE(stopped.get());
}

TEST_F(JsonDoorTest, StopsAlsoWhereNobodyReads) {
  limits_.json.stop_time = milliseconds(200);
  Start();
  DeliverMuch();
  const auto deaf = ClientInSearch("root");
  const auto silent = ClientAs("alice");
  EXPECT_TRUE(Stop());
}

TEST_F(JsonDoorTest, LetsInSoManyConnections) {
  limits_.json.connections_max = 3;
  limits_.json.connections_of_address_max = 2;
  Start();
  const auto first = ClientAs("root");
  const auto second = ClientAs("root");
  EXPECT_EQ(first->Ask("GET", "/healthz").status, 200);
  EXPECT_EQ(second->Ask("GET", "/healthz").status, 200);
  EXPECT_FALSE(Nobody()->ok());
  EXPECT_EQ(counters().json_connections_refused_dup_total, 1u);
}

TEST_F(JsonDoorTest, LetsPagesOfListedOriginsCall) {
  json_origins_ = {"https://dashboard.example"};
  Start();
  const auto preflight = [this](const std::string& origin) {
    return Nobody()->Ask("OPTIONS", "/auspex.v1.QueryService/Hosts", "",
                         "Origin: " + origin + "\r\nAccess-Control-Request-Method: POST\r\n");
  };
  const JsonAnswer welcome = preflight("https://dashboard.example");
  EXPECT_EQ(welcome.status, 204);
  EXPECT_EQ(welcome.Field("Access-Control-Allow-Origin"), "https://dashboard.example");
  EXPECT_EQ(preflight("https://other.example").Field("Access-Control-Allow-Origin"), "");
  const JsonAnswer answer =
      ClientAs("root")->Call(kHosts, "{}", "Origin: https://dashboard.example\r\n");
  EXPECT_EQ(answer.Field("Access-Control-Allow-Origin"), "https://dashboard.example");
}

TEST_F(JsonDoorTest, TakesANewCertificateWithoutARestart) {
  limits_.credential_refresh = std::chrono::milliseconds(5);
  Start();
  const CertificateFiles root = ca_.Issue("root", "/CN=root");
  const auto answers_as = [&](const std::string& name) {
    return ClientWith(root, {.server_name = name})->Ask("GET", "/healthz").status == 200;
  };
  EXPECT_TRUE(answers_as("localhost"));
  EXPECT_FALSE(answers_as("renewed"));
  ca_.Issue("server", "/CN=collector", "DNS:renewed");  // Into the files of the one before.
  while (!answers_as("renewed")) continue;
  EXPECT_FALSE(answers_as("localhost"));
}

}  // namespace
}  // namespace server
