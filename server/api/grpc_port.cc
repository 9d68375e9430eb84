#include "server/api/grpc_port.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <utility>

#include <boost/asio/co_spawn.hpp>

#include "server/accept_loop.h"
#include "server/end_process.h"

namespace server {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// What is sent and not acknowledged for so long is sent to nobody: as gRPC's own keepalive.
constexpr unsigned kUserTimeoutMs = 60'000;

}  // namespace

GrpcPort::GrpcPort(asio::io_context& network, GrpcServerOptions options)
    : network_(network), options_(std::move(options)) {}

absl::StatusOr<GrpcPort::Change> GrpcPort::Prepare(const Way& way) const {
  Change change;
  change.needs_certificate_ = way.needs_certificate;
  if (way.tls) {
    absl::StatusOr<GrpcTls::Files> files = GrpcTls::Write(*way.tls);
    if (!files.ok()) return files.status();
    change.tls_files_ = *std::move(files);
  }
  if (way.place.port && server_ == nullptr) {
    auto tls = GrpcTls::Create(*std::exchange(change.tls_files_, std::nullopt));
    if (!tls.ok()) return tls.status();
    auto server = GrpcServer::Start(options_, **tls);
    if (!server.ok()) return server.status();
    change.tls_ = *std::move(tls);
    change.server_ = *std::move(server);
  }
  absl::StatusOr<Listening::Move> move = listening_.Prepare(network_, way.place);
  if (!move.ok()) return move.status();
  change.move_ = *std::move(move);
  return change;
}

void GrpcPort::Take(Change change) {
  needs_certificate_ = change.needs_certificate_;
  if (change.server_ != nullptr) {
    tls_ = std::move(change.tls_);
    server_ = std::move(change.server_);
  }
  if (change.tls_files_) Replace(*change.tls_files_);
  MoveTo(std::move(change.move_));
}

void GrpcPort::Replace(const GrpcTls::Files& files) {
  if (tls_ != nullptr) tls_->Replace(files);
}

void GrpcPort::MoveTo(Listening::Move move) {
  const Listening::Changed changed = listening_.Take(std::move(move));
  CloseAll(changed.closed);
  for (const Acceptor& acceptor : changed.opened) {
    const auto failed = [this](const error_code& error) {
      if (refusal_log_.Allow()) spdlog::error("api: accept: {}", error.message());
    };
    const auto admit = [this](tcp::socket socket) { Admit(std::move(socket)); };
    asio::co_spawn(network_, AcceptUntilClosed(acceptor, admit, failed), EndProcessOnError);
  }
}

void GrpcPort::Admit(tcp::socket socket) {
  error_code gone;
  socket.set_option(tcp::no_delay(true), gone);
  setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &kUserTimeoutMs,
             sizeof(kUserTimeoutMs));
  socket.native_non_blocking(true, gone);
  const int descriptor = socket.release(gone);
  if (!gone) server_->ServeTls(descriptor, needs_certificate_);
}

void GrpcPort::StopAccepting() { MoveTo({}); }

void GrpcPort::Stop() {
  if (server_ != nullptr) server_->Stop();
}

}  // namespace server
