// One connection from one client: takes what it says, hands the records to Ingest, and replies
// after Ingest has stored them. It never acknowledges before.

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "server/client_protocol.h"
#include "server/counters.h"
#include "server/host_sessions.h"
#include "server/ingest.h"
#include "server/quotas.h"
#include "server/transport.h"

namespace server {

// Who is at the other end.
struct Peer {
  std::string address;  // As text; an IPv4 address inside an IPv6 one is written as IPv4.
  uint16_t port = 0;
  uint64_t connection = 0;  // EventStore::NextConnection().
};

// What all sessions of a listener share. Belongs to the network thread, and outlives the sessions.
struct SessionContext {
  Ingest& ingest;
  Counters& counters;
  HostSessions& host_sessions;
  Quotas& quotas;
  const uint16_t& connections_max;  // tcp_max_per_addr, as it is now.

  // Where a session reads to. One for all is enough: a session is done with it before it waits.
  std::span<char> read_buffer;

  // How long a client may have to wait by its quotas: a stock client waits for 5 s for an
  // acknowledgement, and part of that is the disk's.
  std::chrono::milliseconds quota_delay_max{2000};
};

struct SessionLimits {
  // Without any byte for longer than this a client is hung up on. 0: never.
  std::chrono::seconds idle_max{0};

  // A frame that has begun must be whole, and a reply that was sent must be taken, within this: ten
  // times what a stock client itself allows for a record and its acknowledgement.
  std::chrono::seconds stall_max{60};
};

// Belongs to the network thread.
class Session {
 public:
  using Clock = std::chrono::steady_clock;

  Session(std::unique_ptr<Transport> transport, Peer peer, const SessionContext& context);

  // Serves until the connection is over, and closes it. Returns the reason, for a log. The session
  // must live until then. Call once.
  boost::asio::awaitable<std::string> Serve();

  // Ends the session in good order: what was read is stored and acknowledged, then the client is
  // told ENDING. What was not read yet is not acknowledged, so that the client sends it again; of
  // an ascii client, which would not, all that has arrived is read and stored.
  void Stop();

  // Ends the session now. A record that is being stored is still stored, but the client will not
  // hear of it, and will send it again.
  void Abort(std::string reason);

  // Aborts if a limit is passed. To be called about once a second.
  void CheckLimits(const SessionLimits& limits, Clock::time_point now);

  // Whether a reply waits for the client to read.
  bool is_sending() const { return send_stalled_.has_value(); }

  // How long the client has said nothing, not even a heartbeat.
  Clock::duration silence(Clock::time_point now) const { return now - last_heard_; }

  // The time between the last two heartbeats, if there were two.
  std::optional<Clock::duration> heartbeat_interval() const { return heartbeat_interval_; }

  const Peer& peer() const { return peer_; }

 private:
  enum class Progress : uint8_t { kNothing, kSomething, kOver };

  boost::asio::awaitable<Progress> ServeRead();
  boost::asio::awaitable<void> StoreRest();
  void TakeTurn();
  boost::asio::awaitable<void> WaitForTurn();
  boost::asio::awaitable<void> WaitForRoom();
  void StoreIsDone();
  boost::asio::awaitable<bool> Store(storage::Delivery delivery, std::string replies);
  boost::asio::awaitable<bool> Refuse(Quotas::Refusal refusal, storage::Delivery delivery);
  boost::asio::awaitable<bool> Send(std::string bytes);
  bool SendNow(std::string_view* rest);
  storage::Delivery MakeDelivery(const Input& input);
  void NoteProgress(const Input& input);

  const std::unique_ptr<Transport> transport_;
  const Peer peer_;
  const SessionContext& context_;
  ClientProtocol protocol_;
  HostSessions::Place place_;
  const storage::Identity payer_;  // Whose quotas count. It cannot be chosen, as node= can.
  Quotas::Turn turn_;              // Of the next read,
  size_t read_bytes_max_ = 0;      // likewise.
  boost::asio::steady_timer* pause_ = nullptr;  // While the turn has not come.

  bool stopping_ = false;
  bool has_stored_ = false;    // A first record has been handed in.
  bool awaits_store_ = false;  // It is not the client's fault that nothing is heard.
  std::string end_reason_;

  Clock::time_point last_heard_ = Clock::now();
  Clock::time_point last_heartbeat_{};
  std::optional<Clock::duration> heartbeat_interval_;
  std::optional<Clock::time_point> frame_begun_;   // Of the frame that is not whole.
  std::optional<Clock::time_point> send_stalled_;  // Since when a reply cannot be sent.
};

}  // namespace server
