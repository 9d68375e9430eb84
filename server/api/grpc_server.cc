#include "server/api/grpc_server.h"

#include <chrono>

#include <grpcpp/resource_quota.h>
#include <grpcpp/server_posix.h>

namespace server {

namespace {

using std::chrono::milliseconds;

// A connection that has not shown who it is within this is closed.
constexpr milliseconds kHandshakeTime{10'000};

// As the listener's keepalive: two minutes to notice a dead peer.
constexpr milliseconds kKeepaliveTime{60'000};
constexpr milliseconds kKeepaliveTimeout{60'000};

// Calls at once over one connection. An agent has one.
constexpr int kCallsPerConnectionMax = 100;

// What gRPC reads of a stream ahead of what we take. By itself it would read megabytes ahead of
// each of a thousand agents. With a round trip of 100 ms it still lets an agent send ten thousand
// records a second.
constexpr int kLookaheadBytes = 256 << 10;

// What gRPC itself may hold for all connections: as far as it keeps to it.
constexpr size_t kMemoryMax = size_t{256} << 20;

void SetLimits(grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeTime.count());
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTime.count());
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeout.count());
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kCallsPerConnectionMax);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kLookaheadBytes);
  grpc::ResourceQuota quota("api");
  builder.SetResourceQuota(quota.Resize(kMemoryMax));
}

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(const GrpcServerOptions& options) {
  return Start(options, nullptr);
}

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(const GrpcServerOptions& options,
                                                              const GrpcTls& tls) {
  return Start(options, &tls);
}

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(const GrpcServerOptions& options,
                                                              const GrpcTls* tls) {
  grpc::ServerBuilder builder;
  for (grpc::Service* const service : options.services) builder.RegisterService(service);
  builder.SetMaxReceiveMessageSize(options.message_bytes_max);
  SetLimits(builder);
  std::unique_ptr<GrpcServer> server(new GrpcServer());
  if (tls != nullptr) {
    auto experimental = builder.experimental();
    using Experimental = decltype(experimental);
    const auto from_descriptor = Experimental::ExternalConnectionType::FROM_FD;
    server->strict_ =
        experimental.AddExternalConnectionAcceptor(from_descriptor, tls->Credentials(true));
    server->lenient_ =
        experimental.AddExternalConnectionAcceptor(from_descriptor, tls->Credentials(false));
  }
  server->server_ = builder.BuildAndStart();
  if (server->server_ == nullptr) return absl::UnavailableError("gRPC does not start");
  return server;
}

GrpcServer::~GrpcServer() { Stop(); }

void GrpcServer::ServeLocal(int descriptor) {
  grpc::AddInsecureChannelFromFd(server_.get(), descriptor);
}

void GrpcServer::ServeTls(int descriptor, bool needs_certificate) {
  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
  connection.fd = descriptor;
  (needs_certificate ? strict_ : lenient_)->HandleNewConnection(&connection);
}

void GrpcServer::Stop() {
  if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
}

}  // namespace server
