// Tokens, invitations and revoked certificates, as files that change while the API is in use.

#include <algorithm>
#include <condition_variable>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sys/file.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "absl/strings/str_cat.h"
#include <gmock/gmock.h>

#include "pki/authority.h"
#include "pki/invitation.h"
#include "pki/key_request.h"
#include "pki/secret_file.h"
#include "proto/auspex/v1/enroll.grpc.pb.h"
#include "proto/auspex/v1/ingest.grpc.pb.h"
#include "proto/auspex/v1/query.grpc.pb.h"
#include "tests/server/api/api_fixture.h"

namespace server {
namespace {

using auspex::v1::EnrollService;
using auspex::v1::IngestService;
using auspex::v1::QueryService;
using grpc::StatusCode;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

// A collector whose certificates `auspex ca` has made, and that looks at its files all the time.
class CredentialsTest : public ApiTest {
 protected:
  CredentialsTest() {
    limits_.credential_refresh = milliseconds(5);
    const CertificateFiles server = Write(
        "collector", {.subject = {.name = "localhost"}, .kind = pki::CertificateKind::kServer});
    tls_ = {
        .certificate = server.certificate, .key = server.key, .ca = authority_.certificate_path()};
    SetAccess("viewer token:grafana web*\nadmin root\ningest *\n");
  }

  CertificateFiles Write(const std::string& file, const pki::CertificateOrder& order) const {
    const auto issued = authority_.Issue(order);
    EXPECT_TRUE(issued.ok()) << issued.status();
    return Write(file, issued->certificate_pem + authority_.certificate_pem(), issued->key_pem);
  }

  CertificateFiles Write(const std::string& file, const std::string& certificate_pem,
                         const std::string& key_pem) const {
    const CertificateFiles files{.certificate = absl::StrCat(directory_.path(), "/", file, ".pem"),
                                 .key = absl::StrCat(directory_.path(), "/", file, ".key")};
    std::ofstream(files.certificate) << certificate_pem;
    std::ofstream(files.key) << key_pem;
    return files;
  }

  // Without files: whoever has no certificate.
  std::shared_ptr<grpc::Channel> ConnectHere(const CertificateFiles& files = {}) const {
    const bool has_files = !files.key.empty();
    return Connect(
        grpc::SslCredentials({.pem_root_certs = authority_.certificate_pem(),
                              .pem_private_key = has_files ? ReadWhole(files.key) : "",
                              .pem_cert_chain = has_files ? ReadWhole(files.certificate) : ""}));
  }

  static grpc::Status Hosts(const std::shared_ptr<grpc::Channel>& channel,
                            const std::string& authorization) {
    grpc::ClientContext context;
    if (!authorization.empty()) context.AddMetadata("authorization", authorization);
    auspex::v1::HostsResponse response;
    return QueryService::NewStub(channel)->Hosts(&context, {}, &response);
  }

  // Asks until the answer has this code: files are seen a little after they are written.
  static void AwaitHosts(const std::shared_ptr<grpc::Channel>& channel,
                         const std::string& authorization, StatusCode code) {
    while (Hosts(channel, authorization).error_code() != code) {
    }
  }

  std::string AddToken(const std::string& name, seconds lifetime = hours(1)) {
    token_file_ = directory_.path() + "/tokens";
    const auto added = pki::SecretFile(token_file_).Add(name, lifetime);
    EXPECT_TRUE(added.ok()) << added.status();
    return "Bearer " + *added;
  }

  pki::Authority authority_ = *pki::Authority::Create(directory_.path() + "/authority");
};

TEST_F(CredentialsTest, LetsInWhoShowsAToken) {
  const std::string token = AddToken("grafana");
  Start();
  const auto channel = ConnectHere();
  EXPECT_EQ(Hosts(channel, token).error_code(), StatusCode::OK);
  EXPECT_EQ(Hosts(channel, "bearer" + token.substr(6)).error_code(), StatusCode::OK);
  for (const std::string& wrong :
       {std::string(), token + "a", token.substr(7), std::string("Bearer "),
        std::string("Basic Z3JhZmFuYTpncmFmYW5h"), "Bearer  " + token.substr(7)}) {
    EXPECT_EQ(Hosts(channel, wrong).error_code(), StatusCode::UNAUTHENTICATED) << wrong;
  }
}

TEST_F(CredentialsTest, SeesTokensThatComeAndGo) {
  AddToken("other");
  Start();
  const auto channel = ConnectHere();
  const std::string token = AddToken("grafana");
  AwaitHosts(channel, token, StatusCode::OK);
  ASSERT_TRUE(pki::SecretFile(token_file_).Remove("grafana").ok());
  AwaitHosts(channel, token, StatusCode::UNAUTHENTICATED);
}

TEST_F(CredentialsTest, KeepsTheTokensWhenTheFileIsDamaged) {
  const std::string token = AddToken("grafana");
  Start();
  std::ofstream(token_file_) << "rubbish\n";
  EXPECT_THAT(std::string(Reload(config_.api).message()), HasSubstr(token_file_));
  EXPECT_EQ(Hosts(ConnectHere(), token).error_code(), StatusCode::OK);
}

TEST_F(CredentialsTest, RefusesATokenThatIsOver) {
  const std::string token = AddToken("grafana", seconds(-2));
  Start();
  EXPECT_EQ(Hosts(ConnectHere(), token).error_code(), StatusCode::UNAUTHENTICATED);
}

TEST_F(CredentialsTest, EndsWhatARevokedCertificateHasBegun) {
  crl_file_ = authority_.list_path();
  Start();
  const auto agent = ConnectHere(Write("web1", {.subject = {.name = "web1"}}));
  const auto admin = ConnectHere(Write("root", {.subject = {.name = "root"}}));
  grpc::ClientContext context;
  const auto stream = IngestService::NewStub(agent)->Deliver(&context);
  auspex::v1::DeliverRequest hello;
  hello.mutable_hello()->set_boot_id("boot");
  stream->Write(hello);
  auspex::v1::DeliverResponse response;
  ASSERT_TRUE(stream->Read(&response));
  ASSERT_TRUE(Hosts(admin, "").ok());

  ASSERT_TRUE(authority_.Revoke("web1").ok());
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(stream->Finish().error_code(), StatusCode::PERMISSION_DENIED);
  // The same connection, and others.
  EXPECT_EQ(Hosts(agent, "").error_code(), StatusCode::UNAUTHENTICATED);
  EXPECT_TRUE(Hosts(admin, "").ok());
  ASSERT_TRUE(authority_.Revoke("root").ok());
  AwaitHosts(admin, "", StatusCode::UNAUTHENTICATED);
}

TEST_F(CredentialsTest, RefusesToStartWithAListThatItCannotUse) {
  const auto start = [this] {
    ApiOptions options;
    options.listen_address = {boost::asio::ip::address_v4::loopback()};
    options.api_listen_port = 0;
    options.tls = *tls_;
    options.crl_file = crl_file_;
    options.enroll_ca = enroll_ca_;
    auto opened = storage::EventStore::Open(directory_.path() + "/store", {});
    Committer committer(network_, **opened, counters_, CommitterOptions());
    OwnRecords own_records(committer, DaemonIdentity());
    ApiServer api(network_, **opened, committer, own_records, counters_, host_sessions_, quotas_,
                  options, limits_, {});
    return std::string(api.Start().message());
  };
  crl_file_ = directory_.path() + "/missing.pem";
  EXPECT_THAT(start(), HasSubstr(crl_file_));
  crl_file_.clear();
  enroll_ca_ = directory_.path() + "/missing";
  EXPECT_THAT(start(), HasSubstr(enroll_ca_));
}

class EnrollTest : public CredentialsTest {
 protected:
  EnrollTest() { enroll_ca_ = authority_.directory(); }

  std::string Invite(const std::string& name) const {
    const auto invitation = authority_.Invite(name, hours(1));
    EXPECT_TRUE(invitation.ok()) << invitation.status();
    return pki::ParseInvitation(*invitation)->secret;
  }

  static grpc::Status Enroll(const std::shared_ptr<grpc::Channel>& channel,
                             const std::string& secret, const std::string& request_pem,
                             auspex::v1::EnrollResponse* response) {
    grpc::ClientContext context;
    context.AddMetadata("authorization", "Bearer " + secret);
    auspex::v1::EnrollRequest request;
    request.set_request_pem(request_pem);
    return EnrollService::NewStub(channel)->Enroll(&context, request, response);
  }
};

TEST_F(EnrollTest, MakesAHostOneThatIsKnown) {
  const std::string secret = Invite("web1");
  Start();
  const auto made = pki::MakeKeyRequest("web1");
  ASSERT_TRUE(made.ok());
  const auto stranger = ConnectHere();
  auspex::v1::EnrollResponse response;
  const grpc::Status enrolled = Enroll(stranger, secret, made->request_pem, &response);
  ASSERT_TRUE(enrolled.ok()) << enrolled.error_message();
  EXPECT_EQ(response.ca_pem(), authority_.certificate_pem());

  const auto agent = ConnectHere(Write("enrolled", response.certificate_pem(), made->key_pem));
  grpc::ClientContext context;
  const auto stream = IngestService::NewStub(agent)->Deliver(&context);
  auspex::v1::DeliverRequest hello;
  hello.mutable_hello()->set_boot_id("boot");
  stream->Write(hello);
  auspex::v1::DeliverResponse welcome;
  EXPECT_TRUE(stream->Read(&welcome));
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());

  // It was good once.
  const StatusCode again = Enroll(stranger, secret, made->request_pem, &response).error_code();
  EXPECT_TRUE(again == StatusCode::PERMISSION_DENIED || again == StatusCode::UNAUTHENTICATED)
      << again;
}

TEST_F(EnrollTest, LetsNobodyEnrollUntilAReloadNamesTheCa) {
  enroll_ca_.clear();
  Start();
  const auto made = pki::MakeKeyRequest("web1");
  const std::string secret = Invite("web1");
  auspex::v1::EnrollResponse response;
  const auto agent = ConnectHere(Write("web2", {.subject = {.name = "web2"}}));
  const auto enroll = [&] { return Enroll(agent, secret, made->request_pem, &response); };
  EXPECT_EQ(enroll().error_code(), StatusCode::UNIMPLEMENTED);
  ApiOptions options = config_.api;
  options.enroll_ca = authority_.directory();
  ASSERT_TRUE(Reload(options).ok());
  EXPECT_TRUE(enroll().ok());
}

TEST_F(EnrollTest, SeesInvitationsThatCome) {
  Start();
  const auto made = pki::MakeKeyRequest("web1");
  const std::string secret = Invite("web1");
  const auto stranger = ConnectHere();
  auspex::v1::EnrollResponse response;
  while (!Enroll(stranger, secret, made->request_pem, &response).ok()) {
  }
  EXPECT_THAT(response.certificate_pem(), HasSubstr("BEGIN CERTIFICATE"));
}

// While somebody else has the CA, those who enroll wait, and must not fill the places of all calls.
TEST_F(EnrollTest, LetsFewWaitAtOnce) {
  const std::string secret = Invite("web1");
  Start();
  const auto made = pki::MakeKeyRequest("web1");
  const int held = open(authority_.directory().c_str(), O_RDONLY | O_DIRECTORY);
  ASSERT_EQ(flock(held, LOCK_EX), 0);
  const auto stranger = ConnectHere();
  std::mutex mutex;
  std::condition_variable ended;
  std::vector<StatusCode> codes;
  std::vector<std::thread> hosts;
  for (int host = 0; host < 5; ++host) {
    hosts.emplace_back([&] {
      auspex::v1::EnrollResponse response;
      const grpc::Status status = Enroll(stranger, secret, made->request_pem, &response);
      const std::lock_guard lock(mutex);
      codes.push_back(status.error_code());
      ended.notify_all();
    });
  }
  {
    std::unique_lock lock(mutex);
    ended.wait(lock, [&] { return !codes.empty(); });
    EXPECT_EQ(codes.front(), StatusCode::RESOURCE_EXHAUSTED);
  }
  close(held);
  for (std::thread& host : hosts) host.join();
  EXPECT_EQ(std::ranges::count(codes, StatusCode::RESOURCE_EXHAUSTED), 1);
  EXPECT_EQ(std::ranges::count(codes, StatusCode::OK), 1);
}

TEST_F(EnrollTest, TellsAStrangerOfItsRequestAndNotOfItsFiles) {
  const std::string secret = Invite("web1");
  Start();
  auspex::v1::EnrollResponse response;
  const grpc::Status refused = Enroll(ConnectHere(), secret, "rubbish", &response);
  EXPECT_EQ(refused.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(refused.error_message().find(directory_.path()), std::string::npos)
      << refused.error_message();
  std::filesystem::rename(authority_.directory() + "/ca.key", authority_.directory() + "/gone");
  const auto made = pki::MakeKeyRequest("web1");
  const grpc::Status unusable = Enroll(ConnectHere(), secret, made->request_pem, &response);
  EXPECT_EQ(unusable.error_code(), StatusCode::UNAVAILABLE);
  EXPECT_EQ(unusable.error_message().find(directory_.path()), std::string::npos);
}

}  // namespace
}  // namespace server
