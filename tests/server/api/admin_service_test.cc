#include <filesystem>
#include <limits>
#include <optional>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include <gmock/gmock.h>

#include "proto/auspex/v1/admin.grpc.pb.h"
#include "tests/server/api/api_fixture.h"

namespace server {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// AUDIT_USER_CMD of <libaudit.h>.
constexpr uint32_t kUserCommand = 1123;

class AdminServiceTest : public ApiTest {
 protected:
  AdminServiceTest() {
    SetAccess("admin root\nviewer alice web*\n");
    actions_ = {.stop = [this] { ++stops_; },
                .backup_dir = [this] { return backup_dir_; },
                .retention_policy = [this] { return policy_; },
                .apply_retention =
                    [this] {
                      ++applications_;
                      return absl::OkStatus();
                    },
                .reload = [this] { return reloaded_; },
                .seal = [this] { ++seals_; },
                .set_suspended = [this](bool it_is) { committer_->SetSuspended(it_is); },
                .is_suspended = [this] { return committer_->is_suspended(); }};
  }

  std::unique_ptr<auspex::v1::AdminService::Stub> StubAs(const std::string& name) const {
    return auspex::v1::AdminService::NewStub(ConnectAs(name));
  }

  // The collector's own records of commands, the oldest first. They are stored after the call has
  // ended: waits until there are `count`.
  std::vector<std::string> Commands(size_t count) const {
    storage::SearchRequest request;
    request.predicate = query::Predicate(query::TypeIn{{kUserCommand}});
    request.host_patterns = {kOwnHost};
    std::vector<std::string> records;
    while (records.size() < count) {
      records.clear();
      const absl::Status searched = store_->Search(request, [&](const storage::FoundEvent& found) {
        records.emplace_back(found.event.line(0));
        return true;
      });
      EXPECT_TRUE(searched.ok()) << searched;
      if (!searched.ok()) break;
    }
    return records;
  }

  absl::Status reloaded_;
  std::optional<storage::RetentionPolicy> policy_;
  int applications_ = 0;
  int seals_ = 0;
  int stops_ = 0;
};

TEST_F(AdminServiceTest, TellsHowTheCollectorIs) {
  Start();
  grpc::ClientContext context;
  auspex::v1::StatusResponse response;
  const grpc::Status status = StubAs("root")->Status(&context, {}, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.version(), AUSPEX_VERSION);
  EXPECT_FALSE(response.suspended());
  std::string calls;
  for (const auto& counter : response.counters()) {
    if (counter.name() == "auspexd_calls_open") calls = absl::StrCat(counter.value());
  }
  EXPECT_EQ(calls, "1");  // This one.
  EXPECT_TRUE(response.store().is_open());
  EXPECT_EQ(response.settings(0).name(), "listen_address");
}

TEST_F(AdminServiceTest, TellsWhatHostsTakeAndHaveLost) {
  Start();
  DeliverMuch();
  Deliver("web2", {1});
  ASSERT_TRUE(store_->Settle({}).ok());
  grpc::ClientContext context;
  auspex::v1::StatusRequest request;
  request.set_largest_hosts(1);
  auspex::v1::StatusResponse response;
  const grpc::Status status = StubAs("root")->Status(&context, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.hosts(), 2u);
  ASSERT_EQ(response.largest_hosts_size(), 1);
  EXPECT_EQ(response.largest_hosts(0).name(), "web1");
  EXPECT_GT(response.largest_hosts(0).contents().bytes(), 0u);
  EXPECT_TRUE(response.has_losses());
  EXPECT_GT(response.store().table_bytes(), 0u);
}

TEST_F(AdminServiceTest, WritesItsStateIntoAFile) {
  Start();
  Deliver("web1", {1, 2, 3});
  ASSERT_TRUE(store_->Settle({}).ok());
  const auto write = [&](auspex::v1::WriteStateResponse* response) {
    grpc::ClientContext context;
    return StubAs("root")->WriteState(&context, {}, response);
  };
  auspex::v1::WriteStateResponse response;
  const grpc::Status written = write(&response);
  ASSERT_TRUE(written.ok()) << written.error_message();
  EXPECT_EQ(response.path(), config_.state.state_file);
  EXPECT_THAT(ReadWhole(response.path()),
              AllOf(HasSubstr("uptime"), HasSubstr("auspexd_calls_open"), HasSubstr("flush"),
                    HasSubstr("\nhosts "), HasSubstr("lost before"), HasSubstr("\n  web1 ")));
  config_.state.state_file = directory_.path() + "/none/state";
  EXPECT_THAT(write(&response).error_message(), HasSubstr("/none/state"));
}

TEST_F(AdminServiceTest, DoesWhatSignalsDo) {
  Start();
  const auto stub = StubAs("root");
  {
    grpc::ClientContext context;
    auspex::v1::SealResponse response;
    EXPECT_TRUE(stub->Seal(&context, {}, &response).ok());
    EXPECT_EQ(seals_, 1);
  }
  {
    grpc::ClientContext context;
    auspex::v1::ReloadResponse response;
    EXPECT_TRUE(stub->Reload(&context, {}, &response).ok());
  }
  {
    grpc::ClientContext context;
    auspex::v1::StopResponse response;
    EXPECT_TRUE(stub->Stop(&context, {}, &response).ok());
    EXPECT_EQ(stops_, 1);
  }
  reloaded_ = absl::InvalidArgumentError("auspexd.conf:3: wrong");
  grpc::ClientContext context;
  auspex::v1::ReloadResponse response;
  const grpc::Status refused = stub->Reload(&context, {}, &response);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(refused.error_message(), "auspexd.conf:3: wrong");
}

TEST_F(AdminServiceTest, MakesABackupWhereTheConfigurationHasAPlace) {
  Start();
  Deliver("web1", {1, 2, 3});
  const auto stub = StubAs("root");
  auspex::v1::BackupResponse response;
  const auto backup = [&](const std::string& directory) {
    grpc::ClientContext context;
    auspex::v1::BackupRequest request;
    request.set_directory(directory);
    return stub->Backup(&context, request, &response);
  };
  EXPECT_EQ(backup("").error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  backup_dir_ = directory_.path() + "/backups";
  ASSERT_TRUE(std::filesystem::create_directory(backup_dir_));
  for (const char* const place : {"..", "/tmp", "daily/../../x", "/"}) {
    EXPECT_EQ(backup(place).error_code(), grpc::StatusCode::INVALID_ARGUMENT) << place;
  }
  for (const std::string& place : {std::string("daily"), backup_dir_ + "/daily"}) {
    const grpc::Status made = backup(place);
    ASSERT_TRUE(made.ok()) << made.error_message();
    EXPECT_EQ(response.directory(), backup_dir_ + "/daily");
  }
  EXPECT_EQ(response.id(), 2u);
  const auto restored = storage::RestoreBackup(
      {.backup_directory = response.directory(), .store_directory = directory_.path() + "/again"});
  ASSERT_TRUE(restored.ok()) << restored.status();
  const auto again = storage::EventStore::OpenForReading(directory_.path() + "/again");
  ASSERT_TRUE(again.ok()) << again.status();
  const auto hosts = (*again)->ListHosts({.host_patterns = {"web1"}, .with_contents = true});
  ASSERT_TRUE(hosts.ok()) << hosts.status();
  EXPECT_EQ(hosts->hosts.at(0).contents->records, 3u);
}

TEST_F(AdminServiceTest, PlacesListsAndRemovesHolds) {
  Start();
  const auto stub = StubAs("root");
  Deliver("web1", {1});
  Deliver("db1", {2});
  const auto add = [&](const std::string& pattern, auspex::v1::AddHoldResponse* response,
                       const std::string& reason = "case 7") {
    grpc::ClientContext context;
    auspex::v1::AddHoldRequest request;
    request.set_host_pattern(pattern);
    request.set_reason(reason);
    return stub->AddHold(&context, request, response);
  };
  auspex::v1::AddHoldResponse added;
  EXPECT_EQ(add("", &added).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(add("web*", &added, "").error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  ASSERT_TRUE(add("web*", &added).ok());
  EXPECT_EQ(added.hosts(), 1u);
  EXPECT_EQ(added.hold().placed_by(), "root");
  EXPECT_EQ(added.hold().to_ms(), std::numeric_limits<uint64_t>::max());
  const auto count = [&] {
    grpc::ClientContext context;
    auspex::v1::ListHoldsResponse response;
    EXPECT_TRUE(stub->ListHolds(&context, {}, &response).ok());
    return response.holds_size();
  };
  EXPECT_EQ(count(), 1);
  const auto remove = [&] {
    grpc::ClientContext context;
    auspex::v1::RemoveHoldRequest request;
    request.set_id(added.hold().id());
    auspex::v1::RemoveHoldResponse response;
    return stub->RemoveHold(&context, request, &response);
  };
  EXPECT_TRUE(remove().ok());
  EXPECT_EQ(remove().error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(count(), 0);
}

TEST_F(AdminServiceTest, TellsWhatAPolicyWouldDelete) {
  Start();
  Deliver("web1", {1, 2, 3});
  ASSERT_TRUE(store_->Settle({}).ok());
  const auto stub = StubAs("root");
  auspex::v1::PreviewRetentionResponse response;
  const auto preview = [&](const std::string& policy) {
    grpc::ClientContext context;
    auspex::v1::PreviewRetentionRequest request;
    if (!policy.empty()) request.set_policy(policy);
    return stub->PreviewRetention(&context, request, &response);
  };
  EXPECT_EQ(preview("").error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  const grpc::Status wrong = preview("keep 7d");
  EXPECT_EQ(wrong.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(wrong.error_message(), HasSubstr("policy:1: "));
  ASSERT_TRUE(preview("rule db host=db* keep 1d\ndefault keep 30d").ok());
  ASSERT_EQ(response.effects_size(), 2);
  EXPECT_EQ(response.effects(0).events(), 0u);
  EXPECT_EQ(response.effects(1).rule(), "default");
  EXPECT_EQ(response.effects(1).events(), 3u);
  policy_ = storage::RetentionPolicy{{{.name = "all", .days_max = 36'000}}};
  ASSERT_TRUE(preview("").ok());
  EXPECT_EQ(response.effects(0).events(), 0u);
  grpc::ClientContext context;
  auspex::v1::ApplyRetentionResponse applied;
  EXPECT_TRUE(stub->ApplyRetention(&context, {}, &applied).ok());
  EXPECT_EQ(applications_, 1);
}

TEST_F(AdminServiceTest, TakesNothingInWhileItIsSuspended) {
  Start();
  const auto stub = StubAs("root");
  const auto append = [&] {
    storage::Delivery delivery;
    delivery.received_ms = 1626611364000;
    delivery.batches.emplace_back(
        storage::Identity{.kind = storage::IdentityKind::kNode, .name = "web1"}, "192.0.2.7");
    delivery.batches[0].Add("type=USER_LOGIN msg=audit(1626611363.000:1): pid=1");
    return boost::asio::co_spawn(network_, committer_->Append(std::move(delivery)),
                                 boost::asio::use_future)
        .get()
        .status();
  };
  {
    grpc::ClientContext context;
    auspex::v1::SuspendRequest request;
    request.set_reason("maintenance");
    auspex::v1::SuspendResponse response;
    ASSERT_TRUE(stub->Suspend(&context, request, &response).ok());
  }
  EXPECT_TRUE(absl::IsUnavailable(append()));
  EXPECT_EQ(Count(&Counters::suspended), 1u);
  EXPECT_EQ(Count(&Counters::deliveries_refused_suspended_total), 1u);
  // What it writes itself is stored all the same: that somebody has suspended it.
  EXPECT_THAT(Commands(1), ElementsAre(HasSubstr(absl::StrCat(
                               "op=Suspend acct=", absl::BytesToHexString("root"), " cmd=",
                               absl::BytesToHexString("Suspend {\"reason\":\"maintenance\"}")))));
  grpc::ClientContext context;
  auspex::v1::ResumeResponse response;
  ASSERT_TRUE(stub->Resume(&context, {}, &response).ok());
  EXPECT_TRUE(append().ok());
}

TEST_F(AdminServiceTest, RecordsWhoHasAskedForWhat) {
  Start();
  {
    grpc::ClientContext context;
    auspex::v1::HostsRequest request;
    request.add_hosts("web*");
    auspex::v1::HostsResponse response;
    const auto stub = auspex::v1::QueryService::NewStub(ConnectAs("alice"));
    ASSERT_TRUE(stub->Hosts(&context, request, &response).ok());
  }
  {
    grpc::ClientContext context;
    auspex::v1::SealResponse response;
    EXPECT_EQ(StubAs("alice")->Seal(&context, {}, &response).error_code(),
              grpc::StatusCode::PERMISSION_DENIED);
    EXPECT_EQ(seals_, 0);
  }
  const std::string alice = absl::BytesToHexString("alice");
  const std::string asked = absl::BytesToHexString("Hosts {\"hosts\":[\"web*\"]}");
  EXPECT_THAT(
      Commands(2),
      ElementsAre(
          AllOf(HasSubstr(absl::StrCat("op=Hosts acct=", alice, " cmd=", asked, " results=0 exe=")),
                HasSubstr("addr=127.0.0.1"), HasSubstr("res=success'"), Not(HasSubstr("reason="))),
          AllOf(HasSubstr(absl::StrCat("op=Seal acct=", alice)), HasSubstr("reason="),
                HasSubstr("res=failed'"))));
}

}  // namespace
}  // namespace server
