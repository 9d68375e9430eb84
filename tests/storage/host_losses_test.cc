#include "storage/host_losses.h"

#include "absl/strings/str_format.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/event_store.h"
#include "tests/storage/open_store.h"
#include "tests/storage/temporary_directory.h"

namespace storage {
namespace {

constexpr HostId kHost = 7;

BootLosses Kernel(uint64_t records, const std::string& boot = "boot1") {
  return {.boot_id = boot, .totals = {.kernel_records = records}};
}

TEST(HostLosses, KeepTheHighestOfEachTotalOfABoot) {
  HostLosses losses;
  EXPECT_TRUE(losses.Take(
      kHost, {.boot_id = "boot1", .totals = {.kernel_records = 5, .spool_records = 9}}));
  EXPECT_TRUE(losses.Take(
      kHost, {.boot_id = "boot1", .totals = {.kernel_records = 6, .spool_records = 2}}));
  EXPECT_EQ(losses.Sum(kHost), (Losses{.kernel_records = 6, .spool_records = 9}));
}

TEST(HostLosses, AreNotChangedByWhatWasToldBefore) {
  HostLosses losses;
  EXPECT_TRUE(losses.Take(kHost, Kernel(5)));
  EXPECT_FALSE(losses.Take(kHost, Kernel(5)));
  EXPECT_FALSE(losses.Take(kHost, Kernel(4)));
  EXPECT_EQ(losses.Sum(kHost), Losses{.kernel_records = 5});
}

TEST(HostLosses, AddUpOverBoots) {
  HostLosses losses;
  losses.Take(kHost, Kernel(5, "boot1"));
  losses.Take(kHost, Kernel(3, "boot2"));
  losses.Take(kHost, Kernel(6, "boot1"));
  losses.Take(kHost + 1, Kernel(1, "boot1"));
  EXPECT_EQ(losses.Sum(kHost), Losses{.kernel_records = 9});
  EXPECT_EQ(losses.Sums(),
            (absl::flat_hash_map<HostId, Losses>{{kHost, {.kernel_records = 9}},
                                                 {kHost + 1, {.kernel_records = 1}}}));
}

TEST(HostLosses, StayInTheSumWhenTheirBootIsForgotten) {
  HostLosses losses;
  for (size_t boot = 0; boot < HostLosses::kBootsMax; ++boot) {
    losses.Take(kHost, Kernel(1, absl::StrFormat("boot%d", boot)));
  }
  losses.Take(kHost, Kernel(2, "boot0"));     // Boot 1 is the oldest from here on.
  losses.Take(kHost, Kernel(1, "one more"));  // It is forgotten.
  const uint64_t sum = HostLosses::kBootsMax + 2;
  EXPECT_EQ(losses.Sum(kHost).kernel_records, sum);
  EXPECT_FALSE(losses.Take(kHost, Kernel(2, "boot0")));
  EXPECT_FALSE(losses.Take(kHost, Kernel(1, "boot2")));
  EXPECT_TRUE(losses.Take(kHost, Kernel(1, "boot1")));
}

TEST(HostLosses, TakeAnyNumberThatAHostClaims) {
  HostLosses losses;
  losses.Take(kHost, Kernel(UINT64_MAX, "boot1"));
  losses.Take(kHost, Kernel(2, "boot2"));
  EXPECT_EQ(losses.Sum(kHost).kernel_records, UINT64_MAX);
}

TEST(HostLosses, AreReadAsTheyWereWritten) {
  HostLosses losses;
  losses.Take(kHost, {.boot_id = "boot1", .totals = {1, 2, 3, 4, 5, 6, 300}});
  losses.Take(kHost, Kernel(9, "boot2"));
  const std::string key = HostLosses::EncodeKey(kHost);
  const std::string value = losses.EncodeValue(kHost);
  EXPECT_EQ(key, std::string("l\0\0\0\7", 5));
  EXPECT_EQ(value, std::string("\1\0\0\0\0\0\0\0"
                               "\5boot1\1\2\3\4\5\6\xac\2"
                               "\5boot2\x9\0\0\0\0\0\0",
                               8 + 14 + 13));
  HostLosses read;
  ASSERT_TRUE(read.Load(key, value).ok());
  EXPECT_EQ(read.EncodeValue(kHost), value);
  EXPECT_EQ(read.Sum(kHost), (Losses{10, 2, 3, 4, 5, 6, 300}));
  for (size_t length = 0; length < value.size(); ++length) {
    if (length == 8 || length == 22) continue;  // Behind whole boots.
    EXPECT_TRUE(absl::IsDataLoss(read.Load(key, value.substr(0, length)))) << length;
  }
  EXPECT_TRUE(absl::IsDataLoss(read.Load(key, "\2" + value.substr(1))));
  EXPECT_TRUE(absl::IsDataLoss(read.Load(key + "x", value)));
  EXPECT_TRUE(absl::IsDataLoss(read.Load(key.substr(0, 4), value)));
}

// The same through the store, whose files decide.
class ToldLossesTest : public testing::Test {
 protected:
  void Open() {
    store_.reset();
    store_ = OpenStore(path_, {});
    ASSERT_NE(store_, nullptr);
  }

  // A batch of one record that tells of losses.
  Receipt::Outcome Append(uint64_t number, const BootLosses& losses,
                          const std::string& series = "series1") {
    std::vector<Delivery> deliveries(1);
    deliveries[0].received_ms = 1626611364000;
    deliveries[0].batches.emplace_back(agent_, "192.0.2.7");
    deliveries[0].batches.back().Add(absl::StrFormat("type=USER msg=audit(1.000:%d):", number));
    deliveries[0].number = {.boot_id = series, .number = number, .follows = number - 1};
    deliveries[0].losses = losses;
    const auto appended = store_->Append(deliveries);
    EXPECT_TRUE(appended.ok()) << appended.status();
    return deliveries[0].receipt.outcome;
  }

  // As each of those who may be asked knows it.
  std::optional<Losses> Lost() {
    const auto of_list = [](const EventStore& store) {
      const auto list = store.ListHosts({});
      EXPECT_TRUE(list.ok() && list->hosts.size() == 1) << list.status();
      return list->hosts.at(0).losses;
    };
    const auto reader = EventStore::OpenForReading(path_);
    EXPECT_TRUE(reader.ok()) << reader.status();
    const std::optional<Losses> lost = of_list(*store_);
    EXPECT_EQ(of_list(**reader), lost);
    const ActiveHosts active = store_->WhoIsActive(10);
    EXPECT_EQ(active.hosts.empty() ? std::nullopt : active.hosts.at(0).losses, lost);
    return lost;
  }

  using Outcome = Receipt::Outcome;
  const Identity agent_{.kind = IdentityKind::kCertificate, .name = "web1"};
  TemporaryDirectory temporary_;
  const std::string path_ = temporary_.path() + "/store";
  std::unique_ptr<EventStore> store_;
};

TEST_F(ToldLossesTest, AreStoredWithTheBatchThatTellsThem) {
  Open();
  EXPECT_EQ(Append(1, Kernel(5)), Outcome::kStored);
  EXPECT_EQ(Lost(), Losses{.kernel_records = 5});
  Open();
  EXPECT_EQ(Lost(), Losses{.kernel_records = 5});
  EXPECT_EQ(Append(2, Kernel(7)), Outcome::kStored);
  EXPECT_EQ(Append(3, Kernel(3, "boot2")), Outcome::kStored);
  EXPECT_EQ(Lost(), Losses{.kernel_records = 10});
  Open();
  EXPECT_EQ(Lost(), Losses{.kernel_records = 10});
}

TEST_F(ToldLossesTest, AreNotToldTwiceByABatchThatIsSentAgain) {
  Open();
  EXPECT_EQ(Append(1, Kernel(5)), Outcome::kStored);
  EXPECT_EQ(Append(1, Kernel(5)), Outcome::kRepeated);
  EXPECT_EQ(Lost(), Losses{.kernel_records = 5});
  Open();
  EXPECT_EQ(Append(1, Kernel(5)), Outcome::kRepeated);
  EXPECT_EQ(Lost(), Losses{.kernel_records = 5});
}

TEST_F(ToldLossesTest, DoNotGoBackWithAnOlderSeriesOfTheBoot) {
  Open();
  EXPECT_EQ(Append(1, Kernel(9), "boot1 new"), Outcome::kStored);
  EXPECT_EQ(Append(1, Kernel(4), "boot1"), Outcome::kStored);
  EXPECT_EQ(Lost(), Losses{.kernel_records = 9});
}

TEST_F(ToldLossesTest, AreNotTakenOfABatchThatIsNot) {
  Open();
  EXPECT_EQ(Append(1, Kernel(5)), Outcome::kStored);
  EXPECT_EQ(Append(3, Kernel(8)), Outcome::kGap);
  EXPECT_EQ(Lost(), Losses{.kernel_records = 5});
}

}  // namespace
}  // namespace storage
