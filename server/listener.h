// Accepts the clients of the fleet, refuses those that may not come, and keeps the sessions.

#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/log.h"
#include "server/config.h"
#include "server/host_access.h"
#include "server/listening.h"
#include "server/own_records.h"
#include "server/passed_sockets.h"
#include "server/session.h"

namespace server {

struct ListenerLimits {
  // Sessions at once; what the limit of open files leaves over.
  size_t sessions_max = 10'000;

  // Connections that wait for libwrap or for a probe. Past it none is accepted until one is
  // through.
  size_t admissions_max = 1024;

  // A client that was heard of within this is there, and is not probed.
  std::chrono::milliseconds probe_silence{2000};

  // How long the sessions have for a stop: then they are cut off. Their clients send again what was
  // not acknowledged.
  std::chrono::milliseconds stop_time{5000};
};

// Belongs to the thread that runs `network`.
class Listener {
 public:
  using NextConnection = absl::AnyInvocable<uint64_t()>;

  // All references must outlive the listener. The network must not run when it is destroyed, or
  // Stop() must have returned.
  Listener(boost::asio::io_context& network, Ingest& ingest, OwnRecords& own_records,
           Counters& counters, HostSessions& host_sessions, Quotas& quotas,
           NextConnection next_connection, const ListenerOptions& options,
           const ListenerLimits& limits);
  ~Listener();

  // Listens and accepts from here on, at `sockets` and at the places of the configuration that none
  // of them is at; does nothing without either. A failure names the address and the port.
  absl::Status Start(std::vector<PassedSocket> sockets = {});

  // Opens what other options need beyond what is open, and changes nothing yet. A failure names the
  // address and the port: one that is not to be had, or at which a socket that was passed is, and
  // should not be. Those stay where they are.
  absl::StatusOr<Listening::Move> Prepare(const ListenerOptions& options) const;

  // Takes options, and what was prepared for them: at once for new connections and for idle times;
  // sessions go on.
  void Take(const ListenerOptions& options, Listening::Move move);

  // Stops to accept, and ends all sessions in good order. False if some had to be cut off.
  boost::asio::awaitable<bool> Stop();

  // Where it listens, for instance when the kernel chose the port.
  std::vector<boost::asio::ip::tcp::endpoint> endpoints() const;

  size_t session_count() const { return sessions_.size(); }

 private:
  using Socket = boost::asio::ip::tcp::socket;
  using Acceptor = boost::asio::ip::tcp::acceptor;

  struct Connection {
    TcpTransport* transport;  // Owned by the session.
    Session session;

    Connection(std::unique_ptr<TcpTransport> stream, Peer peer, const SessionContext& context)
        : transport(stream.get()), session(std::move(stream), std::move(peer), context) {}
  };
  using Connections = std::list<Connection>;

  void Adopt(std::vector<PassedSocket> sockets);
  ListeningPlace OwnPlace(const ListenerOptions& options) const;
  void MoveTo(Listening::Move move);
  void StartAccepting(const Acceptors& acceptors);
  boost::asio::awaitable<void> AcceptFrom(std::shared_ptr<Acceptor> acceptor);
  boost::asio::awaitable<void> Admit(Socket socket);
  boost::asio::awaitable<const char*> ReasonToRefuse(boost::asio::ip::address address,
                                                     uint16_t port);
  bool IsFull(const std::string& address) const;
  boost::asio::awaitable<bool> MakeRoom(std::string address);
  boost::asio::awaitable<bool> ReplaceStale(std::string address);
  boost::asio::awaitable<void> AwaitEnd(std::string address, uint64_t connection);
  Connection* Find(const std::string& address, uint64_t connection);
  Connection* LongestSilent(const std::string& address);
  void End(Connections::iterator connection, const std::string& reason);
  void Refuse(Socket* socket, const char* reason, const std::string& address, uint16_t port);
  boost::asio::awaitable<void> WatchLimits();

  boost::asio::io_context& network_;
  OwnRecords& own_records_;
  Counters& counters_;
  NextConnection next_connection_;
  ListenerOptions options_;
  const ListenerLimits limits_;

  std::vector<char> read_buffer_;
  const SessionContext context_;
  Acceptors passed_;     // Sockets that were passed, until the end,
  Listening listening_;  // and our own.
  Connections sessions_;
  absl::flat_hash_map<std::string, std::vector<Connection*>> by_address_;
  absl::flat_hash_set<std::string> probing_;       // Addresses with a probe under way.
  absl::flat_hash_map<std::string, int> waiting_;  // Connections in MakeRoom(), by address.
  size_t admissions_ = 0;
  bool stopping_ = false;
  bool in_good_order_ = true;

  boost::asio::steady_timer watch_;  // Ticks once a second.
  boost::asio::steady_timer ended_;  // Cancelled when a session or an admission has ended.
  base::LogLimit session_log_{200};
  base::LogLimit refusal_log_{50};

  // Last: its thread may hold admissions, which use the rest.
  HostAccess host_access_;
};

}  // namespace server
