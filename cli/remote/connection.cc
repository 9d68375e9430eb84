#include "cli/remote/connection.h"

#include <algorithm>
#include <climits>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include <grpc/support/log.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include "base/small_file.h"
#include "base/tls13.h"

namespace cli {

namespace {

// Far more than a chain of certificates, or a token.
constexpr size_t kFileBytesMax = 1 << 20;

// An event is one message at least, and may be longer than the 4 MB that gRPC takes by itself.
constexpr int kMessageBytesMax = INT_MAX;

// A collector that is gone is noticed within twice this, also in the middle of a long search.
// Servers of gRPC do not like to be asked more often than every five minutes.
constexpr int kKeepaliveMs = 310'000;

absl::StatusOr<std::string> ReadKeyFile(const ClientConfig& config, const char* key,
                                        const std::string& path) {
  absl::StatusOr<std::string> text = base::ReadSmallFile(path, kFileBytesMax, /*may_wait=*/true);
  if (text.ok()) return text;
  return absl::Status(text.status().code(),
                      absl::StrCat(config.path, ": ", key, ": ", text.status().message()));
}

absl::StatusOr<std::string> ReadToken(const ClientConfig& config) {
  absl::StatusOr<std::string> text = ReadKeyFile(config, "token_file", config.token_file);
  if (!text.ok()) return text;
  while (!text->empty() && (text->back() == '\n' || text->back() == '\r')) text->pop_back();
  const bool is_token = !text->empty() && std::ranges::all_of(*text, [](char character) {
    return character > ' ' && character < '\x7f';
  });
  if (is_token) return text;
  return absl::InvalidArgumentError(
      absl::StrCat(config.path, ": token_file: ", config.token_file, ": holds no token"));
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> TlsCredentials(
    const ServerChoice& choice) {
  const ClientConfig& config = choice.config;
  const auto missing = [&](const char* what) {
    return absl::FailedPreconditionError(absl::StrCat(
        choice.address, " is asked over TLS: ", what, " missing in ",
        config.path.empty() ? "auspex.conf, which is not there" : config.path, "; see auspex(1)"));
  };
  if (config.ca_file.empty()) return missing("ca_file is");
  if (config.certificate_file.empty() != config.key_file.empty() ||
      (config.certificate_file.empty() && config.token_file.empty())) {
    return missing("certificate_file or key_file is");
  }
  grpc::SslCredentialsOptions options;
  const struct {
    const char* key;
    const std::string& path;
    std::string& text;
  } files[] = {{"ca_file", config.ca_file, options.pem_root_certs},
               {"certificate_file", config.certificate_file, options.pem_cert_chain},
               {"key_file", config.key_file, options.pem_private_key}};
  for (const auto& file : files) {
    if (file.path.empty()) continue;
    absl::StatusOr<std::string> text = ReadKeyFile(config, file.key, file.path);
    if (!text.ok()) return text.status();
    file.text = *std::move(text);
  }
  return grpc::SslCredentials(options);
}

// What has failed, of what gRPC says: "failed to connect to all addresses; last error: UNKNOWN:
// ipv4:192.0.2.1:1: Connection refused". What we do not know is passed on.
std::string WhyUnavailable(const ServerChoice& choice, const std::string& message) {
  if (message.starts_with("empty address list")) {  // gRPC makes nothing of the files.
    return absl::StrCat("the files of ", choice.config.path,
                        " cannot be used together: certificate_file, key_file, ca_file");
  }
  constexpr std::string_view kLastError = "last error: ";
  const size_t last = message.find(kLastError);
  if (last == std::string::npos) return message;
  std::string why = message.substr(last + kLastError.size());
  const size_t code_end = why.find(": ");
  if (code_end != std::string::npos) why.erase(0, code_end + 2);
  if (!choice.is_local() && why.ends_with("Socket closed")) {
    why += absl::StrCat(" by the collector: is the certificate of ", choice.config.path,
                        " of its CA, and valid?");
  }
  return "cannot connect: " + why;
}

}  // namespace

void PrepareGrpc() {
  base::AllowTls13Only();
  // What it says to standard error is not for whoever has asked.
  gpr_set_log_function([](gpr_log_func_args*) {});
}

absl::StatusOr<Connection> Connection::Open(ServerChoice choice) {
  PrepareGrpc();
  Connection connection(std::move(choice));
  const ClientConfig& config = connection.choice_.config;
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  grpc::ChannelArguments arguments;
  if (!connection.choice_.is_local()) {
    absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> tls =
        TlsCredentials(connection.choice_);
    if (!tls.ok()) return tls.status();
    credentials = *std::move(tls);
    if (!config.server_name.empty()) arguments.SetSslTargetNameOverride(config.server_name);
    if (!config.token_file.empty()) {
      absl::StatusOr<std::string> token = ReadToken(config);
      if (!token.ok()) return token.status();
      connection.token_ = *std::move(token);
    }
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  }
  arguments.SetMaxReceiveMessageSize(kMessageBytesMax);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  connection.channel_ =
      grpc::CreateCustomChannel(connection.choice_.address, credentials, arguments);
  return connection;
}

void Connection::Prepare(grpc::ClientContext* context) const {
  if (!token_.empty()) context->AddMetadata("authorization", absl::StrCat("Bearer ", token_));
}

absl::Status Connection::StatusOf(const grpc::Status& status) const {
  if (status.ok()) return absl::OkStatus();
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  std::string what;
  switch (code) {
    case absl::StatusCode::kUnavailable:
      return absl::Status(code, absl::StrCat(choice_.address, ": ",
                                             WhyUnavailable(choice_, status.error_message())));
    case absl::StatusCode::kPermissionDenied:
      what = "permission denied: ";
      break;
    case absl::StatusCode::kUnauthenticated:
      what = "we are not known: ";
      break;
    case absl::StatusCode::kUnimplemented:
      what = "the collector is too old for this: ";
      break;
    default:
      break;
  }
  return absl::Status(code, absl::StrCat(choice_.address, ": ", what, status.error_message()));
}

}  // namespace cli
