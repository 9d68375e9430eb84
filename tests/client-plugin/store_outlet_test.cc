#include "client-plugin/store_outlet.h"

#include <set>

#include "absl/strings/str_format.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/storage/temporary_directory.h"

namespace client_plugin {
namespace {

class StoreOutletTest : public testing::Test {
 protected:
  void Start() {
    auto spool = Spool::Open({.directory = directory_.path() + "/spool", .boot_id = "boot1"});
    ASSERT_TRUE(spool.ok()) << spool.status();
    spool_ = *std::move(spool);
    auto outlet =
        StoreOutlet::Open(*spool_, {.directory = directory_.path() + "/store", .host = "web1"});
    ASSERT_TRUE(outlet.ok()) << outlet.status();
    outlet_ = *std::move(outlet);
  }

  void Append(int batches) {
    for (int i = 0; i < batches; ++i) {
      SpoolBatch batch;
      batch.Add(absl::StrFormat("type=USER_LOGIN msg=audit(1626611363.000:%d): pid=7", ++made_));
      ASSERT_TRUE(spool_->Append(&batch).ok());
      outlet_->Wake();
    }
  }

  void Finish(std::chrono::milliseconds time_max) {
    outlet_->Stop(time_max);
    outlet_.reset();
    spool_.reset();
  }

  // The serials in the store, each as often as it is there.
  std::multiset<uint32_t> Stored() const {
    std::multiset<uint32_t> serials;
    const auto store = storage::EventStore::OpenForReading(directory_.path() + "/store");
    EXPECT_TRUE(store.ok()) << store.status();
    const absl::Status searched =
        (*store)->Search({.host_patterns = {"web1"}}, [&](const storage::FoundEvent& found) {
          serials.insert(found.event.stamp().serial);
          return true;
        });
    EXPECT_TRUE(searched.ok()) << searched;
    return serials;
  }

  TemporaryDirectory directory_;
  uint32_t made_ = 0;
  std::unique_ptr<Spool> spool_;
  std::unique_ptr<StoreOutlet> outlet_;
};

TEST_F(StoreOutletTest, StoresEachBatchOnceOverRestarts) {
  std::multiset<uint32_t> all;
  for (int i = 0; i < 4; ++i) {
    Start();
    Append(50);
    Finish(i % 2 == 0 ? std::chrono::minutes(1) : std::chrono::minutes(0));
  }
  Start();
  Finish(std::chrono::minutes(1));
  for (uint32_t serial = 1; serial <= made_; ++serial) all.insert(serial);
  EXPECT_EQ(Stored(), all);
}

TEST_F(StoreOutletTest, StoresWhatWasLost) {
  Start();
  SpoolBatch batch;
  batch.Add("type=USER_LOGIN msg=audit(1626611363.000:1): pid=7");
  batch.set_marks({.losses = {.kernel_records = 3}});
  ASSERT_TRUE(spool_->Append(&batch).ok());
  Finish(std::chrono::minutes(1));
  const auto store = storage::EventStore::OpenForReading(directory_.path() + "/store");
  ASSERT_TRUE(store.ok()) << store.status();
  const auto listed = (*store)->ListHosts({});
  ASSERT_TRUE(listed.ok()) << listed.status();
  ASSERT_EQ(listed->hosts.size(), 1u);
  EXPECT_EQ(listed->hosts[0].losses, storage::Losses{.kernel_records = 3});
}

TEST_F(StoreOutletTest, CannotShareItsStore) {
  Start();
  const auto second =
      StoreOutlet::Open(*spool_, {.directory = directory_.path() + "/store", .host = "web1"});
  EXPECT_FALSE(second.ok());
  EXPECT_THAT(std::string(second.status().message()), testing::HasSubstr(directory_.path()));
}

}  // namespace
}  // namespace client_plugin
