#include "server/listener.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "server/accept_loop.h"
#include "server/end_process.h"
#include "server/plain_address.h"

namespace server {

namespace asio = boost::asio;
using asio::ip::tcp;
using std::chrono::steady_clock;

namespace {

// One read of a session: some hundred records of a client that sends many at once.
constexpr size_t kReadBytes = 64 << 10;

// Our own and those that were passed. Each may be one admission ahead of the limit.
constexpr size_t kAcceptorsMax = 2 * kListenAddressesMax;

// Connections of one address that may wait for its old ones to end: a stock client tries three
// times. More of them must not keep other clients from being accepted.
constexpr int kWaitingPerAddressMax = 4;

constexpr auto kProbePoll = std::chrono::milliseconds(50);

}  // namespace

Listener::Listener(asio::io_context& network, Ingest& ingest, OwnRecords& own_records,
                   Counters& counters, HostSessions& host_sessions, Quotas& quotas,
                   NextConnection next_connection, const ListenerOptions& options,
                   const ListenerLimits& limits)
    : network_(network),
      own_records_(own_records),
      counters_(counters),
      next_connection_(std::move(next_connection)),
      options_(options),
      limits_(limits),
      read_buffer_(kReadBytes),
      context_{.ingest = ingest,
               .counters = counters,
               .host_sessions = host_sessions,
               .quotas = quotas,
               .connections_max = options_.tcp_max_per_addr,
               .read_buffer = read_buffer_},
      watch_(network),
      ended_(network, steady_clock::time_point::max()),
      host_access_({.pending_max = limits.admissions_max + kAcceptorsMax}) {}

Listener::~Listener() = default;

absl::Status Listener::Start(std::vector<PassedSocket> sockets) {
  Adopt(std::move(sockets));
  absl::StatusOr<Listening::Move> move = Prepare(options_);
  if (!move.ok()) return move.status();
  StartAccepting(passed_);
  MoveTo(*std::move(move));
  asio::co_spawn(network_, WatchLimits(), EndProcessOnError);
  return absl::OkStatus();
}

void Listener::Adopt(std::vector<PassedSocket> sockets) {
  for (PassedSocket& socket : sockets) {
    passed_.push_back(std::make_shared<Acceptor>(network_, socket.endpoint.protocol(),
                                                 std::move(socket.descriptor).Release()));
    boost::system::error_code ignored;  // The queue has the length that Backlog= has given it.
    passed_.back()->listen(options_.tcp_listen_queue, ignored);
  }
}

// Where no socket that was passed is.
ListeningPlace Listener::OwnPlace(const ListenerOptions& options) const {
  ListeningPlace place{.addresses = options.listen_address,
                       .port = options.tcp_listen_port,
                       .queue = options.tcp_listen_queue};
  if (passed_.empty()) return place;
  place.addresses = AddressesBeside(EndpointsOf(passed_), options);
  if (place.addresses.empty()) place.port = std::nullopt;  // Without an address it would be at all.
  return place;
}

absl::StatusOr<Listening::Move> Listener::Prepare(const ListenerOptions& options) const {
  const absl::Status agrees = CheckPlaces(EndpointsOf(passed_), options);
  if (!agrees.ok()) return agrees;
  return listening_.Prepare(network_, OwnPlace(options));
}

void Listener::Take(const ListenerOptions& options, Listening::Move move) {
  options_ = options;
  boost::system::error_code ignored;  // The length of the queue is a wish in any case.
  for (const auto& acceptor : passed_) acceptor->listen(options.tcp_listen_queue, ignored);
  MoveTo(std::move(move));
}

void Listener::MoveTo(Listening::Move move) {
  const Listening::Changed changed = listening_.Take(std::move(move));
  CloseAll(changed.closed);
  StartAccepting(changed.opened);
}

void Listener::StartAccepting(const Acceptors& acceptors) {
  for (const std::shared_ptr<Acceptor>& acceptor : acceptors) {
    asio::co_spawn(network_, AcceptFrom(acceptor), EndProcessOnError);
  }
}

std::vector<tcp::endpoint> Listener::endpoints() const {
  std::vector<tcp::endpoint> endpoints = EndpointsOf(passed_);
  std::ranges::copy(listening_.endpoints(), std::back_inserter(endpoints));
  return endpoints;
}

asio::awaitable<void> Listener::AcceptFrom(std::shared_ptr<Acceptor> acceptor) {
  while (acceptor->is_open()) {
    Socket socket(network_);
    boost::system::error_code error;
    co_await acceptor->async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
    if (error == asio::error::operation_aborted) co_return;
    if (error) {
      ++counters_.accept_errors_total;
      if (refusal_log_.Allow()) spdlog::error("accept failed: {}", error.message());
      asio::steady_timer pause(network_, kAcceptPause);
      co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
      continue;
    }
    ++admissions_;
    asio::co_spawn(network_, Admit(std::move(socket)), EndProcessOnError);
    // A whole fleet connects again at once after a restart. The rest waits in the kernel's queue.
    while (admissions_ >= limits_.admissions_max && acceptor->is_open()) {
      co_await ended_.async_wait(asio::redirect_error(asio::use_awaitable, error));
    }
  }
}

asio::awaitable<void> Listener::Admit(Socket socket) {
  const absl::Cleanup admitted = [this] {
    --admissions_;
    ended_.cancel();
  };
  boost::system::error_code gone;
  const tcp::endpoint remote = socket.remote_endpoint(gone);
  if (gone) co_return;  // It has hung up already.
  const asio::ip::address plain = PlainAddress(remote.address());
  const std::string address = plain.to_string();
  const char* const reason = co_await ReasonToRefuse(plain, remote.port());
  if (stopping_) co_return;
  if (reason != nullptr) {
    Refuse(&socket, reason, address, remote.port());
    co_return;
  }
  auto transport = std::make_unique<TcpTransport>(std::move(socket));
  sessions_.emplace_back(
      std::move(transport),
      Peer{.address = address, .port = remote.port(), .connection = next_connection_()}, context_);
  const auto connection = std::prev(sessions_.end());
  by_address_[address].push_back(&*connection);
  ++counters_.sessions_accepted_total;
  counters_.sessions_open = sessions_.size();
  own_records_.Accept(address, remote.port());
  if (session_log_.Allow()) spdlog::info("session began peer={} port={}", address, remote.port());
  asio::co_spawn(network_, connection->session.Serve(),
                 [this, connection](const std::exception_ptr& error, const std::string& why) {
                   EndProcessOnError(error);
                   End(connection, why);
                 });
}

// Null if the connection is welcome.
asio::awaitable<const char*> Listener::ReasonToRefuse(asio::ip::address address, uint16_t port) {
  if (options_.use_libwrap) {
    const bool allowed = co_await host_access_.Allows(address);
    if (!allowed) co_return "wrap";
  }
  const std::optional<PortRange>& ports = options_.tcp_client_ports;
  if (ports && (port < ports->first || port > ports->last)) co_return "port";
  const std::string name = address.to_string();
  while (IsFull(name)) {
    const bool made_room = co_await MakeRoom(name);
    if (!made_room) co_return "dup";
  }
  if (sessions_.size() >= limits_.sessions_max) co_return "limit";
  co_return nullptr;
}

bool Listener::IsFull(const std::string& address) const {
  const auto found = by_address_.find(address);
  return found != by_address_.end() && found->second.size() >= options_.tcp_max_per_addr;
}

// Waits until a connection of a full address has ended, if one can be ended. False if none can.
asio::awaitable<bool> Listener::MakeRoom(std::string address) {
  int& waiting = waiting_[address];
  if (waiting >= kWaitingPerAddressMax) co_return false;
  ++waiting;
  const absl::Cleanup waited = [this, &address] {
    const auto entry = waiting_.find(address);
    if (--entry->second == 0) waiting_.erase(entry);
  };
  // A client that connects again at once can be faster than our reading of its old connection's
  // end.
  for (Connection* connection : by_address_[address]) {
    if (!connection->transport->peer_has_left()) continue;
    const uint64_t number = connection->session.peer().connection;
    if (connection->session.is_sending()) connection->session.Abort("client has left");
    co_await AwaitEnd(address, number);
    co_return true;
  }
  const bool may_probe = options_.replace_stale_connection && !probing_.contains(address);
  if (!may_probe) co_return false;
  probing_.insert(address);
  const bool replaced = co_await ReplaceStale(address);
  probing_.erase(address);
  co_return replaced;
}

// A host that lost its power comes back while its old connection still seems open. Asks that
// connection's peer for a sign of life, and ends the session if none comes. A peer that answers
// keeps its place, unless it has missed two of the heartbeats that it used to send: then only its
// kernel is alive.
asio::awaitable<bool> Listener::ReplaceStale(std::string address) {
  Connection* suspect = LongestSilent(address);
  const auto now = steady_clock::now();
  if (suspect == nullptr || suspect->session.silence(now) < limits_.probe_silence) co_return false;
  const uint64_t connection = suspect->session.peer().connection;
  const auto heartbeat = suspect->session.heartbeat_interval();
  const bool missed_heartbeats = heartbeat && suspect->session.silence(now) > 2 * *heartbeat;
  suspect->transport->StartProbe();

  asio::steady_timer pause(network_);
  for (Liveness liveness = Liveness::kUnknown; liveness == Liveness::kUnknown;) {
    pause.expires_after(kProbePoll);
    co_await pause.async_wait(asio::use_awaitable);
    suspect = Find(address, connection);
    if (suspect == nullptr) co_return true;  // The peer's kernel has denied the connection.
    liveness = suspect->transport->ProbeResult();
    if (liveness == Liveness::kAlive && !missed_heartbeats) co_return false;
  }
  ++counters_.sessions_replaced_total;
  suspect->session.Abort("stale: the address has connected again");
  co_await AwaitEnd(std::move(address), connection);
  co_return true;
}

// Returns when a session that is about to end has ended: what it has read is stored first.
asio::awaitable<void> Listener::AwaitEnd(std::string address, uint64_t connection) {
  while (Find(address, connection) != nullptr) {
    boost::system::error_code cancelled;
    co_await ended_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }
}

Listener::Connection* Listener::Find(const std::string& address, uint64_t connection) {
  const auto found = by_address_.find(address);
  if (found == by_address_.end()) return nullptr;
  for (Connection* candidate : found->second) {
    if (candidate->session.peer().connection == connection) return candidate;
  }
  return nullptr;
}

Listener::Connection* Listener::LongestSilent(const std::string& address) {
  const auto found = by_address_.find(address);
  if (found == by_address_.end()) return nullptr;
  const auto now = steady_clock::now();
  return *std::max_element(found->second.begin(), found->second.end(),
                           [now](const Connection* a, const Connection* b) {
                             return a->session.silence(now) < b->session.silence(now);
                           });
}

void Listener::End(Connections::iterator connection, const std::string& reason) {
  const Peer peer = connection->session.peer();
  std::vector<Connection*>& of_address = by_address_[peer.address];
  std::erase(of_address, &*connection);
  if (of_address.empty()) by_address_.erase(peer.address);
  sessions_.erase(connection);
  counters_.sessions_open = sessions_.size();
  own_records_.Close(peer.address, peer.port);
  if (session_log_.Allow()) {
    spdlog::info("session ended peer={} port={} reason=\"{}\" unlogged={}", peer.address, peer.port,
                 reason, session_log_.TakeSuppressed());
  }
  ended_.cancel();
}

void Listener::Refuse(Socket* socket, const char* reason, const std::string& address,
                      uint16_t port) {
  const std::string_view why = reason;
  if (why == "wrap") ++counters_.connections_refused_wrap_total;
  if (why == "port") ++counters_.connections_refused_port_total;
  if (why == "dup") ++counters_.connections_refused_dup_total;
  if (why == "limit") ++counters_.connections_refused_limit_total;
  boost::system::error_code ignored;  // Nothing is left to do about a socket we abandon.
  socket->shutdown(tcp::socket::shutdown_both, ignored);
  socket->close(ignored);
  own_records_.Refuse(reason, address, port);
  if (refusal_log_.Allow()) {
    spdlog::warn("connection refused peer={} port={} reason={} unlogged={}", address, port, reason,
                 refusal_log_.TakeSuppressed());
  }
}

asio::awaitable<void> Listener::WatchLimits() {
  while (!stopping_) {
    watch_.expires_after(std::chrono::seconds(1));
    boost::system::error_code cancelled;
    co_await watch_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    const SessionLimits limits{.idle_max = std::chrono::seconds(options_.tcp_client_max_idle_s)};
    const auto now = steady_clock::now();
    for (Connection& connection : sessions_) connection.session.CheckLimits(limits, now);
  }
}

asio::awaitable<bool> Listener::Stop() {
  stopping_ = true;
  CloseAll(std::exchange(passed_, {}));
  MoveTo({});
  host_access_.Stop();
  watch_.cancel();
  for (Connection& connection : sessions_) connection.session.Stop();

  asio::steady_timer deadline(network_, limits_.stop_time);
  deadline.async_wait([this](const boost::system::error_code& cancelled) {
    if (cancelled || sessions_.empty()) return;
    in_good_order_ = false;
    for (Connection& connection : sessions_) connection.session.Abort("stop took too long");
  });
  while (!sessions_.empty() || admissions_ > 0) {
    boost::system::error_code cancelled;
    co_await ended_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }
  co_return in_good_order_;
}

}  // namespace server
