// Who may call what: every method of the API, every role, and every way to show who one is.

#include <map>
#include <string>
#include <tuple>

#include "absl/strings/str_cat.h"
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <grpcpp/generic/generic_stub.h>

#include "pki/authority.h"
#include "pki/invitation.h"
#include "proto/auspex/v1/admin.pb.h"
#include "proto/auspex/v1/enroll.pb.h"
#include "proto/auspex/v1/ingest.pb.h"
#include "tests/server/api/api_fixture.h"
#include "tests/server/api/json_client.h"

namespace server {
namespace {

using grpc::StatusCode;

// The least role that may call a method. Methods that are not here may be called by nobody: one
// that is added fails this test until it is.
const std::map<std::string, std::string> kWhoMay = {
    {"IngestService/Deliver", "ingest"},        {"QueryService/Search", "viewer"},
    {"QueryService/GetEvent", "viewer"},        {"QueryService/Hosts", "viewer"},
    {"QueryService/FieldValues", "viewer"},     {"QueryService/SearchMalformed", "viewer"},
    {"QueryService/Report", "viewer"},          {"QueryService/Tail", "viewer"},
    {"QueryService/Histogram", "viewer"},       {"AdminService/Status", "admin"},
    {"AdminService/Reload", "admin"},           {"AdminService/Seal", "admin"},
    {"AdminService/Suspend", "admin"},          {"AdminService/Resume", "admin"},
    {"AdminService/WriteState", "admin"},       {"AdminService/Stop", "admin"},
    {"AdminService/Backup", "admin"},           {"AdminService/AddHold", "admin"},
    {"AdminService/ListHolds", "admin"},        {"AdminService/RemoveHold", "admin"},
    {"AdminService/PreviewRetention", "admin"}, {"AdminService/ApplyRetention", "admin"},
    {"EnrollService/Enroll", "invited"},
};

// Whether a role may call what needs a role: agents deliver and do nothing else, nobody else
// delivers; likewise those who are invited.
bool May(const std::string& role, const std::string& needed) {
  if (needed == "invited") return role == "invited";
  if (needed == "ingest") return role == "ingest";
  if (needed == "viewer") return role == "viewer" || role == "admin";
  return role == "admin";
}

class RolesTest : public ApiTest {
 protected:
  RolesTest() {
    json_port_ = 0;
    SetAccess(
        "ingest agent\nviewer viewer *\nadmin admin\nnone none\n"
        "ingest token:agent\nviewer token:viewer *\nadmin token:admin\nnone token:none\n");
    actions_ = {.stop = [] {},
                .backup_dir = [this] { return backup_dir_; },
                .retention_policy = [] { return std::nullopt; },
                .apply_retention = [] { return absl::OkStatus(); },
                .reload = [] { return absl::OkStatus(); },
                .seal = [] {},
                .set_suspended = [](bool) {},
                .is_suspended = [] { return false; }};
  }

  // Whoever has no certificate may connect, too.
  void LetSecretsIn() {
    token_file_ = directory_.path() + "/tokens";
    enroll_ca_ = directory_.path() + "/ca";
    ASSERT_TRUE(pki::Authority::Create(enroll_ca_).ok());
  }

  std::shared_ptr<grpc::Channel> ConnectWithoutCertificate() const {
    return Connect(grpc::SslCredentials({.pem_root_certs = ReadWhole(ca_.certificate()),
                                         .pem_private_key = "",
                                         .pem_cert_chain = ""}));
  }

  // How a call with an empty request, and a secret unless that is empty, ends.
  static StatusCode Call(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                         const std::string& secret = "") {
    grpc::GenericStub stub(channel);
    grpc::ClientContext context;
    if (!secret.empty()) context.AddMetadata("authorization", "Bearer " + secret);
    grpc::CompletionQueue queue;
    const auto call = stub.PrepareCall(&context, "/auspex.v1." + method, &queue);
    const auto wait = [&queue] {
      void* tag = nullptr;
      bool ok = false;
      queue.Next(&tag, &ok);
      return ok;
    };
    call->StartCall(nullptr);
    grpc::Status status;
    if (wait()) {
      call->WriteLast(grpc::ByteBuffer(nullptr, 0), {}, nullptr);
      wait();
      for (bool more = true; more;) {
        grpc::ByteBuffer response;
        call->Read(&response, nullptr);
        more = wait();
        // Some go on until they are ended.
        if (more) context.TryCancel();
      }
    }
    call->Finish(&status, nullptr);
    wait();
    return status.error_code();
  }

  // Likewise, through the JSON door.
  static std::string CallInJson(JsonClient& client, const std::string& method,
                                const std::string& fields = "") {
    std::string name = "auspex.v1." + method;
    name[name.find('/')] = '.';
    const auto* const found =
        google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(name);
    // A Tail would go on until it is ended; with a cursor that is none it does not begin.
    const std::string request = method == "QueryService/Tail" ? "{\"after\":\"AAAA\"}" : "{}";
    const JsonAnswer answer = found->server_streaming() ? client.CallStream(method, request, fields)
                                                        : client.Call(method, request, fields);
    return absl::StrCat(answer.status, " ", answer.body);
  }

  // Of an answer in JSON.
  static bool IsRefused(const std::string& answer) {
    return answer.find("\"permission_denied\"") != std::string::npos ||
           answer.find("\"unauthenticated\"") != std::string::npos;
  }

  static std::vector<std::string> MethodsOf(const google::protobuf::FileDescriptor* file) {
    std::vector<std::string> methods;
    for (int i = 0; i < file->service_count(); ++i) {
      const google::protobuf::ServiceDescriptor& service = *file->service(i);
      for (int j = 0; j < service.method_count(); ++j) {
        methods.push_back(absl::StrCat(service.name(), "/", service.method(j)->name()));
      }
    }
    return methods;
  }

  static std::vector<std::string> AllMethods() {
    std::vector<std::string> all;
    for (const auto* file :
         {auspex::v1::Hello::descriptor()->file(), auspex::v1::SearchRequest::descriptor()->file(),
          auspex::v1::StatusRequest::descriptor()->file(),
          auspex::v1::EnrollRequest::descriptor()->file()}) {
      for (std::string& method : MethodsOf(file)) all.push_back(std::move(method));
    }
    return all;
  }
};

// Whether the role was what the call has failed for. Requests are empty, so other failures follow.
bool IsLetIn(StatusCode code) {
  return code != StatusCode::PERMISSION_DENIED && code != StatusCode::UNAUTHENTICATED &&
         code != StatusCode::UNIMPLEMENTED && code != StatusCode::UNAVAILABLE;
}

TEST_F(RolesTest, EachMethodIsForItsRolesOnly) {
  LetSecretsIn();
  Start();
  // The name in a certificate, and the role that it has.
  const std::tuple<const char*, const char*> callers[] = {{"agent", "ingest"},
                                                          {"viewer", "viewer"},
                                                          {"admin", "admin"},
                                                          {"none", "none"},
                                                          {"stranger", "none"}};
  for (const auto& [name, role] : callers) {
    const auto channel = ConnectAs(name);
    for (const std::string& method : AllMethods()) {
      ASSERT_TRUE(kWhoMay.contains(method)) << method;
      const StatusCode code = Call(channel, method);
      EXPECT_EQ(IsLetIn(code), May(role, kWhoMay.at(method)))
          << method << " by " << name << " ended with " << code;
    }
  }
}

TEST_F(RolesTest, TokensAreForReadersAndInvitationsForThoseWhoEnroll) {
  LetSecretsIn();
  std::map<std::string, std::string> secrets;  // By role.
  for (const char* const role : {"agent", "viewer", "admin", "none", "stranger"}) {
    const auto made = pki::SecretFile(token_file_).Add(role, std::chrono::hours(1));
    ASSERT_TRUE(made.ok()) << made.status();
    secrets[role] = *made;
  }
  const auto invitation = pki::Authority::Open(enroll_ca_)->Invite("web1", std::chrono::hours(1));
  ASSERT_TRUE(invitation.ok()) << invitation.status();
  secrets["invited"] = pki::ParseInvitation(*invitation)->secret;
  Start();
  const auto channel = ConnectWithoutCertificate();
  for (const auto& [role, secret] : secrets) {
    for (const std::string& method : AllMethods()) {
      // A token that may deliver would be an agent without a name.
      const bool may = May(role == "agent" ? "none" : role, kWhoMay.at(method));
      const StatusCode code = Call(channel, method, secret);
      EXPECT_EQ(IsLetIn(code), may)
          << method << " by the token of " << role << " ended with " << code;
      if (kWhoMay.at(method) == "ingest") continue;
      // A connection ends when it has sent what is not read.
      JsonClient client(api_->json_endpoints().front().port(), ca_.certificate(), std::nullopt, {});
      const std::string answer =
          CallInJson(client, method, "Authorization: Bearer " + secret + "\r\n");
      EXPECT_THAT(answer, testing::Not(testing::StartsWith("0 "))) << method;
      EXPECT_EQ(!IsRefused(answer), may)
          << method << " by the token of " << role << " ended with " << answer;
    }
  }
}

TEST_F(RolesTest, WhoShowsNothingMayNothing) {
  LetSecretsIn();
  Start();
  const auto channel = ConnectWithoutCertificate();
  for (const std::string& method : AllMethods()) {
    EXPECT_EQ(Call(channel, method), StatusCode::UNAUTHENTICATED) << method;
    EXPECT_EQ(Call(channel, method, "rubbish"), StatusCode::UNAUTHENTICATED) << method;
  }
}

// But for agents: they come by gRPC only.
TEST_F(RolesTest, TheJsonDoorIsForTheSameRoles) {
  LetSecretsIn();
  Start();
  for (const char* const role : {"agent", "viewer", "admin", "none", "stranger", ""}) {
    std::optional<CertificateFiles> files;
    if (*role != '\0') files = ca_.Issue(role, absl::StrCat("/CN=", role));
    for (const std::string& method : AllMethods()) {
      JsonClient client(api_->json_endpoints().front().port(), ca_.certificate(), files, {});
      const std::string answer = CallInJson(client, method);
      if (kWhoMay.at(method) == "ingest") {
        EXPECT_THAT(answer, testing::StartsWith("404 ")) << method;
        continue;
      }
      EXPECT_THAT(answer, testing::Not(testing::StartsWith("0 "))) << method;
      EXPECT_THAT(answer, testing::Not(testing::HasSubstr("\"unimplemented\""))) << method;
      EXPECT_EQ(IsRefused(answer), !May(role, kWhoMay.at(method)))
          << method << " by \"" << role << "\" ended with " << answer;
    }
  }
}

TEST_F(RolesTest, TheSocketIsForAdmins) {
  LetSecretsIn();
  Start();
  const auto channel = ConnectLocally();
  for (const std::string& method : AllMethods()) {
    const StatusCode code = Call(channel, method);
    EXPECT_EQ(IsLetIn(code), May("admin", kWhoMay.at(method))) << method << " ended with " << code;
  }
}

// Who has no certificate, or one of another CA, gets no answer to anything.
TEST_F(RolesTest, StrangersAreNotHeard) {
  Start();
  const TestCa other(directory_.path(), "other");
  const CertificateFiles files = other.Issue("admin", "/CN=admin");
  const std::string root = ReadWhole(ca_.certificate());
  for (const auto& credentials :
       {grpc::SslCredentials({.pem_root_certs = root, .pem_private_key = "", .pem_cert_chain = ""}),
        grpc::SslCredentials({.pem_root_certs = root,
        .pem_private_key = ReadWhole(files.key),
        .pem_cert_chain = ReadWhole(files.certificate)}),
        grpc::InsecureChannelCredentials()}) {
    const auto channel = Connect(credentials);
    for (const std::string& method : AllMethods()) {
      EXPECT_EQ(Call(channel, method), StatusCode::UNAVAILABLE) << method;
    }
  }
}

}  // namespace
}  // namespace server
