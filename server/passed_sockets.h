// Sockets that systemd has bound before it has started the server (systemd.socket(5),
// sd_listen_fds(3)). So a server without any right listens on port 60, and clients that connect
// while it is restarted wait in the queue of the socket instead of being refused.
//
// The unit of the socket and the configuration both can say where to listen:
//
//   tcp_listen_port absent     the sockets say it
//   listen_address absent      the sockets say at which addresses; the port must be theirs
//   both given                 each socket must be at one of these places. At those that no socket
//                              is at, the server listens by itself
//
// Nobody is served at a place that the configuration does not name: it may leave it out on purpose.

#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "base/file_descriptor.h"
#include "server/config.h"

namespace server {

// What FileDescriptorName= of the unit says of a socket for clients of audisp-remote.
inline constexpr char kAudispRemoteSocket[] = "audisp-remote";

struct PassedSocket {
  base::FileDescriptor descriptor;
  boost::asio::ip::tcp::endpoint endpoint;
};

// Takes those that are meant for this process, and takes them out of the environment: call it once,
// before there are threads. A socket of any other name is closed, which is said in the log. What is
// no TCP socket that listens is kInvalidArgument, with the number of its descriptor.
absl::StatusOr<std::vector<PassedSocket>> TakePassedSockets();

// kFailedPrecondition, with the place of the socket and what the configuration says, if one of
// `passed` listens where it should not.
absl::Status CheckPlaces(const std::vector<boost::asio::ip::tcp::endpoint>& passed,
                         const ListenerOptions& options);

// The addresses of the configuration at which none of `passed` listens. Both as they have passed
// CheckPlaces().
std::vector<boost::asio::ip::address> AddressesBeside(
    const std::vector<boost::asio::ip::tcp::endpoint>& passed, const ListenerOptions& options);

}  // namespace server
