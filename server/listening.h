// The sockets that listen at one port of ours, and their way from one place to another.
//
// A change is prepared, and then taken or dropped. What it needs is open before anything is closed,
// so that a port that is not to be had leaves all as it is; and a socket that listens where the
// next place is, too, stays, with the connections that wait in its queue.

#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "server/acceptors.h"

namespace server {

struct ListeningPlace {
  std::vector<boost::asio::ip::address> addresses = {};  // Empty: all of the machine.
  std::optional<uint16_t> port = {};                     // Absent: nowhere. 0: any that is free.
  int queue = boost::asio::socket_base::max_listen_connections;

  friend bool operator==(const ListeningPlace&, const ListeningPlace&) = default;
};

// Belongs to one thread. It closes nothing and accepts nothing: that is done on the thread of the
// sockets, which may be another one.
class Listening {
 public:
  using Endpoint = boost::asio::ip::tcp::endpoint;

  // The sockets of a place, new ones and those that stay. New ones go with it if it is dropped.
  class Move {
   private:
    friend class Listening;
    ListeningPlace place_;
    Acceptors acceptors_;
  };

  // Sockets of `network`. Nothing changes for those that there are. A failure, kUnavailable, names
  // the address and the port.
  absl::StatusOr<Move> Prepare(boost::asio::io_context& network, const ListeningPlace& place) const;

  // What there is to do after a move.
  struct Changed {
    Acceptors opened;  // To be accepted from.
    Acceptors closed;  // To be closed.
  };

  // A move that was prepared since the last one.
  Changed Take(Move move);

  // Where it listens, for instance when the kernel chose the port.
  const std::vector<Endpoint>& endpoints() const { return endpoints_; }

 private:
  std::shared_ptr<boost::asio::ip::tcp::acceptor> Find(const Endpoint& wanted) const;

  ListeningPlace place_;
  Acceptors acceptors_;
  std::vector<Endpoint> endpoints_;  // Of the acceptors, one by one.
};

// On the thread of the sockets.
void CloseAll(const Acceptors& acceptors);

}  // namespace server
