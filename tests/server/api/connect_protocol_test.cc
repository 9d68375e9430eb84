#include "server/api/connect_protocol.h"

#include <gmock/gmock.h>

#include "proto/auspex/v1/query.pb.h"

namespace server {
namespace {

using std::chrono::milliseconds;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;
using Kind = RequestPlan::Kind;

constexpr char kSearch[] = "/auspex.v1.QueryService/Search";
constexpr char kHosts[] = "/auspex.v1.QueryService/Hosts";

class ConnectProtocolTest : public testing::Test {
 protected:
  ConnectProtocolTest() {
    methods_.Add(
        {{.service = "auspex.v1.QueryService", .name = "Hosts", .answer = {}},
         {.service = "auspex.v1.QueryService", .name = "Search", .is_stream = true, .answer = {}}});
  }

  RequestPlan Plan(const RequestHead& head) const {
    return PlanRequest(head, methods_, {"https://a.example", "https://b.example:8443"});
  }

  static RequestHead ToHosts() {
    return {.verb = "POST", .target = kHosts, .content_type = "application/json"};
  }
  static RequestHead ToSearch() {
    return {.verb = "POST", .target = kSearch, .content_type = "application/connect+json"};
  }

  MethodTable methods_;
};

TEST_F(ConnectProtocolTest, FindsTheMethodOfACall) {
  RequestHead head = ToHosts();
  head.content_type = "Application/JSON; charset=utf-8";
  head.connect_protocol_version = "1";
  head.connect_timeout_ms = "1500";
  head.content_encoding = "identity";
  const RequestPlan hosts = Plan(head);
  EXPECT_EQ(hosts.kind, Kind::kUnary);
  EXPECT_EQ(hosts.method, methods_.Find(kHosts));
  EXPECT_EQ(hosts.timeout, milliseconds(1500));
  EXPECT_TRUE(hosts.error.ok());

  const RequestPlan search = Plan(ToSearch());
  EXPECT_EQ(search.kind, Kind::kStream);
  EXPECT_EQ(search.method, methods_.Find(kSearch));
  EXPECT_EQ(search.timeout, std::nullopt);
  EXPECT_THAT(search.fields, ElementsAre(Pair("Vary", "Origin")));
}

TEST_F(ConnectProtocolTest, KnowsWhatIsNoCall) {
  for (const auto& [target, kind] :
       {std::pair{"/healthz", Kind::kHealth}, std::pair{"/readyz?verbose", Kind::kReady},
        std::pair{"/metrics", Kind::kMetrics}, std::pair{"/metrics/hosts", Kind::kHostMetrics}}) {
    EXPECT_EQ(Plan({.verb = "GET", .target = target}).kind, kind) << target;
    EXPECT_EQ(Plan({.verb = "POST", .target = target}).http_status, 405) << target;
  }
}

TEST_F(ConnectProtocolTest, RefusesWhatIsNotHttpOfConnect) {
  struct Case {
    std::string_view verb, target, type;
    unsigned http_status;
    std::pair<std::string_view, std::string> field = {"Vary", "Origin"};
  };
  for (const Case& refused : {
           Case{"POST", "/", "application/json", 404},
           Case{"POST", "/auspex.v1.QueryService/Drop", "application/json", 404},
           Case{"POST", "/auspex.v1.QueryService/Hosts/", "application/json", 404},
           Case{"GET", kHosts, "", 405, {"Allow", "POST"}},
           Case{"OPTIONS", kHosts, "", 405, {"Allow", "POST"}},
           Case{"POST", kHosts, "", 415, {"Accept-Post", "application/json"}},
           Case{"POST", kHosts, "text/plain", 415, {"Accept-Post", "application/json"}},
           Case{"POST", kHosts, "application/proto", 415, {"Accept-Post", "application/json"}},
           Case{"POST", kHosts, "application/connect+json", 415},
           Case{"POST",
                kSearch,
                "application/json",
                415,
                {"Accept-Post", "application/connect+json"}},
       }) {
    const RequestPlan plan =
        Plan({.verb = refused.verb, .target = refused.target, .content_type = refused.type});
    EXPECT_EQ(plan.kind, Kind::kRefuse) << refused.target;
    EXPECT_EQ(plan.http_status, refused.http_status) << refused.target;
    EXPECT_EQ(plan.error.code(), absl::StatusCode::kUnimplemented) << refused.target;
    EXPECT_THAT(plan.fields, Contains(refused.field)) << refused.target;
  }
  RequestHead old = ToSearch();
  old.is_http_1_1 = false;
  EXPECT_EQ(Plan(old).http_status, 505);
}

TEST_F(ConnectProtocolTest, EndsCallsThatAskForWhatIsNotSupported) {
  for (const RequestHead& head : {ToHosts(), ToSearch()}) {
    RequestHead compressed = head;
    compressed.content_encoding = "gzip";
    EXPECT_EQ(Plan(compressed).error.code(), absl::StatusCode::kUnimplemented);
    RequestHead other = head;
    other.connect_protocol_version = "2";
    EXPECT_EQ(Plan(other).error.code(), absl::StatusCode::kInvalidArgument);
    for (const char* timeout : {"soon", "-1", "12345678901", "1.5", " 1"}) {
      RequestHead timed = head;
      timed.connect_timeout_ms = timeout;
      EXPECT_EQ(Plan(timed).error.code(), absl::StatusCode::kInvalidArgument) << timeout;
    }
  }
  RequestHead compressed = ToSearch();
  compressed.connect_content_encoding = "br";
  EXPECT_THAT(Plan(compressed).fields, Contains(Pair("Connect-Accept-Encoding", "identity")));
}

TEST_F(ConnectProtocolTest, LetsBrowsersCallFromPagesOfListedOriginsOnly) {
  RequestHead asks{.verb = "OPTIONS",
                   .target = kHosts,
                   .origin = "https://a.example",
                   .access_control_request_method = "POST"};
  const RequestPlan welcome = Plan(asks);
  EXPECT_EQ(welcome.kind, Kind::kPreflight);
  EXPECT_EQ(welcome.http_status, 204);
  EXPECT_THAT(welcome.fields, Contains(Pair("Access-Control-Allow-Origin", "https://a.example")));
  EXPECT_THAT(welcome.fields, Contains(Pair("Access-Control-Allow-Credentials", "true")));
  RequestHead call = ToHosts();
  call.origin = "https://b.example:8443";
  EXPECT_THAT(Plan(call).fields,
              Contains(Pair("Access-Control-Allow-Origin", "https://b.example:8443")));

  for (const char* origin : {"https://b.example", "http://a.example", "null", "https://A.example",
                             "https://a.example.evil", ""}) {
    asks.origin = origin;
    EXPECT_EQ(Plan(asks).http_status, 405) << origin;
    EXPECT_THAT(Plan(asks).fields,
                UnorderedElementsAre(Pair("Allow", "POST"), Pair("Vary", "Origin")));
  }
  EXPECT_THAT(PlanRequest(ToHosts(), methods_, {}).fields, IsEmpty());
}

TEST_F(ConnectProtocolTest, WritesErrors) {
  EXPECT_EQ(ErrorJson(absl::NotFoundError("no \"x\"")),
            R"({"code":"not_found","message":"no \"x\""})");
  EXPECT_EQ(ErrorJson(absl::CancelledError()), R"({"code":"canceled"})");
  EXPECT_EQ(HttpStatusOf(absl::StatusCode::kPermissionDenied), 403);
  EXPECT_EQ(HttpStatusOf(absl::StatusCode::kResourceExhausted), 429);
  EXPECT_EQ(HttpStatusOf(absl::StatusCode::kUnauthenticated), 401);
}

TEST_F(ConnectProtocolTest, WritesTheEndOfAStream) {
  std::string ended;
  AppendEndOfStream(absl::OkStatus(), &ended);
  EXPECT_EQ(ended, std::string("\x02\0\0\0\x02{}", 7));
  std::string failed;
  AppendEndOfStream(absl::AbortedError("x"), &failed);
  EXPECT_EQ(failed.substr(5), R"({"error":{"code":"aborted","message":"x"}})");
}

TEST_F(ConnectProtocolTest, ReadsTheMessageInAnEnvelope) {
  std::string envelope;
  AppendEnvelope(0, std::string(300, 'x'), &envelope);
  const auto message = MessageInEnvelope(envelope);
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(*message, std::string(300, 'x'));
  for (size_t size = 1; size < envelope.size(); ++size) {
    EXPECT_TRUE(absl::IsInvalidArgument(MessageInEnvelope(envelope.substr(0, size)).status()));
  }
  EXPECT_TRUE(absl::IsUnimplemented(MessageInEnvelope("").status()));
  EXPECT_TRUE(absl::IsUnimplemented(MessageInEnvelope(envelope + envelope).status()));
  for (const char flags : {'\1', '\2', '\x80'}) {
    envelope[0] = flags;
    EXPECT_TRUE(absl::IsInvalidArgument(MessageInEnvelope(envelope).status()));
  }
  EXPECT_TRUE(absl::IsInvalidArgument(MessageInEnvelope({"\0\xff\xff\xff\xff{}", 7}).status()));
}

}  // namespace
}  // namespace server
