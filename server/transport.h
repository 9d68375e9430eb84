// The byte stream of a session: plain TCP today, TLS and Kerberos behind the same face.
//
// Waiting and moving bytes are apart, so that a session that waits holds no buffer.

#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

namespace server {

// Belongs to the network thread.
class Transport {
 public:
  virtual ~Transport() = default;

  // Returns when Read() may bring something, or after Cancel() or Close(). Spurious returns are
  // allowed.
  virtual boost::asio::awaitable<void> WaitReadable() = 0;

  // The same for Write().
  virtual boost::asio::awaitable<void> WaitWritable() = 0;

  // Moves what can be moved without waiting. kUnavailable if that is nothing: wait, and try again.
  // kAborted: the connection is over. Read() returns 0 at the end of what the peer has to say.
  virtual absl::StatusOr<size_t> Read(std::span<char> buffer) = 0;
  virtual absl::StatusOr<size_t> Write(std::string_view bytes) = 0;

  // Ends the waits, and leaves the connection as it is.
  virtual void Cancel() = 0;

  // Ends the connection and the waits. May be called more than once.
  virtual void Close() = 0;
};

// Whether a silent peer is still there, as far as the network can tell.
enum class Liveness {
  kUnknown,  // It has not answered yet.
  kAlive,
  kDead,
};

class TcpTransport : public Transport {
 public:
  // Takes a connected socket. Turns on keepalive, so that a peer that vanished without a word is
  // noticed even where tcp_client_max_idle is 0.
  explicit TcpTransport(boost::asio::ip::tcp::socket socket);

  boost::asio::awaitable<void> WaitReadable() override;
  boost::asio::awaitable<void> WaitWritable() override;
  absl::StatusOr<size_t> Read(std::span<char> buffer) override;
  absl::StatusOr<size_t> Write(std::string_view bytes) override;
  void Cancel() override;
  void Close() override;

  // Whether the peer has closed the connection, or reset it, even if Read() has not come to it yet.
  bool peer_has_left();

  // Asks the peer's TCP at once for a sign of life. The session stays usable: a dead peer makes its
  // next Read() fail.
  void StartProbe();

  // What StartProbe() has found so far. A peer that does not answer is kUnknown for kProbeTime, and
  // then dead.
  Liveness ProbeResult();

  static constexpr auto kProbeTime = std::chrono::milliseconds(2500);

 private:
  struct Keepalive {
    int idle_s;      // Silence before the first probe.
    int interval_s;  // Between probes.
    int count;       // Probes without an answer until the peer is dead.
  };

  // Two minutes to notice a dead peer cost an idle fleet one small packet a minute and client.
  static constexpr Keepalive kUsualKeepalive = {.idle_s = 60, .interval_s = 10, .count = 6};

  void SetKeepalive(const Keepalive& keepalive);

  boost::asio::ip::tcp::socket socket_;
  std::chrono::steady_clock::time_point probe_start_{};
};

}  // namespace server
