// Where agents and clients connect over the network: gRPC over TLS 1.3.

#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "base/log.h"
#include "server/api/grpc_server.h"
#include "server/api/grpc_tls.h"
#include "server/listening.h"

namespace server {

// Belongs to the network thread, but for what says otherwise.
class GrpcPort {
 public:
  // Serves nothing yet.
  GrpcPort(boost::asio::io_context& network, GrpcServerOptions options);

  struct Way {
    ListeningPlace place = {};

    // Else who shows no certificate is let in, too, and shows a secret.
    bool needs_certificate = true;

    // Absent: that of before. Not with the first place.
    std::optional<TlsMaterial> tls = {};
  };

  // All that another way needs.
  class Change {
   private:
    friend class GrpcPort;
    Listening::Move move_;
    bool needs_certificate_ = true;
    std::optional<GrpcTls::Files> tls_files_;
    std::unique_ptr<GrpcTls> tls_;        // With the first one,
    std::unique_ptr<GrpcServer> server_;  // likewise.
  };

  // Changes nothing yet. A failure names the address and the port, or what is wanting.
  absl::StatusOr<Change> Prepare(const Way& way) const;

  // Connections go on, also those to a port that is left.
  void Take(Change change);

  // Shows another certificate. See GrpcTls::Replace().
  void Replace(const GrpcTls::Files& files);

  // Accepts nothing more.
  void StopAccepting();

  // Ends all connections. To be called on another thread, when nothing is accepted any more.
  void Stop();

  const std::vector<boost::asio::ip::tcp::endpoint>& endpoints() const {
    return listening_.endpoints();
  }

 private:
  using Acceptor = std::shared_ptr<boost::asio::ip::tcp::acceptor>;

  void Admit(boost::asio::ip::tcp::socket socket);
  void MoveTo(Listening::Move move);

  boost::asio::io_context& network_;
  const GrpcServerOptions options_;
  Listening listening_;
  bool needs_certificate_ = true;
  std::unique_ptr<GrpcTls> tls_;
  std::unique_ptr<GrpcServer> server_;
  base::LogLimit refusal_log_{20};
};

}  // namespace server
