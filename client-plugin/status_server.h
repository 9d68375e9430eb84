// Tells what the agent is doing, over HTTP: /metrics on the loopback address and, for
// `auspex-agent status`, on a unix socket.
//
//   GET /metrics    Prometheus's text format
//   GET /status     text for people
//   GET /status.json

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include "client-plugin/agent_state.h"

namespace client_plugin {

struct StatusServerOptions {
  std::optional<uint16_t> metrics_port;  // Of 127.0.0.1. 0: any that is free.
  std::string socket_path;               // Its directory is made if it is not there.

  // Who asks is a scraper or a person: a request takes milliseconds.
  std::chrono::milliseconds request_time_max{5'000};
  size_t connections_max = 16;  // One more is closed at once.
};

// Belongs to the thread of `context`.
class StatusServer {
 public:
  // `state` is asked for each request, on the thread of the context. Both must outlive the object.
  StatusServer(boost::asio::io_context& context, const StatusServerOptions& options,
               std::function<AgentState()> state);

  StatusServer(const StatusServer&) = delete;

  // Takes the socket's file away.
  ~StatusServer();

  // kUnavailable names what cannot be listened on.
  absl::Status Start();

  // Where /metrics is; 0 if nowhere.
  uint16_t metrics_port() const;

 private:
  using Socket = boost::asio::generic::stream_protocol::socket;

  absl::Status ListenOnPort();
  absl::Status ListenOnSocket();
  template <typename Acceptor>
  boost::asio::awaitable<void> Accept(Acceptor& acceptor);
  boost::asio::awaitable<void> Serve(Socket socket);
  std::string Answer(std::string_view target, std::string* content_type) const;

  boost::asio::io_context& context_;
  const StatusServerOptions options_;
  const std::function<AgentState()> state_;
  boost::asio::ip::tcp::acceptor port_{context_};
  boost::asio::local::stream_protocol::acceptor socket_{context_};
  size_t connections_ = 0;
};

// What the agent at this socket says about itself. kUnavailable if there is none.
absl::StatusOr<std::string> AskForStatus(const std::string& socket_path, bool as_json);

}  // namespace client_plugin
