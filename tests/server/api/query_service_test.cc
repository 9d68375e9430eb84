#include "absl/strings/str_format.h"
#include <gmock/gmock.h>

// Includes server/api/api_server.h, too. Boost must come before it: a header of Asio's calls a
// function query(), and finds our namespace instead.
#include "tests/server/api/api_fixture.h"

namespace server {
namespace {

using auspex::v1::FieldValuesRequest;
using auspex::v1::FieldValuesResponse;
using auspex::v1::GetEventRequest;
using auspex::v1::GetEventResponse;
using auspex::v1::HostsRequest;
using auspex::v1::HostsResponse;
using auspex::v1::SearchMalformedRequest;
using auspex::v1::SearchMalformedResponse;
using auspex::v1::SearchRequest;
using auspex::v1::SearchResponse;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kAccess[] = "admin root\nviewer alice web*\nviewer nobody no*\ningest web*\n";

class QueryServiceTest : public ApiTest {
 protected:
  QueryServiceTest() { SetAccess(kAccess); }

  // Stores lines that are no records, which come at a millisecond of their own.
  void DeliverMalformed(const std::string& host, const std::vector<std::string>& lines) {
    std::vector<storage::Delivery> deliveries;
    for (const std::string& line : lines) {
      storage::Delivery& delivery = deliveries.emplace_back();
      delivery.received_ms = ++received_ms_;
      delivery.batches.emplace_back(
          storage::Identity{.kind = storage::IdentityKind::kNode, .name = host}, "192.0.2.7");
      delivery.batches[0].Add(line);
    }
    Store(std::move(deliveries));
  }

  std::unique_ptr<auspex::v1::QueryService::Stub> StubAs(const std::string& name) const {
    return auspex::v1::QueryService::NewStub(ConnectAs(name));
  }

  // The events that `name` finds, as "host serial", and how the call has ended.
  std::vector<std::string> Search(const std::string& name, const SearchRequest& request,
                                  grpc::Status* status = nullptr) {
    const auto stub = StubAs(name);
    grpc::ClientContext context;
    const auto reader = stub->Search(&context, request);
    std::vector<std::string> found;
    for (SearchResponse response; reader->Read(&response);) {
      for (const auspex::v1::Event& event : response.events()) {
        found.push_back(absl::StrCat(event.host(), " ", event.serial()));
        cursors_.push_back(event.cursor());
      }
    }
    const grpc::Status ended = reader->Finish();
    if (status != nullptr) {
      *status = ended;
    } else {
      EXPECT_TRUE(ended.ok()) << ended.error_message();
    }
    return found;
  }

  // The malformed records that `name` finds.
  std::vector<std::string> Malformed(const std::string& name,
                                     const SearchMalformedRequest& request = {}) {
    const auto stub = StubAs(name);
    grpc::ClientContext context;
    const auto reader = stub->SearchMalformed(&context, request);
    std::vector<std::string> lines;
    for (SearchMalformedResponse response; reader->Read(&response);) {
      for (const auspex::v1::MalformedRecord& record : response.records()) {
        lines.push_back(absl::StrCat(record.host(), " ", record.line()));
      }
    }
    EXPECT_TRUE(reader->Finish().ok());
    return lines;
  }

  std::vector<std::string> Hosts(const std::string& name,
                                 const std::vector<std::string>& patterns = {}) {
    grpc::ClientContext context;
    HostsRequest request;
    for (const std::string& pattern : patterns) request.add_hosts(pattern);
    HostsResponse response;
    const grpc::Status status = StubAs(name)->Hosts(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    std::vector<std::string> hosts;
    for (const HostsResponse::Host& host : response.hosts()) hosts.push_back(host.name());
    return hosts;
  }

  // The values of a field, as "value events".
  std::vector<std::string> FieldValues(const std::string& name, const FieldValuesRequest& request,
                                       grpc::Status* status = nullptr) {
    grpc::ClientContext context;
    FieldValuesResponse response;
    const grpc::Status ended = StubAs(name)->FieldValues(&context, request, &response);
    if (status != nullptr) *status = ended;
    std::vector<std::string> values;
    for (const FieldValuesResponse::Value& value : response.values()) {
      values.push_back(absl::StrCat(value.value(), " ", value.events()));
    }
    value_count_ = response.value_count();
    return values;
  }

  static FieldValuesRequest OfField(const std::string& field) {
    FieldValuesRequest request;
    request.set_field(field);
    return request;
  }

  uint64_t received_ms_ = 1000;       // Of the last malformed record.
  std::vector<std::string> cursors_;  // Of the events that were found.
  uint64_t value_count_ = 0;          // Of the last answer.
};

TEST_F(QueryServiceTest, FindsWhatMatchesInTheOrderAskedFor) {
  Start();
  Deliver("web1", {1, 2});
  Deliver("db1", {3, 4});
  SearchRequest request;
  request.add_hosts("*1");
  EXPECT_THAT(Search("root", request), ElementsAre("web1 1", "web1 2", "db1 3", "db1 4"));
  request.set_order(auspex::v1::ORDER_TIME_DESCENDING);
  request.set_limit(3);
  EXPECT_THAT(Search("root", request), ElementsAre("db1 4", "db1 3", "web1 2"));
  auto& key = *request.mutable_predicate()->mutable_attribute();
  key.set_attribute("key");
  key.set_text("odd");
  EXPECT_THAT(Search("root", request), ElementsAre("db1 3", "web1 1"));
}

TEST_F(QueryServiceTest, GivesTheRecordsAsTheyCame) {
  Start();
  Deliver("web1", {7});
  const auto stub = StubAs("root");
  grpc::ClientContext context;
  SearchRequest request;
  request.add_hosts("web1");
  const auto reader = stub->Search(&context, request);
  SearchResponse response;
  ASSERT_TRUE(reader->Read(&response));
  ASSERT_EQ(response.events_size(), 1);
  const auspex::v1::Event& event = response.events(0);
  EXPECT_EQ(event.identity(), auspex::v1::Event::IDENTITY_KIND_NODE);
  EXPECT_EQ(event.address(), "192.0.2.7");
  EXPECT_EQ(event.received_ms(), 1626611364000u);
  EXPECT_EQ(event.time_ms(), 1626611363007u);
  EXPECT_THAT(event.records(),
              ElementsAre("node=web1 type=USER_LOGIN msg=audit(1626611363.007:7): key=\"odd\""));
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(QueryServiceTest, TellsWhatTheFieldsOfAnEventMean) {
  Start();
  padding_ = " auid=4294967295 res=success";
  Deliver("web1", {7, 8});
  GetEventRequest request;
  request.set_host("web1");
  request.set_time_ms(1626611363007);
  request.set_serial(7);
  GetEventResponse response;
  {
    grpc::ClientContext context;
    const grpc::Status status = StubAs("alice")->GetEvent(&context, request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  ASSERT_EQ(response.events_size(), 1);
  EXPECT_EQ(response.events(0).event().serial(), 7u);
  ASSERT_EQ(response.events(0).records_size(), 1);
  const GetEventResponse::Record& record = response.events(0).records(0);
  EXPECT_EQ(record.type(), "USER_LOGIN");
  EXPECT_EQ(record.type_number(), 1112u);
  std::vector<std::string> fields;
  for (const GetEventResponse::Field& field : record.fields()) {
    fields.push_back(absl::StrCat(field.name(), "=", field.value(), ": ", field.meaning()));
  }
  EXPECT_THAT(fields,
              ElementsAre("key=\"odd\": odd", "auid=4294967295: unset", "res=success: success"));
  // Neither does one exist that may not be seen, nor one whose name only matches a pattern.
  for (const std::string host : {"db1", "web?", "w\\eb1"}) {
    request.set_host(host);
    grpc::ClientContext context;
    EXPECT_EQ(StubAs("alice")->GetEvent(&context, request, &response).error_code(),
              grpc::StatusCode::NOT_FOUND);
  }
}

TEST_F(QueryServiceTest, GoesOnBehindACursor) {
  Start();
  Deliver("web1", {1, 2, 3});
  ASSERT_TRUE(store_->Settle({}).ok());  // No event waits for records any more.
  SearchRequest request;
  request.add_hosts("web1");
  request.set_limit(2);
  request.set_order(auspex::v1::ORDER_TIME);
  EXPECT_THAT(Search("root", request), ElementsAre("web1 1", "web1 2"));
  Deliver("web1", {4});
  request.set_after(cursors_.back());
  EXPECT_THAT(Search("root", request), ElementsAre("web1 3", "web1 4"));
  request.set_order(auspex::v1::ORDER_RECEIPT);
  grpc::Status status;
  Search("root", request, &status);
  EXPECT_EQ(status.error_message(), "after: the cursor is of a search with another order");
}

TEST_F(QueryServiceTest, FindsMalformedRecords) {
  Start();
  Deliver("web1", {1});
  DeliverMalformed("web1", {"a", "b"});
  DeliverMalformed("db1", {"c", "d"});
  EXPECT_THAT(Malformed("root"), ElementsAre("web1 a", "web1 b", "db1 c", "db1 d"));
  EXPECT_THAT(Malformed("alice"), ElementsAre("web1 a", "web1 b"));
  SearchMalformedRequest request;
  request.mutable_time()->set_from_ms(1002);
  request.set_order(auspex::v1::ORDER_TIME_DESCENDING);
  request.set_limit(2);
  EXPECT_THAT(Malformed("root", request), ElementsAre("db1 d", "db1 c"));
  request.add_hosts("web*");
  EXPECT_THAT(Malformed("root", request), ElementsAre("web1 b"));
}

TEST_F(QueryServiceTest, ShowsAViewerItsHostsAsIfThereWereNoOthers) {
  Start();
  Deliver("web1", {1, 2, 4});
  Deliver("db1", {3});
  SearchRequest everything;
  EXPECT_THAT(Search("alice", everything), ElementsAre("web1 1", "web1 2", "web1 4"));
  SearchRequest of_another;
  of_another.add_hosts("db1");
  EXPECT_THAT(Search("alice", of_another), IsEmpty());
  EXPECT_THAT(Hosts("alice"), ElementsAre("web1"));
  EXPECT_THAT(Hosts("alice", {"db*"}), IsEmpty());
  EXPECT_THAT(FieldValues("alice", OfField("key")), ElementsAre("even 2", "odd 1"));
  EXPECT_EQ(value_count_, 2u);
  EXPECT_THAT(FieldValues("alice", OfField("node")), ElementsAre("web1 3"));
  FieldValuesRequest nodes_of_another = OfField("node");
  nodes_of_another.add_hosts("db1");
  EXPECT_THAT(FieldValues("alice", nodes_of_another), IsEmpty());
  EXPECT_THAT(Hosts("nobody"), IsEmpty());
  EXPECT_THAT(FieldValues("nobody", OfField("key")), IsEmpty());
  EXPECT_THAT(FieldValues("root", OfField("node")), ElementsAre("web1 3", "db1 1"));
}

TEST_F(QueryServiceTest, ListsHostsPageByPage) {
  Start();
  for (const char* const host : {"c", "a", "b"}) Deliver(host, {1});
  const auto stub = StubAs("root");
  HostsRequest request;
  request.add_hosts("?");
  request.set_limit(2);
  const auto next = [&] {
    grpc::ClientContext context;
    HostsResponse response;
    EXPECT_TRUE(stub->Hosts(&context, request, &response).ok());
    std::string names;
    for (const HostsResponse::Host& host : response.hosts()) names += host.name();
    if (response.more()) names += "...";
    return names;
  };
  EXPECT_EQ(next(), "ab...");
  request.set_after("b");
  EXPECT_EQ(next(), "c");
}

TEST_F(QueryServiceTest, TellsWhatIsStoredOfHostsAndWhatTheyHaveLost) {
  Start();
  Deliver("web1", {1, 2});
  std::vector<storage::Delivery> deliveries(1);
  deliveries[0].received_ms = 1626611364000;
  deliveries[0].batches.emplace_back(
      storage::Identity{.kind = storage::IdentityKind::kCertificate, .name = "web2"}, "192.0.2.8");
  deliveries[0].batches[0].Add("type=USER_LOGIN msg=audit(1.000:3): pid=7");
  deliveries[0].number = {.boot_id = "boot1", .number = 1};
  deliveries[0].losses = {.boot_id = "boot1", .totals = {.spool_records = 4}};
  Store(std::move(deliveries));
  HostsRequest request;
  const auto ask = [&] {
    grpc::ClientContext context;
    HostsResponse response;
    const grpc::Status status = StubAs("alice")->Hosts(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    std::vector<std::string> hosts;
    for (HostsResponse::Host& host : *response.mutable_hosts()) {
      EXPECT_EQ(host.pace().last_received_ms(), 1626611364000u);
      host.clear_pace();  // The rest of it depends on the time.
      hosts.push_back(host.ShortDebugString());
    }
    return hosts;
  };
  EXPECT_THAT(ask(), ElementsAre("name: \"web1\" identity: IDENTITY_KIND_NODE",
                                 "name: \"web2\" identity: IDENTITY_KIND_CERTIFICATE "
                                 "losses { spool_records: 4 }"));
  request.set_with_contents(true);
  EXPECT_THAT(ask(),
              ElementsAre("name: \"web1\" identity: IDENTITY_KIND_NODE contents { records: 2 "
                          "first_ms: 1626611363001 last_ms: 1626611363002 "
                          "address: \"192.0.2.7\" }",
                          "name: \"web2\" identity: IDENTITY_KIND_CERTIFICATE "
                          "contents { records: 1 first_ms: 1000 last_ms: 1000 "
                          "address: \"192.0.2.8\" } losses { spool_records: 4 }"));
}

TEST_F(QueryServiceTest, CountsTheValuesOfAField) {
  Start();
  Deliver("web1", {1, 2, 4});
  FieldValuesRequest request = OfField("key");
  request.set_limit(1);
  EXPECT_THAT(FieldValues("root", request), ElementsAre("even 2"));
  EXPECT_EQ(value_count_, 2u);
  request.mutable_predicate()->set_serial(1);
  EXPECT_THAT(FieldValues("root", request), ElementsAre("odd 1"));
}

TEST_F(QueryServiceTest, AnswersWhoMayAskOnly) {
  Start();
  for (const char* const name : {"web1", "stranger"}) {
    grpc::Status status;
    EXPECT_THAT(Search(name, {}, &status), IsEmpty());
    EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
    FieldValues(name, OfField("key"), &status);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  }
  EXPECT_EQ(api_->call_counters().calls_refused_role_total, 4u);
}

TEST_F(QueryServiceTest, NamesWhatIsNotDefined) {
  Start();
  const auto message_for = [&](const SearchRequest& request) {
    grpc::Status status;
    EXPECT_THAT(Search("root", request, &status), IsEmpty());
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    return status.error_message();
  };
  SearchRequest attribute;
  attribute.mutable_predicate()->mutable_attribute()->set_attribute("colour");
  EXPECT_EQ(message_for(attribute), "predicate: no attribute \"colour\"");
  SearchRequest cursor;
  cursor.set_after("rubbish");
  EXPECT_EQ(message_for(cursor), "after: not a cursor of this collector");
  SearchRequest order;
  order.set_order(static_cast<auspex::v1::Order>(9));
  EXPECT_EQ(message_for(order), "order 9 is not defined");
  grpc::Status status;
  FieldValues("root", OfField("pid"), &status);
  EXPECT_EQ(status.error_message(), "no indexed field \"pid\"");
}

// The reader of a large answer takes nothing: it is cut off, and others are answered meanwhile.
TEST_F(QueryServiceTest, CutsOffWhoDoesNotRead) {
  limits_.calls.stall_max = std::chrono::milliseconds(200);
  Start();
  DeliverMuch();
  const auto stub = StubAs("root");
  grpc::ClientContext context;
  const auto reader = stub->Search(&context, SearchRequest());
  EXPECT_THAT(Hosts("alice"), ElementsAre("web1"));
  while (api_->call_counters().calls_ended_stalled_total == 0) std::this_thread::yield();
  size_t found = 0;
  for (SearchResponse response; reader->Read(&response);) found += response.events_size();
  EXPECT_LT(found, kMany);
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(QueryServiceTest, EndsTheCallsOfWhoMayNotSeeThatAnyMore) {
  Start();
  DeliverMuch();
  const auto stub = StubAs("alice");
  grpc::ClientContext context;
  const auto reader = stub->Search(&context, SearchRequest());
  SearchResponse response;
  ASSERT_TRUE(reader->Read(&response));
  SetAccess("admin root\n");
  size_t found = 0;
  while (reader->Read(&response)) found += response.events_size();
  EXPECT_LT(found, kMany);
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::PERMISSION_DENIED);
}

TEST_F(QueryServiceTest, EndsWhatTakesTooLong) {
  max_time_s_ = 1;
  Start();
  DeliverMuch();
  const auto stub = StubAs("root");
  grpc::ClientContext tail_context;
  const auto viewer = StubAs("alice");  // Who does not see the collector's own records.
  const auto tail = viewer->Tail(&tail_context, auspex::v1::TailRequest());
  auspex::v1::TailResponse followed;
  ASSERT_TRUE(tail->Read(&followed));
  grpc::ClientContext context;
  const auto reader = stub->Search(&context, SearchRequest());
  while (api_->call_counters().calls_ended_time_total == 0) std::this_thread::yield();
  size_t found = 0;
  for (SearchResponse response; reader->Read(&response);) found += response.events_size();
  EXPECT_LT(found, kMany);
  const grpc::Status ended = reader->Finish();
  EXPECT_EQ(ended.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(ended.error_message(), "the answer took longer than 1 s: the limit of the collector");
  // What goes on until it is ended goes on.
  Deliver("web2", {1});
  while (tail->Read(&followed) && followed.events_size() == 0) continue;
  EXPECT_EQ(followed.events_size(), 1);
}

TEST_F(QueryServiceTest, RefusesCallsBeyondTheLimit) {
  limits_.calls.calls_max = 1;
  Start();
  DeliverMuch();
  const auto stub = StubAs("root");
  grpc::ClientContext context;
  const auto reader = stub->Search(&context, SearchRequest());
  SearchResponse response;
  ASSERT_TRUE(reader->Read(&response));
  grpc::Status status;
  Search("root", {}, &status);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("more than 1 calls at once"));
  context.TryCancel();
  while (reader->Read(&response)) continue;
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

}  // namespace
}  // namespace server
