#include "cli/remote/enroll.h"

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/exit_status.h"
#include "cli/remote/connection.h"
#include "cli/server_choice.h"
#include <CLI/CLI.hpp>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>

#include "base/new_file.h"
#include "pki/invitation.h"
#include "pki/key_request.h"
#include "proto/auspex/v1/enroll.grpc.pb.h"

namespace cli {

namespace {

namespace fs = std::filesystem;
using grpc::experimental::ExternalCertificateVerifier;
using grpc::experimental::TlsCustomVerificationCheckRequest;

constexpr std::chrono::seconds kPatience{60};

// Between two attempts, when too many enroll.
constexpr std::chrono::seconds kPause{1};

constexpr char kDefaultDirectory[] = "/etc/auspex/tls";

// What a server has shown us, for whoever waits for the end of the call.
class Finding {
 public:
  void Set(absl::StatusOr<std::string> checked) {
    const std::lock_guard lock(mutex_);
    checked_ = std::move(checked);
  }

  // The CA's certificate, or why there is none. kUnavailable if no server has shown anything.
  absl::StatusOr<std::string> Get() const {
    const std::lock_guard lock(mutex_);
    return checked_;
  }

 private:
  mutable std::mutex mutex_;
  absl::StatusOr<std::string> checked_ =
      absl::UnavailableError("no server has answered");  // Guarded by mutex_.
};

// Lets in the server of the CA that has made the invitation, and no other.
class InvitationVerifier : public ExternalCertificateVerifier {
 public:
  InvitationVerifier(pki::Invitation invitation, std::string server_name,
                     std::shared_ptr<Finding> finding)
      : invitation_(std::move(invitation)),
        server_name_(std::move(server_name)),
        finding_(std::move(finding)) {}

  bool Verify(TlsCustomVerificationCheckRequest* request, std::function<void(grpc::Status)>,
              grpc::Status* status) override {
    const grpc::string_ref chain = request->peer_cert_full_chain();
    absl::StatusOr<std::string> checked =
        pki::CheckInvitingServer(invitation_, {chain.data(), chain.size()}, server_name_);
    if (!checked.ok()) {
      *status = {grpc::StatusCode::UNAUTHENTICATED, std::string(checked.status().message())};
    }
    finding_->Set(std::move(checked));
    return true;
  }

  void Cancel(TlsCustomVerificationCheckRequest*) override {}

 private:
  const pki::Invitation invitation_;
  const std::string server_name_;
  const std::shared_ptr<Finding> finding_;
};

struct EnrollArguments {
  std::string server;
  std::string invitation;
  std::string server_name;
  std::string directory = kDefaultDirectory;
  bool replaces = false;
};

struct Paths {
  std::string key;
  std::string certificate;
  std::string authority;
};

Paths PathsIn(const std::string& directory) {
  const std::string base = fs::absolute(directory).lexically_normal().string();
  return {.key = base + "/client.key",
          .certificate = base + "/client.pem",
          .authority = base + "/ca.pem"};
}

// HOST of HOST:PORT, without the brackets of an IPv6 address.
std::string HostOf(const std::string& address) {
  std::string host = address.substr(0, address.rfind(':'));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return host;
}

std::string HostName() {
  char name[256] = {};
  return gethostname(name, sizeof(name) - 1) == 0 && name[0] != '\0' ? name : "localhost";
}

// "-": of standard input, since what stands in a command is read by many: ps(1), the history of a
// shell, and the audit log of the host.
absl::StatusOr<pki::Invitation> ReadInvitation(const std::string& argument) {
  if (argument != "-") return pki::ParseInvitation(argument);
  std::string word;
  std::cin >> word;
  return pki::ParseInvitation(word);
}

// Before an invitation is used up by files that cannot be written.
absl::Status CheckPaths(const EnrollArguments& arguments, const Paths& paths) {
  std::error_code error;
  fs::create_directories(arguments.directory, error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat(arguments.directory, ": cannot be made: ", error.message()));
  }
  for (const std::string& path : {paths.key, paths.certificate, paths.authority}) {
    if (!arguments.replaces && fs::exists(fs::symlink_status(path, error))) {
      return absl::AlreadyExistsError(
          absl::StrFormat("%s is there already; --force replaces it", path));
    }
  }
  if (access(arguments.directory.c_str(), W_OK | X_OK) != 0) {
    return absl::PermissionDeniedError(absl::StrCat(
        arguments.directory, ": cannot be written to: ", std::generic_category().message(errno)));
  }
  return absl::OkStatus();
}

// Has the request signed. Fails without having said anything to a server that is not the right one.
absl::StatusOr<auspex::v1::EnrollResponse> Ask(const EnrollArguments& arguments,
                                               const pki::Invitation& invitation,
                                               const std::string& request_pem,
                                               std::string* authority_pem) {
  const std::string name =
      arguments.server_name.empty() ? HostOf(arguments.server) : arguments.server_name;
  const auto finding = std::make_shared<Finding>();
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_verify_server_certs(false);
  options.set_check_call_host(false);
  options.set_certificate_verifier(
      ExternalCertificateVerifier::Create<InvitationVerifier>(invitation, name, finding));
  grpc::ChannelArguments channel_arguments;
  channel_arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  const auto channel = grpc::CreateCustomChannel(
      arguments.server, grpc::experimental::TlsCredentials(options), channel_arguments);

  const auto deadline = std::chrono::system_clock::now() + kPatience;
  auspex::v1::EnrollRequest request;
  request.set_request_pem(request_pem);
  auspex::v1::EnrollResponse response;
  const auto stub = auspex::v1::EnrollService::NewStub(channel);
  const auto call = [&] {
    grpc::ClientContext context;
    context.set_deadline(deadline);
    context.AddMetadata("authorization", "Bearer " + invitation.secret);
    return stub->Enroll(&context, request, &response);
  };
  grpc::Status status = call();
  // A fleet that enrolls at once has to queue.
  while (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED &&
         std::chrono::system_clock::now() + kPause < deadline) {
    std::this_thread::sleep_for(kPause);
    status = call();
  }
  absl::StatusOr<std::string> found = finding->Get();
  if (status.ok() && found.ok()) {
    *authority_pem = *std::move(found);
    return response;
  }
  std::string why = status.error_message();
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
    why = "nobody can enroll there: it has no api_enroll_ca";
  } else if (absl::IsUnauthenticated(found.status())) {
    why = std::string(found.status().message());
  }
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      absl::StrCat(arguments.server, ": ", why));
}

absl::Status Run(const EnrollArguments& arguments) {
  absl::Status checked = CheckServerAddress(arguments.server);
  if (checked.ok() && arguments.server.starts_with("unix:")) {
    checked = absl::InvalidArgumentError("--server: who has the unix socket needs no certificate");
  }
  if (!checked.ok()) return checked;
  const absl::StatusOr<pki::Invitation> invitation = ReadInvitation(arguments.invitation);
  if (!invitation.ok()) return invitation.status();
  const Paths paths = PathsIn(arguments.directory);
  checked = CheckPaths(arguments, paths);
  if (!checked.ok()) return checked;
  const absl::StatusOr<pki::KeyRequest> made = pki::MakeKeyRequest(HostName());
  if (!made.ok()) return made.status();

  PrepareGrpc();
  std::string authority_pem;
  const absl::StatusOr<auspex::v1::EnrollResponse> response =
      Ask(arguments, *invitation, made->request_pem, &authority_pem);
  if (!response.ok()) return response.status();

  const base::NewFileOptions open{.mode = 0644, .replaces = arguments.replaces};
  absl::Status written =
      base::WriteNewFile(paths.key, made->key_pem, {.mode = 0600, .replaces = arguments.replaces});
  if (written.ok()) {
    written = base::WriteNewFile(paths.certificate, response->certificate_pem(), open);
  }
  if (written.ok()) written = base::WriteNewFile(paths.authority, authority_pem, open);
  if (!written.ok()) return written;
  std::cout << absl::StrFormat("server = %s\ncertificate_file = %s\nkey_file = %s\nca_file = %s\n",
                               arguments.server, paths.certificate, paths.key, paths.authority);
  std::cerr << "Next: those are the lines of /etc/auspex/auspex.conf\n";
  return absl::OkStatus();
}

}  // namespace

int Enroll(int argc, char** argv) {
  EnrollArguments arguments;
  CLI::App app("Gets this host the certificate that it was invited to", "auspex enroll");
  app.add_option("--server", arguments.server, "Where the collector serves the API: HOST:PORT")
      ->required();
  app.add_option("INVITATION", arguments.invitation,
                 "What `auspex ca invite` has printed; - for standard input")
      ->required();
  app.add_option("--server-name", arguments.server_name,
                 "In the collector's certificate, if it is not that of --server");
  app.add_option("--out", arguments.directory, "Where client.key, client.pem and ca.pem go")
      ->capture_default_str();
  app.add_flag("--force", arguments.replaces, "Replace files that are there");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {  // Also --help.
    return app.exit(error) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
  }
  return ExitStatus("auspex enroll", Run(arguments));
}

}  // namespace cli
