#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/quotas.h"
#include "tests/server/api/api_fixture.h"
#include "tests/server/api/test_agent.h"

namespace server {
namespace {

using Agent = TestAgent;

class IngestQuotasTest : public ApiTest {
 protected:
  void SetQuotas(QuotaLimits limits) {
    OnNetwork<int>([&] {
      quotas_.SetRules(*QuotaRules::Parse(limits, "", ""));
      return 0;
    });
  }

  // Records of all hosts but the collector.
  uint64_t StoredCount() const {
    uint64_t count = 0;
    const absl::Status searched = store_->Search({}, [&](const storage::FoundEvent& found) {
      if (found.host.kind != storage::IdentityKind::kCollector) count += found.event.record_count();
      return true;
    });
    EXPECT_TRUE(searched.ok()) << searched;
    return count;
  }
};

TEST_F(IngestQuotasTest, PutsOffTheBatchesOfWhoIsOverItsQuota) {
  Start();
  SetQuotas({.records_per_second = 1});
  Agent agent(ConnectAs("web1"));
  agent.Hello();
  agent.Batch(1, 0, std::vector<std::string>(11, Line(1)));
  agent.Batch(2);
  EXPECT_TRUE(agent.AwaitAck(2));
  EXPECT_GE(Count(&Counters::quota_delays_total), 1u);
  Agent other(ConnectAs("web2"));
  other.Hello();
  other.Batch(1);
  EXPECT_TRUE(other.AwaitAck(1));
}

TEST_F(IngestQuotasTest, RefusesWhoIsTooFarOverItsQuota) {
  limits_.ingest.quota_delay_max = std::chrono::milliseconds(20);
  Start();
  SetQuotas({.records_per_second = 1});
  const auto channel = ConnectAs("web1");
  Agent agent(channel);
  agent.Hello();
  agent.Batch(1, 0, std::vector<std::string>(1000, Line(1)));
  EXPECT_TRUE(agent.AwaitAck(1));
  agent.Batch(2);
  const grpc::Status end = agent.End();
  EXPECT_EQ(end.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(end.error_message(), "over quota_records");
  EXPECT_EQ(Count(&Counters::quota_refused_records_total), 1u);
  // Once it may, it goes on where it was.
  SetQuotas({});
  Agent again(channel);
  again.Hello();
  EXPECT_EQ(again.Next(), "welcome 1");
  again.Batch(2);
  EXPECT_TRUE(again.AwaitAck(2));
}

TEST_F(IngestQuotasTest, RefusesWhatComesAfterTheBytesOfADay) {
  limits_.ingest.quota_delay_max = std::chrono::milliseconds(20);
  Start();
  SetQuotas({.bytes_per_day = 10});
  Agent agent(ConnectAs("web1"));
  agent.Hello();
  agent.Batch(1);
  agent.Batch(2);
  EXPECT_TRUE(agent.AwaitAck(1));
  EXPECT_EQ(agent.End().error_message(), "over quota_bytes_day until the day of UTC ends");
  EXPECT_EQ(StoredCount(), 1u);
}

TEST_F(IngestQuotasTest, DoesNotWaitForATurnWhenItStops) {
  limits_.ingest.quota_delay_max = std::chrono::hours(1);
  Start();
  SetQuotas({.records_per_second = 1});
  Agent agent(ConnectAs("web1"));
  agent.Hello();
  agent.Batch(1, 0, std::vector<std::string>(1000, Line(1)));
  EXPECT_TRUE(agent.AwaitAck(1));
  agent.Batch(2);
  EXPECT_TRUE(Stop());
  EXPECT_EQ(agent.End().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(StoredCount(), 1000u);
}

}  // namespace
}  // namespace server
