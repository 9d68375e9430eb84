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
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/log.h"
#include "server/acceptors.h"
#include "server/api/json_connection.h"
#include "server/api/json_counters.h"
#include "server/config.h"

namespace server {

class JsonDoor {
 public:
  // Looks at the files of TLS every `tls_refresh`. What `service` refers to must outlive the door.
  JsonDoor(JsonService service, const ApiOptions& options, const JsonLimits& limits,
           std::chrono::milliseconds tls_refresh);

  // As Stop().
  ~JsonDoor();

  // Serves from here on; does nothing without api_json_port. A failure names the file, or the
  // address and the port.
  absl::Status Start();

  // Accepts nothing more, ends all connections, and waits until they have ended; no longer than
  // JsonLimits::stop_time, then they are cut off. Calls must have ended, or end meanwhile. Must not
  // be called on the network thread. May be called more than once.
  void Stop();

  // Where it listens.
  const std::vector<boost::asio::ip::tcp::endpoint>& endpoints() const { return endpoints_; }

  const JsonCounters& counters() const { return counters_; }

 private:
  using Connection = std::shared_ptr<JsonConnection>;

  boost::asio::awaitable<void> AcceptFrom(std::shared_ptr<boost::asio::ip::tcp::acceptor> acceptor);
  boost::asio::awaitable<void> RefreshTls();
  boost::asio::awaitable<void> StopAll();
  void Admit(boost::asio::ip::tcp::socket socket);
  void Forget(const Connection& connection, const std::string& failed_handshake);
  absl::Status LoadTls();

  const JsonService service_;
  const ApiOptions options_;
  const JsonLimits limits_;
  const std::chrono::milliseconds tls_refresh_;
  JsonCounters counters_;
  std::vector<boost::asio::ip::tcp::endpoint> endpoints_;

  // Of the door's thread, once it runs.
  boost::asio::io_context door_{1};
  std::shared_ptr<boost::asio::ssl::context> tls_;  // For connections that come.
  std::string tls_stamp_;                           // Tells whether the files are those of `tls_`.
  Acceptors acceptors_;
  std::set<Connection> connections_;
  std::map<std::string, size_t> connections_of_;  // By address.
  bool is_stopping_ = false;
  boost::asio::steady_timer ended_;    // Cancelled when a connection has ended.
  boost::asio::steady_timer refresh_;  // Of the files.
  base::LogLimit refusal_log_{20};

  std::thread thread_;
};

}  // namespace server
