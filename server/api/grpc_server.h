// A server of gRPC that opens no port: connections are accepted elsewhere and handed over, so that
// ports can come and go while it serves, and connections stay when their port goes.

#pragma once

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include <grpcpp/impl/service_type.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include "server/api/grpc_tls.h"

namespace server {

struct GrpcServerOptions {
  // With the callback API: those may be of several servers. They outlive the server.
  std::vector<grpc::Service*> services;

  int message_bytes_max = 0;  // Of what is received.
};

class GrpcServer {
 public:
  // Serves local connections.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(const GrpcServerOptions& options);

  // Serves connections over TLS 1.3, too.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(const GrpcServerOptions& options,
                                                           const GrpcTls& tls);

  // As Stop().
  ~GrpcServer();

  // Takes over a connected descriptor that does not block, in the clear: its peer is known
  // otherwise.
  void ServeLocal(int descriptor);

  // Likewise, over TLS. Not of a server that serves local connections only.
  void ServeTls(int descriptor, bool needs_certificate);

  // Ends all connections, and waits for them. Nothing more is handed over. May be called more than
  // once.
  void Stop();

 private:
  using Acceptor = std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor>;

  GrpcServer() = default;
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(const GrpcServerOptions& options,
                                                           const GrpcTls* tls);

  Acceptor strict_;   // Whose callers show a certificate,
  Acceptor lenient_;  // and whose may show one.
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace server
