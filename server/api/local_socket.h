// A unix socket for the operators of this machine: whoever the kernel says is at the other end is
// root, or of a group that may, is an admin.
//
// gRPC tells nothing of who has connected to a socket of its own, so this one is ours; gRPC is
// given connections, and tells later over which of them a call has come.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>

#include "absl/status/status.h"
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include "base/log.h"
#include "server/api/local_callers.h"
#include "server/api/local_socket_options.h"

namespace server {

// Belongs to the network thread.
class LocalSocket {
 public:
  // `serve` takes over a connected descriptor, which does not block. `callers` must outlive the
  // socket.
  LocalSocket(boost::asio::io_context& network, LocalCallers& callers,
              const LocalSocketOptions& options, std::function<void(int descriptor)> serve);
  ~LocalSocket();

  // Listens from here on; does nothing without a path. A failure names the path or the group. A
  // socket that a dead server has left is replaced.
  absl::Status Start();

  // Accepts nothing more, and takes the socket away. May be called more than once.
  void Stop();

 private:
  using Protocol = boost::asio::local::stream_protocol;

  // Shared with the coroutine that accepts.
  using Acceptor = std::shared_ptr<Protocol::acceptor>;

  absl::Status Listen(std::optional<gid_t> group);
  boost::asio::awaitable<void> AcceptFrom(Acceptor acceptor);
  void Admit(Protocol::socket socket);
  bool MayConnect(int descriptor, uid_t uid, gid_t gid) const;

  boost::asio::io_context& network_;
  LocalCallers& callers_;
  const LocalSocketOptions options_;
  const std::function<void(int)> serve_;
  std::optional<gid_t> group_;
  Acceptor acceptor_;
  base::LogLimit refusal_log_{20};
};

}  // namespace server
