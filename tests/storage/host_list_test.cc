#include "storage/host_list.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/event_store.h"
#include "tests/storage/temporary_directory.h"

namespace storage {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class HostListTest : public testing::Test {
 protected:
  HostListTest() {
    auto opened = EventStore::Open(path_, {.now_ms = [this] { return now_ms_; }});
    EXPECT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
  }

  // One event for each time.
  void Deliver(const Identity& host, const std::vector<uint64_t>& times_ms,
               const std::string& address = "192.0.2.7") {
    std::vector<Delivery> deliveries(1);
    deliveries[0].received_ms = ++received_ms_;
    deliveries[0].batches.emplace_back(host, address);
    for (const uint64_t time_ms : times_ms) {
      deliveries[0].batches[0].Add(absl::StrFormat("type=USER_LOGIN msg=audit(%d.%03d:%d): pid=7",
                                                   time_ms / 1000, time_ms % 1000, ++serial_));
    }
    const auto appended = store_->Append(deliveries);
    EXPECT_TRUE(appended.ok()) << appended.status();
  }

  void Deliver(const std::string& node) { Deliver({IdentityKind::kNode, node}, {1000}); }

  void DeliverMalformed(const std::string& node) {
    std::vector<Delivery> deliveries(1);
    deliveries[0].received_ms = ++received_ms_;
    deliveries[0].batches.emplace_back(Identity{IdentityKind::kNode, node}, "192.0.2.9");
    deliveries[0].batches[0].AddMalformed("no record");
    EXPECT_TRUE(store_->Append(deliveries).ok());
  }

  // The names, and "..." if there are more.
  std::vector<std::string> Names(const HostListRequest& request) const {
    const auto list = store_->ListHosts(request);
    EXPECT_TRUE(list.ok()) << list.status();
    std::vector<std::string> names;
    for (const ListedHost& host : list->hosts) names.push_back(host.host.name);
    if (list->more) names.push_back("...");
    return names;
  }

  // "host: records first-last address", as the writer and a reader tell.
  std::vector<std::string> Contents() const {
    const auto tell = [](const EventStore& store) {
      const auto list = store.ListHosts({.with_contents = true});
      EXPECT_TRUE(list.ok()) << list.status();
      std::vector<std::string> told;
      for (const auto& [host, contents, losses, pace] : list->hosts) {
        told.push_back(absl::StrCat(host.name, ": ", contents->records, " ",
                                    contents->first_ms.value_or(0), "-",
                                    contents->last_ms.value_or(0), " ", contents->address));
      }
      return told;
    };
    const auto reader = EventStore::OpenForReading(path_);
    EXPECT_TRUE(reader.ok()) << reader.status();
    std::vector<std::string> told = tell(*store_);
    EXPECT_EQ(tell(**reader), told);
    return told;
  }

  TemporaryDirectory temporary_;
  const std::string path_ = temporary_.path() + "/store";
  uint64_t now_ms_ = 0;
  std::unique_ptr<EventStore> store_;
  uint64_t received_ms_ = 1626611364000;
  uint32_t serial_ = 0;
};

TEST_F(HostListTest, ListsHostsByName) {
  EXPECT_THAT(Names({}), IsEmpty());
  for (const char* const host : {"web2", "db1", "web1"}) Deliver(host);
  EXPECT_THAT(Names({}), ElementsAre("db1", "web1", "web2"));
  EXPECT_THAT(Names({.host_patterns = {"web*", "no"}}), ElementsAre("web1", "web2"));
  EXPECT_THAT(Names({.host_patterns = {"*1"}, .visible_hosts = {"web*"}}), ElementsAre("web1"));
}

TEST_F(HostListTest, ListsHostsPageByPage) {
  for (const char* const host : {"c", "a", "b"}) Deliver(host);
  Deliver({IdentityKind::kCertificate, "b"}, {1000});
  for (const bool with_contents : {false, true}) {
    const auto page = [&](const std::string& after, size_t hosts_max) {
      return Names({.after = after, .hosts_max = hosts_max, .with_contents = with_contents});
    };
    EXPECT_THAT(page("", 1), ElementsAre("a", "..."));
    EXPECT_THAT(page("a", 1), ElementsAre("b", "b", "..."));
    EXPECT_THAT(page("b", 1), ElementsAre("c"));
    EXPECT_THAT(page("c", 1), IsEmpty());
    EXPECT_THAT(page("", 0), ElementsAre("..."));
  }
}

TEST_F(HostListTest, TellsWhatIsStoredInBlocksAndBeside) {
  constexpr uint64_t kDayMs = 86'400'000;
  const Identity web1{IdentityKind::kCertificate, "web1"};
  Deliver(web1, {5 * kDayMs, 3 * kDayMs, 4 * kDayMs}, "192.0.2.7");
  Deliver({IdentityKind::kCollector, "auspexd"}, {1000}, "");
  EXPECT_THAT(Contents(),
              ElementsAre("auspexd: 1 1000-1000 ", "web1: 3 259200000-432000000 192.0.2.7"));
  ASSERT_TRUE(store_->Settle({}).ok());
  EXPECT_THAT(Contents(),
              ElementsAre("auspexd: 1 1000-1000 ", "web1: 3 259200000-432000000 192.0.2.7"));
  Deliver(web1, {2 * kDayMs}, "192.0.2.8");
  EXPECT_THAT(Contents(),
              ElementsAre("auspexd: 1 1000-1000 ", "web1: 4 172800000-432000000 192.0.2.8"));
  ASSERT_TRUE(store_->Settle({}).ok());
  EXPECT_THAT(Contents(),
              ElementsAre("auspexd: 1 1000-1000 ", "web1: 4 172800000-432000000 192.0.2.8"));
}

TEST_F(HostListTest, TellsWhatBlocksTakeAndHowFastAHostSends) {
  now_ms_ = received_ms_ = 1626611364000;
  Deliver({IdentityKind::kNode, "web1"}, {received_ms_ - 4, received_ms_ - 2});
  const auto told = [&] {
    const auto list = store_->ListHosts({.with_contents = true});
    EXPECT_TRUE(list.ok()) << list.status();
    return list->hosts.at(0);
  };
  EXPECT_EQ(told().contents->bytes, 0U);
  EXPECT_EQ(told().pace, (HostPace{.records_per_second = 2.0 / 60,
                                   .clock_lag_ms = 3,
                                   .last_received_ms = received_ms_}));
  ASSERT_TRUE(store_->Settle({}).ok());
  EXPECT_GT(told().contents->bytes, 50U);
  EXPECT_EQ((*EventStore::OpenForReading(path_))->ListHosts({})->hosts.at(0).pace, std::nullopt);
}

TEST_F(HostListTest, CountsAMalformedRecordByItsReceipt) {
  DeliverMalformed("odd");
  EXPECT_THAT(Contents(), ElementsAre("odd: 1 1626611364001-1626611364001 192.0.2.9"));
  ASSERT_TRUE(store_->Settle({}).ok());
  EXPECT_THAT(Contents(), ElementsAre("odd: 1 1626611364001-1626611364001 192.0.2.9"));
}

TEST_F(HostListTest, ListsAHostOfWhichNothingIsLeft) {
  Deliver("web1");
  ASSERT_TRUE(store_->Settle({}).ok());
  ASSERT_TRUE(store_->DropDay({IdentityKind::kNode, "web1"}, 0).ok());
  EXPECT_THAT(Contents(), ElementsAre("web1: 0 0-0 "));
}

}  // namespace
}  // namespace storage
