// The certificate that gRPC shows, and the roots whose certificates it takes.
//
// While it serves, gRPC 1.51 takes other ones only from files, which it reads every so often. These
// are in memory, and belong to this process alone: what is in them was checked before, and who
// names other files, or writes into them, decides nothing that was not looked at.

#pragma once

#include <ctime>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>

#include "base/file_descriptor.h"
#include "server/api/tls_files.h"

namespace server {

// Use it on one thread at a time.
class GrpcTls {
 public:
  // What it is made of, in memory.
  struct Files {
    base::FileDescriptor identity;  // The key, the certificate, and those behind it.
    base::FileDescriptor roots;
  };

  // kUnavailable if there are no descriptors left.
  static absl::StatusOr<Files> Write(const TlsMaterial& material);

  // kUnavailable if gRPC cannot be shown the files, for want of /proc.
  static absl::StatusOr<std::unique_ptr<GrpcTls>> Create(Files files);

  ~GrpcTls();

  // New connections see it within two seconds; others go on.
  void Replace(const Files& files);

  // Of a server. Who shows a certificate shows one of the roots'; it may be asked for one.
  std::shared_ptr<grpc::ServerCredentials> Credentials(bool needs_certificate) const;

 private:
  explicit GrpcTls(Files files);
  void SetTime(const Files& files);

  time_t time_s_ = 0;  // Of the identity that is in use: another one each time.
  const Files files_;
  const std::shared_ptr<grpc::experimental::CertificateProviderInterface> provider_;
};

}  // namespace server
