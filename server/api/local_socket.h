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
#include <utility>

#include "absl/status/statusor.h"
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include "base/log.h"
#include "server/api/local_callers.h"
#include "server/api/local_socket_options.h"

namespace server {

// Belongs to the network thread.
class LocalSocket {
 public:
  // Listens nowhere yet. `serve` takes over a connected descriptor, which does not block. `callers`
  // must outlive the socket.
  LocalSocket(boost::asio::io_context& network, LocalCallers& callers,
              std::function<void(int descriptor)> serve);
  ~LocalSocket();

  class Change;

  // Opens what other options need beyond what is open, and changes nothing yet. A failure names the
  // path or the group. A socket that a dead server has left is removed.
  absl::StatusOr<Change> Prepare(const LocalSocketOptions& options);

  // Listens there from here on, and nowhere else; connections go on.
  void Take(Change change);

  // Accepts nothing more, and takes the socket away. May be called more than once.
  void Stop();

 private:
  using Protocol = boost::asio::local::stream_protocol;

  // Shared with the coroutine that accepts.
  using Acceptor = std::shared_ptr<Protocol::acceptor>;

  // Listens, and is gone with its file unless it is used.
  struct Opened {
    Opened(Acceptor listening, std::string bound)
        : acceptor(std::move(listening)), path(std::move(bound)) {}
    ~Opened();

    Acceptor acceptor;
    std::string path;  // Empty once it is used.
  };

  absl::StatusOr<std::unique_ptr<Opened>> Listen(const std::string& path,
                                                 std::optional<gid_t> group);
  void Admit(Protocol::socket socket);
  bool MayConnect(int descriptor, uid_t uid, gid_t gid) const;

  boost::asio::io_context& network_;
  LocalCallers& callers_;
  LocalSocketOptions options_;
  const std::function<void(int)> serve_;
  std::optional<gid_t> group_;
  Acceptor acceptor_;
  base::LogLimit refusal_log_{20};
};

// All that other options need.
class LocalSocket::Change {
 private:
  friend class LocalSocket;
  LocalSocketOptions options_;
  std::optional<gid_t> group_;
  std::unique_ptr<Opened> opened_;  // Null: the one that there is, or none.
};

}  // namespace server
