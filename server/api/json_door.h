// The JSON door: HTTPS for those who do not speak gRPC, such as browsers, curl and Prometheus. It
// serves the methods of the API by the Connect protocol (connect_protocol.h), /metrics,
// /metrics/hosts, /healthz and /readyz.
//
// It has a thread of its own, so that neither TLS nor slow peers delay an acknowledgement. What is
// asked for is found and printed on the threads of the calls.

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/log.h"
#include "server/api/json_connection.h"
#include "server/api/json_counters.h"
#include "server/api/tls_files.h"
#include "server/listening.h"

namespace server {

class JsonDoor {
 public:
  // Serves nothing yet. What `service` refers to must outlive the door.
  JsonDoor(JsonService service, const JsonLimits& limits);

  // As Stop().
  ~JsonDoor();

  // What can be another one later. What follows is for one thread, which is not that of the door.
  struct Way {
    ListeningPlace place = {};
    std::vector<std::string> origins = {};  // As PlanRequest() takes them.
    std::optional<TlsMaterial> tls = {};    // Absent: that of before. Not with the first place.
  };

  // All that another way needs.
  class Change {
   private:
    friend class JsonDoor;
    Listening::Move move_;
    std::vector<std::string> origins_;
    std::shared_ptr<boost::asio::ssl::context> tls_;
  };

  // Changes nothing yet. A failure names the address and the port.
  absl::StatusOr<Change> Prepare(const Way& way);

  // Counts for new connections, and the origins for new requests. Connections go on, also those to
  // a port that is left.
  void Take(Change change);

  // New connections see another certificate.
  void Replace(const TlsMaterial& tls);

  // Accepts nothing more, ends all connections, and waits until they have ended; no longer than
  // JsonLimits::stop_time, then they are cut off. Calls must have ended, or end meanwhile. Must not
  // be called on the network thread. May be called more than once.
  void Stop();

  // Where it listens.
  const std::vector<boost::asio::ip::tcp::endpoint>& endpoints() const {
    return listening_.endpoints();
  }

  const JsonCounters& counters() const { return counters_; }

 private:
  using Connection = std::shared_ptr<JsonConnection>;

  void AcceptFrom(const std::shared_ptr<boost::asio::ip::tcp::acceptor>& acceptor);
  boost::asio::awaitable<void> StopAll();
  void Admit(boost::asio::ip::tcp::socket socket);
  void Forget(const Connection& connection, const std::string& failed_handshake);

  const JsonLimits limits_;
  JsonCounters counters_;
  boost::asio::io_context door_{1};
  Listening listening_;  // Its sockets are of `door_`.

  // Of the door's thread, once it runs.
  std::optional<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> work_{
      boost::asio::make_work_guard(door_)};
  JsonService service_;  // What it refers to does not change; the origins do.
  std::shared_ptr<boost::asio::ssl::context> tls_;  // For connections that come.
  Acceptors acceptors_;
  std::set<Connection> connections_;
  std::map<std::string, size_t> connections_of_;  // By address.
  bool is_stopping_ = false;
  boost::asio::steady_timer ended_;  // Cancelled when a connection has ended.
  base::LogLimit refusal_log_{20};

  std::thread thread_;
};

}  // namespace server
