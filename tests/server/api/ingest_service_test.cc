#include "server/api/ingest_service.h"

#include <algorithm>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include "audit/record.h"
#include "tests/server/api/api_fixture.h"
#include "tests/server/api/test_agent.h"

namespace server {
namespace {

using auspex::v1::DeliverRequest;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Agent = TestAgent;

class IngestServiceTest : public ApiTest {
 protected:
  // Waits until an agent that gets nothing but gaps is read no further: not while another one is
  // served a thousand times. Returns how many batches were refused.
  uint64_t AwaitStall() {
    Agent other(ConnectAs("web1"));
    other.Hello();
    uint64_t number = 1;
    for (uint64_t before = 0;;) {
      for (const uint64_t end = number + 1000; number < end; ++number) {
        other.Batch(number);
        EXPECT_TRUE(other.AwaitAck(number));
      }
      const uint64_t refused = Count(&Counters::batches_refused_gap_total);
      if (refused > 0 && refused == before) return refused;
      before = refused;
    }
  }

  // The records of all hosts but the collector, as "kind host record".
  std::vector<std::string> Stored() const {
    std::vector<std::string> stored;
    const absl::Status searched = store_->Search({}, [&](const storage::FoundEvent& found) {
      if (found.host.kind == storage::IdentityKind::kCollector) return true;
      EXPECT_EQ(found.address, "127.0.0.1");
      for (size_t i = 0; i < found.event.record_count(); ++i) {
        stored.push_back(absl::StrCat(static_cast<int>(found.host.kind), " ", found.host.name, " ",
                                      std::string(found.event.line(i))));
      }
      return true;
    });
    EXPECT_TRUE(searched.ok()) << searched;
    return stored;
  }

  // As the metric says.
  uint64_t HandshakesFailed() {
    return OnNetwork<uint64_t>([this] {
      const std::vector<Metric> metrics = api_->Metrics();
      return std::ranges::find(metrics, "auspexd_grpc_handshakes_failed_total", &Metric::name)
          ->value;
    });
  }

  grpc::StatusCode CodeFor(const std::shared_ptr<grpc::Channel>& channel) const {
    Agent agent(channel);
    agent.Hello();
    return agent.End().error_code();
  }
};

TEST_F(IngestServiceTest, StoresWhatItAcknowledges) {
  Start();
  Agent agent(ConnectAs("web1"));
  agent.Hello();
  EXPECT_EQ(agent.Next(), "welcome 0");
  agent.Batch(1, 0, {Line(1), Line(2)});
  agent.Batch(2, 1, {Line(3)});
  EXPECT_TRUE(agent.AwaitAck(2));
  EXPECT_THAT(Stored(), ElementsAre("3 web1 " + Line(1), "3 web1 " + Line(2), "3 web1 " + Line(3)));
  agent.HalfClose();
  EXPECT_TRUE(agent.End().ok());
}

TEST_F(IngestServiceTest, KnowsAnAgentByItsFirstDnsName) {
  Start();
  Agent agent(ConnectWith(ca_.Issue("two", "/CN=Some Person", "DNS:web2,DNS:web3")));
  agent.Hello();
  agent.Batch(1);
  EXPECT_TRUE(agent.AwaitAck(1));
  EXPECT_THAT(Stored(), ElementsAre("3 web2 " + Line(1)));
}

TEST_F(IngestServiceTest, AcknowledgesARepeatAndStoresItOnce) {
  Start();
  const auto channel = ConnectAs("web1");
  Agent agent(channel);
  agent.Hello();
  agent.Batch(1);
  agent.Batch(2);
  EXPECT_TRUE(agent.AwaitAck(2));
  agent.Batch(1);
  EXPECT_TRUE(agent.AwaitAck(2));
  agent.HalfClose();
  EXPECT_TRUE(agent.End().ok());

  Agent again(channel);
  again.Hello();
  EXPECT_EQ(again.Next(), "welcome 2");
  again.Batch(2);
  again.Batch(3);
  EXPECT_TRUE(again.AwaitAck(3));
  EXPECT_THAT(Stored(), ElementsAre("3 web1 " + Line(1), "3 web1 " + Line(2), "3 web1 " + Line(3)));
  EXPECT_EQ(Count(&Counters::batches_repeated_total), 2u);
}

TEST_F(IngestServiceTest, RefusesAGapAndGoesOn) {
  Start();
  Agent agent(ConnectAs("web1"));
  agent.Hello();
  EXPECT_EQ(agent.Next(), "welcome 0");
  agent.Batch(3);
  EXPECT_EQ(agent.Next(), "gap 3 0");
  agent.Batch(1);
  EXPECT_EQ(agent.Next(), "ack 1");
  EXPECT_THAT(Stored(), ElementsAre("3 web1 " + Line(1)));
}

TEST_F(IngestServiceTest, CountsWhatAnAgentHasLost) {
  Start();
  Agent agent(ConnectAs("web1"));
  agent.Hello();
  agent.Batch(1);
  agent.Batch(5, 1, {Line(5)});
  EXPECT_TRUE(agent.AwaitAck(5));
  EXPECT_EQ(Count(&Counters::batches_lost_total), 3u);
}

// It comes from another collector, which has what is before.
TEST_F(IngestServiceTest, TakesTheFirstBatchForNoLoss) {
  Start();
  Agent agent(ConnectAs("web1"));
  agent.Hello();
  agent.Batch(5, 0, {Line(5)});
  EXPECT_TRUE(agent.AwaitAck(5));
  EXPECT_EQ(Count(&Counters::batches_lost_total), 0u);
}

TEST_F(IngestServiceTest, CountsEachBootAnew) {
  Start();
  const auto channel = ConnectAs("web1");
  for (const uint32_t boot : {1, 2}) {
    Agent agent(channel);
    agent.Hello(absl::StrCat("boot", boot));
    EXPECT_EQ(agent.Next(), "welcome 0");
    agent.Batch(1, 0, {Line(boot)});
    EXPECT_TRUE(agent.AwaitAck(1));
  }
  EXPECT_THAT(Stored(), ElementsAre("3 web1 " + Line(1), "3 web1 " + Line(2)));
}

TEST_F(IngestServiceTest, LetsTheNewerStreamOfAnAgentWin) {
  Start();
  const auto channel = ConnectAs("web1");
  Agent older(channel);
  older.Hello();
  EXPECT_EQ(older.Next(), "welcome 0");
  Agent newer(channel);
  newer.Hello();
  EXPECT_EQ(newer.Next(), "welcome 0");
  EXPECT_EQ(older.End().error_code(), grpc::StatusCode::ABORTED);
  newer.Batch(1);
  EXPECT_TRUE(newer.AwaitAck(1));
  EXPECT_EQ(Count(&Counters::streams_replaced_total), 1u);
}

TEST_F(IngestServiceTest, NamesWhatBreaksTheContract) {
  Start();
  const std::string long_record(audit::kRecordBytesMax + 1, 'x');
  const struct {
    uint64_t number;
    uint64_t follows;
    std::vector<std::string> records;
    std::string message;
  } cases[] = {
      {0, 0, {Line(1)}, "batch: the number is 0"},
      {1, 1, {Line(1)}, "batch 1: follows 1"},
      {1, 0, {}, "batch 1: no records"},
      {1, 0, {Line(1), ""}, "batch 1: record 1 has 0 bytes, 1 to 16384 are allowed"},
      {1, 0, {long_record}, "batch 1: record 0 has 16385 bytes, 1 to 16384 are allowed"},
      {1, 0, {Line(1) + "\n" + Line(2)}, "batch 1: record 0 holds a newline"},
      {1, 0, std::vector<std::string>(65'537, "x"), "batch 1: 65537 records, the limit is 65536"},
  };
  const auto channel = ConnectAs("web1");
  for (const auto& [number, follows, records, message] : cases) {
    Agent agent(channel);
    agent.Hello();
    agent.Batch(number, follows, records);
    const grpc::Status end = agent.End();
    EXPECT_EQ(end.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << message;
    EXPECT_EQ(end.error_message(), message);
  }
  EXPECT_THAT(Stored(), IsEmpty());
}

TEST_F(IngestServiceTest, WantsOneHelloFirst) {
  Start();
  const auto channel = ConnectAs("web1");
  Agent without(channel);
  without.Batch(1);
  EXPECT_EQ(without.End().error_message(), "the first message is not Hello");
  Agent with_two(channel);
  with_two.Hello();
  EXPECT_EQ(with_two.Next(), "welcome 0");
  with_two.Hello();
  EXPECT_EQ(with_two.End().error_message(), "a second Hello");
  Agent with_nothing(channel);
  with_nothing.Send(DeliverRequest());
  EXPECT_EQ(with_nothing.End().error_message(), "a message that is neither Hello nor Batch");
  for (const size_t size : {0, 65}) {
    Agent odd(channel);
    odd.Hello(std::string(size, 'b'));
    EXPECT_THAT(odd.End().error_message(), HasSubstr("1 to 64 are allowed"));
  }
}

TEST_F(IngestServiceTest, DoesNotWaitLongForHello) {
  limits_.ingest.hello_time = std::chrono::milliseconds(20);
  Start();
  Agent agent(ConnectAs("web1"));
  EXPECT_EQ(agent.End().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST_F(IngestServiceTest, AcknowledgesWhatItHasReadWhenItStops) {
  Start();
  Agent agent(ConnectAs("web1"));
  agent.Hello();
  agent.Batch(1);
  EXPECT_TRUE(agent.AwaitAck(1));
  EXPECT_TRUE(Stop());
  EXPECT_EQ(agent.End().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(Stored(), ElementsAre("3 web1 " + Line(1)));
}

// It has replies on their way to an agent that takes none.
TEST_F(IngestServiceTest, CutsOffWhoDoesNotReadWhenItStops) {
  limits_.ingest.end_time = std::chrono::milliseconds(200);
  Start();
  Agent deaf(ConnectAs("deaf"));
  deaf.Hello();
  std::thread sender([&] {
    for (uint64_t gap = 2; deaf.Batch(gap); ++gap) continue;
  });
  AwaitStall();
  EXPECT_FALSE(Stop());
  sender.join();
  EXPECT_FALSE(deaf.End().ok());
}

TEST_F(IngestServiceTest, SurvivesAMessageThatIsTooLarge) {
  Start();
  const auto channel = ConnectAs("web1");
  Agent agent(channel);
  agent.Hello();
  EXPECT_EQ(agent.Next(), "welcome 0");
  // 100 MB.
  agent.Batch(1, 0, std::vector<std::string>(10'000, std::string(10'000, 'x')));
  EXPECT_EQ(agent.End().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  Agent next(channel);
  next.Hello();
  next.Batch(1);
  EXPECT_TRUE(next.AwaitAck(1));
}

// It sends what is answered by a gap each time, and reads none of them: the collector reads it no
// further, and others do not notice.
TEST_F(IngestServiceTest, DoesNotGatherRepliesForWhoDoesNotRead) {
  Start();
  Agent deaf(ConnectAs("deaf"));
  deaf.Hello();
  EXPECT_EQ(deaf.Next(), "welcome 0");
  constexpr uint64_t kBatches = 20'000;
  std::thread sender([&] {
    for (uint64_t number = 2; number < kBatches; ++number) {
      if (!deaf.Batch(number)) break;
    }
    deaf.HalfClose();
  });
  EXPECT_LT(AwaitStall(), kBatches - 2);
  // Once it listens, it hears all of them.
  for (uint64_t number = 2; number < kBatches; ++number) {
    ASSERT_EQ(deaf.Next(), absl::StrCat("gap ", number, " 0"));
  }
  sender.join();
  EXPECT_TRUE(deaf.End().ok());
}

TEST_F(IngestServiceTest, RefusesStreamsBeyondTheLimit) {
  limits_.ingest.streams_max = 1;
  Start();
  Agent first(ConnectAs("web1"));
  first.Hello();
  EXPECT_EQ(first.Next(), "welcome 0");
  EXPECT_EQ(CodeFor(ConnectAs("web2")), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(Count(&Counters::streams_refused_limit_total), 1u);
}

TEST_F(IngestServiceTest, LetsInOnlyWhoShowsACertificateOfItsCa) {
  Start();
  const TestCa other(directory_.path(), "other");
  const std::string roots = ReadWhole(ca_.certificate());
  const uint64_t failed = HandshakesFailed();
  EXPECT_EQ(CodeFor(ConnectWith(other.Issue("web1", "/CN=web1"))), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(CodeFor(ConnectWith(ca_.Issue("old", "/CN=web1", "", true))),
            grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(CodeFor(Connect(grpc::SslCredentials({roots, "", ""}))), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(CodeFor(Connect(grpc::InsecureChannelCredentials())), grpc::StatusCode::UNAVAILABLE);
  // gRPC's client tries more than once, and may know of it before we do.
  while (HandshakesFailed() < failed + 4) std::this_thread::yield();
  // One that the CA has signed, but that names no host.
  EXPECT_EQ(CodeFor(ConnectWith(ca_.Issue("blank", "/CN=web 1"))),
            grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(CodeFor(ConnectWith(ca_.Issue("unnamed", "/O=nobody"))),
            grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_THAT(Stored(), IsEmpty());
}

TEST_F(IngestServiceTest, TakesANewCertificateWithoutARestart) {
  limits_.credential_refresh = std::chrono::milliseconds(5);
  Start();
  const CertificateFiles agent = ca_.Issue("web1", "/CN=web1");
  const auto answers_as = [&](const std::string& name) {
    Agent caller(ConnectWith(agent, name));
    caller.Hello();
    return caller.Next() == "welcome 0";
  };
  EXPECT_TRUE(answers_as("localhost"));
  EXPECT_FALSE(answers_as("renewed"));
  ca_.Issue("server", "/CN=collector", "DNS:renewed");  // Into the files of the one before.
  while (!answers_as("renewed")) continue;
  EXPECT_FALSE(answers_as("localhost"));
}

TEST_F(IngestServiceTest, SpeaksTls13Only) {
  Start();
  const CertificateFiles files = ca_.Issue("web1", "/CN=web1");
  const auto connects = [&](const std::string& version) {
    const std::string command = absl::StrFormat(
        "openssl s_client %s -alpn h2 -connect 127.0.0.1:%d -CAfile %s -cert %s -key %s "
        "-verify_return_error < /dev/null > /dev/null 2>&1",
        version, port(), ca_.certificate(), files.certificate, files.key);
    return std::system(command.c_str()) == 0;
  };
  EXPECT_TRUE(connects("-tls1_3"));
  EXPECT_FALSE(connects("-tls1_2"));
}

TEST_F(IngestServiceTest, LetsInAgentsOnlyAndEndsWhoIsNoneAnyMore) {
  SetAccess("viewer alice *\nnone web9\ningest web*\n");
  Start();
  EXPECT_EQ(CodeFor(ConnectAs("alice")), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(CodeFor(ConnectAs("web9")), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(CodeFor(ConnectAs("db1")), grpc::StatusCode::PERMISSION_DENIED);
  Agent revoked(ConnectAs("web1"));
  revoked.Hello();
  revoked.Batch(1);
  EXPECT_TRUE(revoked.AwaitAck(1));
  Agent other(ConnectAs("web2"));
  other.Hello();
  SetAccess("none web1\ningest web*\n");
  EXPECT_EQ(revoked.End().error_code(), grpc::StatusCode::PERMISSION_DENIED);
  other.Batch(1);
  EXPECT_TRUE(other.AwaitAck(1));
}

// As a load balancer asks for it.
TEST_F(IngestServiceTest, TellsItsHealth) {
  Start();
  grpc::GenericStub stub(ConnectAs("balancer"));
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const grpc::Slice of_all_services;
  const auto call = stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check",
                                          grpc::ByteBuffer(&of_all_services, 1), &queue);
  call->StartCall();
  grpc::ByteBuffer answer;
  grpc::Status status;
  call->Finish(&answer, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  ASSERT_TRUE(queue.Next(&tag, &ok));
  EXPECT_TRUE(status.ok()) << status.error_message();
  grpc::Slice slice;
  ASSERT_TRUE(answer.DumpToSingleSlice(&slice).ok());
  EXPECT_EQ(std::string(slice.begin(), slice.end()), "\x08\x01");  // SERVING.
}

}  // namespace
}  // namespace server
