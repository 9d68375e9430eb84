#include "server/transport.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <utility>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace server {

namespace asio = boost::asio;
using asio::ip::tcp;
using std::chrono::steady_clock;

namespace {

// Options that make a dead peer known sooner. A kernel that refuses one leaves its default: later,
// but not wrong.
void SetOption(tcp::socket& socket, int level, int option, int value) {
  std::ignore = setsockopt(socket.native_handle(), level, option, &value, sizeof(value));
}

absl::Status StatusOf(const boost::system::error_code& error) {
  if (error == asio::error::would_block || error == asio::error::try_again) {
    return absl::UnavailableError("would block");
  }
  return absl::AbortedError(error.message());
}

}  // namespace

TcpTransport::TcpTransport(tcp::socket socket) : socket_(std::move(socket)) {
  boost::system::error_code ignored;  // The first Read() meets what is wrong with the socket.
  socket_.non_blocking(true, ignored);
  // Without this, the second of two short replies waits for the peer's delayed TCP acknowledgement
  // of the first: 40 ms on Linux.
  socket_.set_option(tcp::no_delay(true), ignored);
  SetOption(socket_, SOL_SOCKET, SO_KEEPALIVE, 1);
  SetKeepalive(kUsualKeepalive);
}

asio::awaitable<void> TcpTransport::WaitReadable() {
  boost::system::error_code over;  // Read() will say why.
  co_await socket_.async_wait(tcp::socket::wait_read,
                              asio::redirect_error(asio::use_awaitable, over));
}

asio::awaitable<void> TcpTransport::WaitWritable() {
  boost::system::error_code over;  // Write() will say why.
  co_await socket_.async_wait(tcp::socket::wait_write,
                              asio::redirect_error(asio::use_awaitable, over));
}

absl::StatusOr<size_t> TcpTransport::Read(std::span<char> buffer) {
  boost::system::error_code error;
  const size_t bytes = socket_.read_some(asio::buffer(buffer.data(), buffer.size()), error);
  if (error == asio::error::eof) return 0;
  if (error) return StatusOf(error);
  return bytes;
}

absl::StatusOr<size_t> TcpTransport::Write(std::string_view bytes) {
  boost::system::error_code error;
  const size_t written = socket_.write_some(asio::buffer(bytes), error);
  if (error) return StatusOf(error);
  return written;
}

void TcpTransport::Cancel() {
  boost::system::error_code ignored;  // A closed socket has no waits.
  socket_.cancel(ignored);
}

void TcpTransport::Close() {
  boost::system::error_code ignored;  // Nothing is left to do about a socket we abandon.
  socket_.shutdown(tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
}

void TcpTransport::StartProbe() {
  probe_start_ = steady_clock::now();
  if (!socket_.is_open()) return;
  // Linux arms the timer anew at once, and sends the probe immediately to a peer that has been
  // silent for longer than this.
  SetKeepalive({.idle_s = 1, .interval_s = 1, .count = 2});
}

bool TcpTransport::peer_has_left() {
  tcp_info info{};
  socklen_t size = sizeof(info);
  return !socket_.is_open() ||
         getsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
         info.tcpi_state != TCP_ESTABLISHED;
}

Liveness TcpTransport::ProbeResult() {
  if (peer_has_left()) return Liveness::kDead;
  tcp_info info{};
  socklen_t size = sizeof(info);
  getsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_INFO, &info, &size);
  const auto probing = steady_clock::now() - probe_start_;
  const auto since_answer = std::chrono::milliseconds(info.tcpi_last_ack_recv);
  if (since_answer < probing) {
    SetKeepalive(kUsualKeepalive);
    return Liveness::kAlive;
  }
  return probing < kProbeTime ? Liveness::kUnknown : Liveness::kDead;
}

void TcpTransport::SetKeepalive(const Keepalive& keepalive) {
  SetOption(socket_, IPPROTO_TCP, TCP_KEEPINTVL, keepalive.interval_s);
  SetOption(socket_, IPPROTO_TCP, TCP_KEEPCNT, keepalive.count);
  SetOption(socket_, IPPROTO_TCP, TCP_KEEPIDLE, keepalive.idle_s);
}

}  // namespace server
