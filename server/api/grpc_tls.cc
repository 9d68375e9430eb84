#include "server/api/grpc_tls.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "absl/strings/str_cat.h"
#include <grpcpp/security/tls_credentials_options.h>

namespace server {

namespace {

using base::FileDescriptor;
using grpc::experimental::FileWatcherCertificateProvider;
using grpc::experimental::TlsServerCredentialsOptions;

// The shortest that gRPC knows.
constexpr unsigned kRefreshSeconds = 1;

std::string PathOf(const FileDescriptor& file) {
  return absl::StrCat("/proc/self/fd/", file.get());
}

absl::Status Failed(const char* what, int error) {
  return absl::UnavailableError(absl::StrCat("TLS: ", what, ": ", strerror(error)));
}

absl::StatusOr<FileDescriptor> WriteFile(const std::string& content) {
  FileDescriptor file(memfd_create("auspexd-tls", MFD_CLOEXEC));
  if (!file.is_open()) return Failed("no file in memory", errno);
  for (size_t written = 0; written < content.size();) {
    const ssize_t count = write(file.get(), content.data() + written, content.size() - written);
    if (count < 0) return Failed("no file in memory", errno);
    written += static_cast<size_t>(count);
  }
  return file;
}

}  // namespace

absl::StatusOr<GrpcTls::Files> GrpcTls::Write(const TlsMaterial& material) {
  absl::StatusOr<FileDescriptor> identity =
      WriteFile(absl::StrCat(material.key, "\n", material.certificate));
  if (!identity.ok()) return identity.status();
  absl::StatusOr<FileDescriptor> roots = WriteFile(material.ca);
  if (!roots.ok()) return roots.status();
  return Files{.identity = *std::move(identity), .roots = *std::move(roots)};
}

absl::StatusOr<std::unique_ptr<GrpcTls>> GrpcTls::Create(Files files) {
  const FileDescriptor seen(open(PathOf(files.identity).c_str(), O_RDONLY | O_CLOEXEC));
  if (!seen.is_open()) return Failed(PathOf(files.identity).c_str(), errno);
  return std::unique_ptr<GrpcTls>(new GrpcTls(std::move(files)));
}

GrpcTls::GrpcTls(Files files)
    : files_(std::move(files)),
      provider_(std::make_shared<FileWatcherCertificateProvider>(
          PathOf(files_.identity), PathOf(files_.identity), PathOf(files_.roots),
          kRefreshSeconds)) {
  SetTime(files_);
}

GrpcTls::~GrpcTls() = default;

// The key and the certificate are in one file. gRPC reads it twice, and then asks for its time, in
// seconds, to know whether it was the same one.
void GrpcTls::SetTime(const Files& files) {
  const timespec time{.tv_sec = ++time_s_, .tv_nsec = 0};
  const timespec times[] = {time, time};
  futimens(files.identity.get(), times);
}

// The names stay; what they name is exchanged in one step each.
void GrpcTls::Replace(const Files& files) {
  SetTime(files);
  dup3(files.identity.get(), files_.identity.get(), O_CLOEXEC);
  dup3(files.roots.get(), files_.roots.get(), O_CLOEXEC);
}

std::shared_ptr<grpc::ServerCredentials> GrpcTls::Credentials(bool needs_certificate) const {
  TlsServerCredentialsOptions options(provider_);
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(needs_certificate
                                    ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                                    : GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY);
  return grpc::experimental::TlsServerCredentials(options);
}

}  // namespace server
