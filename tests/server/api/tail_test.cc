#include <gmock/gmock.h>

// Includes server/api/api_server.h, too. Boost must come before it: a header of Asio's calls a
// function query(), and finds our namespace instead.
#include "absl/strings/str_format.h"

#include "tests/server/api/api_fixture.h"

namespace server {
namespace {

using auspex::v1::HistogramRequest;
using auspex::v1::HistogramResponse;
using auspex::v1::SearchRequest;
using auspex::v1::SearchResponse;
using auspex::v1::TailRequest;
using auspex::v1::TailResponse;
using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Reader = grpc::ClientReader<TailResponse>;

// A tail that a client reads.
struct OpenTail {
  std::unique_ptr<auspex::v1::QueryService::Stub> stub;
  grpc::ClientContext context;
  std::unique_ptr<Reader> reader;
  std::string cursor;

  // Reads until there are so many events; fewer if the tail ends. As "host serial".
  std::vector<std::string> Read(size_t count) {
    std::vector<std::string> events;
    TailResponse response;
    while (events.size() < count && reader->Read(&response)) {
      for (const auspex::v1::Event& event : response.events()) {
        events.push_back(absl::StrCat(event.host(), " ", event.serial()));
      }
      cursor = response.cursor();
    }
    return events;
  }

  // Reads one message, of which there is one at once.
  void ReadBeat() {
    TailResponse response;
    ASSERT_TRUE(reader->Read(&response));
    EXPECT_EQ(response.events_size(), 0);
    cursor = response.cursor();
  }

  grpc::Status End() {
    context.TryCancel();
    Read(SIZE_MAX);
    return reader->Finish();
  }
};

class TailTest : public ApiTest {
 protected:
  TailTest() { SetAccess("admin root\nviewer alice web*\ningest web*\n"); }

  // Stores one event for each serial, of a second each; its key is "even" or "odd".
  void Deliver(const std::string& host, const std::vector<uint32_t>& serials) {
    std::vector<storage::Delivery> deliveries(1);
    deliveries[0].received_ms = 1626611364000;
    deliveries[0].batches.emplace_back(
        storage::Identity{.kind = storage::IdentityKind::kNode, .name = host}, "192.0.2.7");
    for (const uint32_t serial : serials) {
      deliveries[0].batches[0].Add(
          absl::StrFormat("type=USER_LOGIN msg=audit(%d.000:%d): key=\"%s\"%s", 1000 + serial,
                          serial, serial % 2 == 0 ? "even" : "odd", padding_));
    }
    Store(std::move(deliveries));
  }

  std::unique_ptr<OpenTail> TailAs(const std::string& name, const TailRequest& request) const {
    auto tail = std::make_unique<OpenTail>();
    tail->stub = auspex::v1::QueryService::NewStub(ConnectAs(name));
    tail->reader = tail->stub->Tail(&tail->context, request);
    return tail;
  }

  grpc::Status Histogram(const std::string& name, const HistogramRequest& request,
                         HistogramResponse* response) const {
    grpc::ClientContext context;
    return auspex::v1::QueryService::NewStub(ConnectAs(name))
        ->Histogram(&context, request, response);
  }

  static TailRequest OfHosts(const std::string& pattern) {
    TailRequest request;
    request.add_hosts(pattern);
    return request;
  }
};

TEST_F(TailTest, GivesWhatComes) {
  Start();
  Deliver("web1", {1});
  const auto tail = TailAs("root", OfHosts("*1"));
  tail->ReadBeat();
  Deliver("web1", {2, 3});
  Deliver("db2", {4});
  Deliver("db1", {5});
  EXPECT_THAT(tail->Read(3), ElementsAre("web1 2", "web1 3", "db1 5"));
  EXPECT_EQ(tail->End().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(TailTest, GoesOnWhereTheLastOneWas) {
  Start();
  TailRequest request = OfHosts("web1");
  auto& key = *request.mutable_predicate()->mutable_attribute();
  key.set_attribute("key");
  key.set_text("odd");
  auto tail = TailAs("root", request);
  tail->ReadBeat();
  Deliver("web1", {1});
  EXPECT_THAT(tail->Read(1), ElementsAre("web1 1"));
  tail->End();
  Deliver("web1", {2, 3});
  ASSERT_TRUE(store_->Settle({}).ok());
  Deliver("web1", {4, 5});
  request.set_after(tail->cursor);
  tail = TailAs("root", request);
  EXPECT_THAT(tail->Read(2), ElementsAre("web1 3", "web1 5"));
  Deliver("web1", {7});
  EXPECT_THAT(tail->Read(1), ElementsAre("web1 7"));
}

// A search gives the past, a tail goes on behind it.
TEST_F(TailTest, GoesOnWhereASearchWas) {
  Start();
  Deliver("web1", {1, 2});
  SearchRequest search;
  search.add_hosts("web1");
  search.set_order(auspex::v1::ORDER_WHOLE);
  search.set_limit(1);
  grpc::ClientContext context;
  const auto stub = auspex::v1::QueryService::NewStub(ConnectAs("root"));
  const auto reader = stub->Search(&context, search);
  SearchResponse found;
  ASSERT_TRUE(reader->Read(&found));
  TailRequest request = OfHosts("web1");
  request.set_after(found.events(0).cursor());
  EXPECT_THAT(TailAs("root", request)->Read(1), ElementsAre("web1 2"));
}

TEST_F(TailTest, TellsThatItLives) {
  limits_.query.tail_beat = std::chrono::milliseconds(1);
  Start();
  const auto tail = TailAs("root", OfHosts("none"));
  tail->ReadBeat();
  const std::string first = tail->cursor;
  // What does not match moves the cursor, too.
  Deliver("web1", {1});
  while (tail->cursor == first) tail->ReadBeat();
  EXPECT_GT(tail->cursor, first);
}

TEST_F(TailTest, ShowsAViewerItsHostsUntilItMayNotSeeThem) {
  Start();
  const auto tail = TailAs("alice", {});
  tail->ReadBeat();
  Deliver("db1", {1});
  Deliver("web1", {2});
  EXPECT_THAT(tail->Read(1), ElementsAre("web1 2"));
  SetAccess("admin root\n");
  EXPECT_THAT(tail->Read(1), IsEmpty());
  // As in QueryServiceTest: the reason is not heard if a message was still on its way.
  EXPECT_THAT(tail->reader->Finish().error_code(),
              AnyOf(grpc::StatusCode::PERMISSION_DENIED, grpc::StatusCode::CANCELLED));
}

TEST_F(TailTest, EndsWithTheCollector) {
  Start();
  const auto tail = TailAs("root", {});
  tail->ReadBeat();
  EXPECT_TRUE(Stop());
  EXPECT_THAT(tail->Read(SIZE_MAX), IsEmpty());
  // The reason may still be on its way when gRPC ends.
  EXPECT_THAT(tail->reader->Finish().error_code(),
              AnyOf(grpc::StatusCode::UNAVAILABLE, grpc::StatusCode::CANCELLED));
}

// The events of a reader that stands still wait in the store. Others get theirs.
TEST_F(TailTest, WaitsForASlowReaderAndKeepsNothingForIt) {
  Start();
  const auto slow = TailAs("root", OfHosts("web1"));
  slow->ReadBeat();
  const auto other = TailAs("root", OfHosts("web1"));
  other->ReadBeat();
  padding_ = " pad=" + std::string(8000, 'x');
  std::vector<std::string> expected;
  constexpr uint32_t kPortion = 500;
  // More than is kept for all followers.
  for (uint32_t first = 0; first < 3000; first += kPortion) {
    std::vector<uint32_t> serials;
    std::vector<std::string> portion;
    for (uint32_t serial = first; serial < first + kPortion; ++serial) {
      serials.push_back(serial);
      portion.push_back(absl::StrCat("web1 ", serial));
    }
    Deliver("web1", serials);
    EXPECT_EQ(other->Read(kPortion), portion);
    expected.insert(expected.end(), portion.begin(), portion.end());
  }
  EXPECT_EQ(slow->Read(expected.size()), expected);
}

TEST_F(TailTest, CutsOffWhoDoesNotRead) {
  limits_.calls.stall_max = std::chrono::milliseconds(200);
  Start();
  const auto tail = TailAs("root", OfHosts("web1"));
  tail->ReadBeat();
  padding_ = " pad=" + std::string(8000, 'x');
  for (uint32_t serial = 0; api_->call_counters().calls_ended_stalled_total == 0; ++serial) {
    Deliver("web1", {serial});
  }
  tail->Read(SIZE_MAX);
  EXPECT_EQ(tail->reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(TailTest, LeavesPlacesToOtherCalls) {
  limits_.calls.endless_calls_max = 3;
  limits_.calls.endless_calls_of_caller_max = 2;
  Start();
  std::vector<std::unique_ptr<OpenTail>> tails;
  for (const char* const name : {"root", "root", "alice"}) {
    tails.push_back(TailAs(name, {}));
    tails.back()->ReadBeat();
  }
  EXPECT_EQ(api_->call_counters().calls_endless_open, 3u);
  const auto refused = TailAs("alice", {});
  EXPECT_THAT(refused->Read(1), IsEmpty());
  const grpc::Status all = refused->reader->Finish();
  EXPECT_EQ(all.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(all.error_message(), HasSubstr("more than 3 calls at once that do not end"));
  tails.back()->End();
  while (api_->call_counters().calls_endless_open > 2) std::this_thread::yield();
  const auto of_caller = TailAs("root", {});
  EXPECT_THAT(of_caller->Read(1), IsEmpty());
  EXPECT_THAT(of_caller->reader->Finish().error_message(),
              HasSubstr("more than 2 calls at once that do not end, of root"));
  EXPECT_EQ(api_->call_counters().calls_refused_endless_total, 2u);
  HistogramRequest histogram;
  histogram.set_to_ms(1);
  histogram.set_bucket_ms(1);
  HistogramResponse response;
  EXPECT_TRUE(Histogram("root", histogram, &response).ok());
}

TEST_F(TailTest, NamesWhatIsNotDefined) {
  Start();
  const auto message_for = [&](const TailRequest& request) {
    const auto tail = TailAs("root", request);
    EXPECT_THAT(tail->Read(1), IsEmpty());
    const grpc::Status status = tail->reader->Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    return status.error_message();
  };
  TailRequest request;
  request.set_after("rubbish");
  EXPECT_EQ(message_for(request), "after: not a cursor of this collector");
  request.set_after(std::string("\x01\x00", 2) + std::string(40, '\0'));
  EXPECT_EQ(message_for(request), "after: the cursor is of a search with another order");
  TailRequest attribute;
  attribute.mutable_predicate()->mutable_attribute()->set_attribute("colour");
  EXPECT_EQ(message_for(attribute), "predicate: no attribute \"colour\"");
}

TEST_F(TailTest, CountsEventsOverTime) {
  Start();
  Deliver("web1", {0, 1, 2, 3, 4});
  Deliver("db1", {3});
  HistogramRequest request;
  request.set_from_ms(1'000'000);
  request.set_to_ms(1'003'999);
  request.set_bucket_ms(2000);
  request.set_field("key");
  request.set_limit(1);
  HistogramResponse response;
  ASSERT_TRUE(Histogram("alice", request, &response).ok());
  EXPECT_THAT(response.events(), ElementsAre(2, 2));
  ASSERT_EQ(response.series_size(), 1);
  EXPECT_EQ(response.series(0).value(), "even");
  EXPECT_EQ(response.series(0).total(), 2u);
  EXPECT_THAT(response.series(0).events(), ElementsAre(1, 1));
  EXPECT_THAT(response.others().events(), ElementsAre(1, 1));
  EXPECT_EQ(response.value_count(), 2u);
  // Other hosts do not exist for a viewer.
  request.set_field("host");
  ASSERT_TRUE(Histogram("alice", request, &response).ok());
  EXPECT_EQ(response.value_count(), 1u);
  EXPECT_FALSE(response.has_others());
  request.set_limit(10);
  request.add_hosts("*1");
  ASSERT_TRUE(Histogram("root", request, &response).ok());
  ASSERT_EQ(response.series_size(), 2);
  EXPECT_EQ(response.series(1).value(), "db1");
  EXPECT_THAT(response.series(1).events(), ElementsAre(0, 1));
}

TEST_F(TailTest, RefusesHistogramsThatAreTooLarge) {
  Start();
  HistogramRequest request;
  const auto message_for = [&](const HistogramRequest& wrong) {
    HistogramResponse response;
    const grpc::Status status = Histogram("root", wrong, &response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    return status.error_message();
  };
  EXPECT_EQ(message_for(request), "histogram: a bucket of no time");
  request.set_bucket_ms(1);
  request.set_to_ms(10'000);
  EXPECT_EQ(message_for(request), "histogram: more than 10000 buckets");
  request.set_to_ms(9'999);
  request.set_field("exe");
  request.set_limit(100);
  EXPECT_EQ(message_for(request), "more than 250000 counts: ask for longer buckets, or less");
  request.set_limit(101);
  EXPECT_EQ(message_for(request), "limit: more than 100");
  request.set_limit(1);
  request.set_field("pid");
  EXPECT_EQ(message_for(request), "no indexed field \"pid\"");
  request.set_field("");
  request.set_from_ms(10'000);
  EXPECT_EQ(message_for(request), "histogram: the time is empty");
}

}  // namespace
}  // namespace server
