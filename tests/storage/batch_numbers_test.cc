#include "storage/batch_numbers.h"

#include "absl/strings/str_format.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/event_store.h"
#include "tests/storage/open_store.h"
#include "tests/storage/temporary_directory.h"

namespace storage {
namespace {

using testing::ElementsAre;
using Outcome = Receipt::Outcome;

Identity Agent(const std::string& name) {
  return {.kind = IdentityKind::kCertificate, .name = name};
}

class BatchNumbersTest : public testing::Test {
 protected:
  // A batch that follows the one before it.
  Receipt Take(uint64_t number, const std::string& boot = "boot1",
               const std::string& agent = "web1") {
    return numbers_.Take(Agent(agent), {.boot_id = boot, .number = number, .follows = number - 1});
  }

  BatchNumbers numbers_{2};
};

TEST_F(BatchNumbersTest, StoresEachNumberOnce) {
  EXPECT_EQ(Take(1), (Receipt{Outcome::kStored, 1}));
  EXPECT_EQ(Take(2), (Receipt{Outcome::kStored, 2}));
  EXPECT_EQ(Take(2), (Receipt{Outcome::kRepeated, 2}));
  EXPECT_EQ(Take(1), (Receipt{Outcome::kRepeated, 2}));
  EXPECT_EQ(Take(3), (Receipt{Outcome::kStored, 3}));
}

TEST_F(BatchNumbersTest, RefusesAGapAndTellsTheLast) {
  EXPECT_EQ(Take(2), (Receipt{Outcome::kGap, 0}));
  EXPECT_EQ(Take(1), (Receipt{Outcome::kStored, 1}));
  EXPECT_EQ(Take(3), (Receipt{Outcome::kGap, 1}));
}

TEST_F(BatchNumbersTest, TakesAGapThatTheAgentTellsOf) {
  Take(1);
  const BatchNumber behind_loss{.boot_id = "boot1", .number = 9, .follows = 1};
  EXPECT_EQ(numbers_.Take(Agent("web1"), behind_loss), (Receipt{Outcome::kStored, 9}));
  EXPECT_EQ(numbers_.Take(Agent("web1"), behind_loss), (Receipt{Outcome::kRepeated, 9}));
}

TEST_F(BatchNumbersTest, CountsEachBootAndEachAgentApart) {
  Take(1);
  Take(2);
  EXPECT_EQ(Take(1, "boot2"), (Receipt{Outcome::kStored, 1}));
  EXPECT_EQ(Take(3, "boot1"), (Receipt{Outcome::kStored, 3}));
  EXPECT_EQ(Take(1, "boot1", "web2"), (Receipt{Outcome::kStored, 1}));
}

TEST_F(BatchNumbersTest, HasRoomForSoManyAgents) {
  Take(1, "boot1", "web1");
  Take(1, "boot1", "web2");
  EXPECT_EQ(Take(1, "boot1", "web3").outcome, Outcome::kNoRoom);
  EXPECT_EQ(Take(2, "boot1", "web2").outcome, Outcome::kStored);
}

TEST_F(BatchNumbersTest, ForgetsTheBootThatWasHeardOfLongestAgo) {
  Take(1, "boot0");
  for (size_t i = 1; i < BatchNumbers::kBootsMax; ++i) Take(1, absl::StrFormat("boot%d", i));
  Take(2, "boot0");
  Take(1, "one more");
  EXPECT_EQ(numbers_.Last(Agent("web1"), "boot0"), 2u);
  EXPECT_EQ(numbers_.Last(Agent("web1"), "boot1"), 0u);
  EXPECT_EQ(numbers_.Last(Agent("web1"), "boot2"), 1u);
}

TEST_F(BatchNumbersTest, IsReadAsItWasWritten) {
  Take(1, "boot1");
  Take(1, "boot2");
  Take(2, "boot2");
  const std::string key = BatchNumbers::EncodeKey(Agent("web1"));
  const std::string value = numbers_.EncodeValue(Agent("web1"));
  EXPECT_EQ(key, std::string("a\3web1"));
  EXPECT_EQ(value, std::string("\1\5boot1\1\5boot2\2"));
  BatchNumbers read(2);
  ASSERT_TRUE(read.Load(key, value).ok());
  EXPECT_EQ(read.Last(Agent("web1"), "boot1"), 1u);
  EXPECT_EQ(read.Last(Agent("web1"), "boot2"), 2u);
  for (const size_t length : {0, 2, 6, 13}) {
    EXPECT_TRUE(absl::IsDataLoss(read.Load(key, value.substr(0, length)))) << length;
  }
  EXPECT_TRUE(absl::IsDataLoss(read.Load(key, "\2")));
}

// The same through the store, whose files decide.
class AgentDeliveryTest : public testing::Test {
 protected:
  void Open() {
    store_.reset();
    store_ = OpenStore(temporary_.path() + "/store", {});
    ASSERT_NE(store_, nullptr);
  }

  // A batch of one record, whose serial is its number.
  static Delivery Numbered(uint64_t number, uint64_t follows) {
    Delivery delivery{.received_ms = 1626611364000};
    delivery.batches.emplace_back(Agent("web1"), "192.0.2.7");
    delivery.batches.back().Add(absl::StrFormat("type=USER msg=audit(1.000:%d):", number));
    delivery.number = {.boot_id = "boot1", .number = number, .follows = follows};
    return delivery;
  }

  Receipt Append(uint64_t number) {
    std::vector<Delivery> deliveries = {Numbered(number, number - 1)};
    const auto appended = store_->Append(deliveries);
    EXPECT_TRUE(appended.ok()) << appended.status();
    return deliveries[0].receipt;
  }

  std::vector<uint32_t> Serials() {
    std::vector<uint32_t> serials;
    const absl::Status searched = store_->Search({}, [&](const FoundEvent& found) {
      EXPECT_EQ(found.host, Agent("web1"));
      serials.push_back(found.event.stamp().serial);
      return true;
    });
    EXPECT_TRUE(searched.ok()) << searched;
    return serials;
  }

  uint64_t Last() {
    const absl::StatusOr<uint64_t> last = store_->LastBatchNumber(Agent("web1"), "boot1");
    EXPECT_TRUE(last.ok()) << last.status();
    return last.value_or(0);
  }

  TemporaryDirectory temporary_;
  std::unique_ptr<EventStore> store_;
};

TEST_F(AgentDeliveryTest, StoresABatchOnceOverRestarts) {
  Open();
  EXPECT_EQ(Append(1).outcome, Outcome::kStored);
  EXPECT_EQ(Append(2).outcome, Outcome::kStored);
  EXPECT_EQ(Append(2).outcome, Outcome::kRepeated);
  Open();
  EXPECT_EQ(Last(), 2u);
  EXPECT_EQ(Append(2), (Receipt{Outcome::kRepeated, 2}));
  EXPECT_EQ(Append(4), (Receipt{Outcome::kGap, 2}));
  EXPECT_EQ(Append(3), (Receipt{Outcome::kStored, 3}));
  EXPECT_THAT(Serials(), ElementsAre(1, 2, 3));
}

TEST_F(AgentDeliveryTest, DecidesOnEachBatchOfOneWrite) {
  Open();
  std::vector<Delivery> deliveries;
  for (const uint64_t number : {1, 2, 2, 4, 3}) {
    deliveries.push_back(Numbered(number, number - 1));
  }
  const auto appended = store_->Append(deliveries);
  ASSERT_TRUE(appended.ok()) << appended.status();
  EXPECT_EQ(appended->records, 3u);
  EXPECT_EQ(appended->duplicates_dropped, 1u);
  std::vector<Outcome> outcomes;
  for (const Delivery& delivery : deliveries) outcomes.push_back(delivery.receipt.outcome);
  EXPECT_THAT(outcomes, ElementsAre(Outcome::kStored, Outcome::kStored, Outcome::kRepeated,
                                    Outcome::kGap, Outcome::kStored));
  EXPECT_THAT(Serials(), ElementsAre(1, 2, 3));
}

}  // namespace
}  // namespace storage
