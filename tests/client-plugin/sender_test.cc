#include "client-plugin/sender.h"

#include <future>
#include <set>

#include <gmock/gmock.h>

#include "tests/server/api/api_fixture.h"
#include "tests/server/held_port.h"

namespace client_plugin {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

// A collector, and an agent's spool on its way to it.
class SenderTest : public server::ApiTest {
 protected:
  SenderTest() {
    const server::CertificateFiles files = ca_.Issue("web1", "/CN=web1");
    sender_options_ = {
        .tls = {.certificate = files.certificate, .key = files.key, .ca = ca_.certificate()},
        .server_name = "localhost",
        .answer_time_max = seconds(20),
        .pause_min = milliseconds(10),
        .pause_max = milliseconds(50)};
    OpenSpool();
  }

  void OpenSpool(const std::string& boot_id = "boot1") {
    spool_.reset();
    auto spool = Spool::Open({.directory = directory_.path() + "/spool", .boot_id = boot_id});
    ASSERT_TRUE(spool.ok()) << spool.status();
    spool_ = *std::move(spool);
  }

  void StartSender(std::vector<std::string> servers = {}) {
    if (servers.empty()) servers = {Address()};
    sender_options_.servers = servers;
    sender_ = std::make_unique<Sender>(*spool_, sender_options_);
  }

  std::string Address() const { return absl::StrCat("127.0.0.1:", port()); }

  // So many batches of two records each.
  void Append(int batches) {
    for (int i = 0; i < batches; ++i) {
      SpoolBatch batch;
      for (int j = 0; j < 2; ++j) {
        batch.Add(absl::StrFormat("type=USER_LOGIN msg=audit(1626611363.000:%d): pid=7", ++made_));
      }
      ASSERT_TRUE(spool_->Append(&batch).ok());
      if (sender_) sender_->Wake();
    }
  }

  // The serials of the collector's records of the host, each as often as it is there.
  std::multiset<uint32_t> Stored() const {
    std::multiset<uint32_t> serials;
    const absl::Status searched =
        store_->Search({.host_patterns = {"web1"}}, [&serials](const storage::FoundEvent& found) {
          for (size_t i = 0; i < found.event.record_count(); ++i) {
            serials.insert(found.event.stamp().serial);
          }
          return true;
        });
    EXPECT_TRUE(searched.ok()) << searched;
    return serials;
  }

  // Everything that was made, once.
  std::multiset<uint32_t> All() const {
    std::multiset<uint32_t> serials;
    for (uint32_t i = 1; i <= made_; ++i) serials.insert(i);
    return serials;
  }

  bool IsDelivered() const { return spool_->PendingSeries().empty(); }

  // Whether it becomes true.
  static bool Becomes(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + seconds(60);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }

  uint32_t made_ = 0;
  SenderOptions sender_options_;
  std::unique_ptr<Spool> spool_;
  std::unique_ptr<Sender> sender_;
};

TEST_F(SenderTest, DeliversWhatIsThereAndWhatComes) {
  Start();
  Append(3);
  StartSender();
  EXPECT_TRUE(Becomes([this] { return IsDelivered(); }));
  Append(3);
  EXPECT_TRUE(Becomes([this] { return IsDelivered(); }));
  EXPECT_EQ(Stored(), All());
  const OutletState state = sender_->state();
  EXPECT_TRUE(state.counters.is_connected);
  EXPECT_EQ(state.destination, Address());
  EXPECT_EQ(state.counters.records_acknowledged, 12u);
}

TEST_F(SenderTest, DeliversEachBatchOnceWhenTheCollectorComesAndGoes) {
  const server::HeldPort held;
  api_port_ = held.number();
  Start();
  StartSender();
  for (int i = 0; i < 5; ++i) {
    Append(50);
    const uint64_t connections = static_cast<uint64_t>(i) + 1;
    EXPECT_TRUE(Becomes([&] { return sender_->state().counters.connections >= connections; }));
    Stop();
    Append(50);
    StartApi();
  }
  EXPECT_TRUE(Becomes([this] { return IsDelivered(); }));
  EXPECT_EQ(Stored(), All());
  EXPECT_GT(sender_->state().counters.connections, 1u);
}

TEST_F(SenderTest, LeavesInTheSpoolWhatNobodyTakes) {
  Append(3);
  StartSender({"127.0.0.1:1"});
  EXPECT_TRUE(Becomes([this] { return sender_->state().counters.failures > 1; }));
  EXPECT_THAT(sender_->state().problem, HasSubstr("127.0.0.1:1: "));
  sender_->Stop(milliseconds(0));
  sender_.reset();
  OpenSpool();
  Append(3);
  Start();
  StartSender();
  EXPECT_TRUE(Becomes([this] { return IsDelivered(); }));
  EXPECT_EQ(Stored(), All());
}

TEST_F(SenderTest, DeliversWhatIsLeftBeforeItStops) {
  Start();
  StartSender();
  Append(200);
  sender_->Stop(seconds(60));
  EXPECT_TRUE(IsDelivered());
  EXPECT_EQ(Stored(), All());
}

TEST_F(SenderTest, TakesTheNextCollectorAndReturnsToTheFirst) {
  Start();
  sender_options_.return_after = milliseconds(50);
  StartSender({"127.0.0.1:1", Address()});
  for (int i = 0; i < 3; ++i) {
    Append(10);
    EXPECT_TRUE(Becomes([this] { return IsDelivered(); }));
  }
  EXPECT_EQ(Stored(), All());
  EXPECT_TRUE(Becomes([this] { return sender_->state().counters.failures > 2; }));
}

// What is new is delivered while the old is: each has its turn.
TEST_F(SenderTest, DoesNotLetWhatIsNewWaitForABacklog) {
  Append(4000);
  Start();
  const std::string old = spool_->CurrentSeries();
  sender_options_.far_behind_bytes = 1000;
  sender_options_.turn = milliseconds(0);
  sender_options_.unacknowledged_bytes_max = 1;
  StartSender();
  EXPECT_TRUE(Becomes([&] { return spool_->CurrentSeries() != old; }));
  Append(1);
  const std::string current = spool_->CurrentSeries();
  EXPECT_TRUE(Becomes([&] { return spool_->PendingBytes(current) == 0; }));
  EXPECT_GT(spool_->PendingBytes(old), 0u);
  EXPECT_TRUE(Becomes([this] { return IsDelivered(); }));
  EXPECT_EQ(Stored(), All());
}

TEST_F(SenderTest, TellsLossesOfTheBootThatTheyAreOf) {
  for (const auto& [boot, lost] : {std::pair("boot1", 70U), std::pair("boot2", 5U)}) {
    OpenSpool(boot);
    SpoolBatch batch;
    batch.Add(absl::StrFormat("type=USER_LOGIN msg=audit(1626611363.000:%d): pid=7", ++made_));
    batch.set_marks({.losses = {.queue_records = lost}});
    ASSERT_TRUE(spool_->Append(&batch).ok());
  }
  Start();
  StartSender();
  EXPECT_TRUE(Becomes([this] { return IsDelivered(); }));
  const auto listed = store_->ListHosts({.host_patterns = {"web1"}});
  ASSERT_TRUE(listed.ok()) << listed.status();
  ASSERT_EQ(listed->hosts.size(), 1u);
  ASSERT_TRUE(listed->hosts[0].losses);
  EXPECT_EQ(listed->hosts[0].losses->queue_records, 75u);
}

// It would hold up all behind it for ever.
TEST_F(SenderTest, GivesUpABatchThatTheCollectorTakesForMalformed) {
  Append(1);
  SpoolBatch batch;
  batch.Add("");
  ASSERT_TRUE(spool_->Append(&batch).ok());
  Append(1);
  Start();
  StartSender();
  EXPECT_TRUE(Becomes([this] { return IsDelivered(); }));
  EXPECT_EQ(Stored(), All());
  EXPECT_EQ(spool_->marks().losses.error_records, 1u);
}

TEST_F(SenderTest, TellsWhyItIsNotWelcome) {
  Start();
  Append(1);
  const server::CertificateFiles files =
      server::TestCa(directory_.path(), "theirs").Issue("web2", "/CN=web2");
  sender_options_.tls.certificate = files.certificate;
  sender_options_.tls.key = files.key;
  StartSender();
  EXPECT_TRUE(Becomes([this] { return sender_->state().counters.failures > 0; }));
  EXPECT_FALSE(sender_->state().counters.is_connected);
  sender_.reset();
  sender_options_.tls.key = directory_.path() + "/none.key";
  StartSender();
  EXPECT_TRUE(Becomes([this] { return sender_->state().counters.failures > 0; }));
  EXPECT_THAT(sender_->state().problem, HasSubstr("none.key: "));
}

}  // namespace
}  // namespace client_plugin
