// One connection to the JSON door: HTTP/1.1 over TLS 1.3, request by request.

#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include "server/api/caller.h"
#include "server/api/calls.h"
#include "server/api/connect_protocol.h"
#include "server/api/json_call.h"
#include "server/api/json_counters.h"
#include "server/api/method.h"

namespace server {

struct JsonLimits {
  // Connections at once. They take their files from those that are kept for the store and libwrap.
  size_t connections_max = 256;

  // Of them, those of one address: a browser opens six, a proxy or a dashboard more.
  size_t connections_of_address_max = 64;

  // What a browser sends with cookies and all; more is no request for us.
  size_t header_bytes_max = 16 << 10;

  // A predicate of as many conditions as there may be is much shorter.
  size_t body_bytes_max = 1 << 20;

  // For the TLS handshake, as gRPC gives it.
  std::chrono::milliseconds handshake_time{10'000};

  // Without a request: longer than dashboards wait from one refresh to the next.
  std::chrono::milliseconds idle_time{90'000};

  // From the first byte of a request to its last.
  std::chrono::milliseconds request_time{20'000};

  // Instead of both, and for reading an answer, for who has not shown yet who it is; and it may ask
  // once only. Anybody who can connect may have a place, and callers must find one. Probes ask at
  // once, and so do browsers before they show a token.
  std::chrono::milliseconds stranger_time{5'000};

  // For a peer to read that we are done, and to hang up.
  std::chrono::milliseconds linger_time{2'000};

  // When the door stops; then connections are cut off.
  std::chrono::milliseconds stop_time{5'000};
};

// What connections serve. All must outlive them.
struct JsonService {
  Calls& calls;
  const Callers& callers;
  const MethodTable& methods;

  // What the functions below are called on, unless they say otherwise. It must run as long as there
  // are connections.
  boost::asio::io_context& network;

  // What /metrics tells.
  std::function<std::string()> metrics;

  // What /metrics/hosts tells. Called on the thread of the door.
  std::function<std::string()> host_metrics;

  // Why records are not taken in; empty if they are.
  std::function<std::string()> reason_not_ready;

  std::vector<std::string> origins;  // As PlanRequest() takes them.
};

// Belongs to the thread of the door. Must be held by a shared_ptr.
class JsonConnection : public std::enable_shared_from_this<JsonConnection> {
 public:
  using Socket = boost::asio::ip::tcp::socket;

  // `tls` is kept; `service` and `counters` must outlive the connection.
  JsonConnection(Socket socket, std::shared_ptr<boost::asio::ssl::context> tls,
                 const JsonService& service, const JsonLimits& limits, JsonCounters& counters);

  // Serves it to its end. Tells why a handshake has failed; else empty.
  boost::asio::awaitable<std::string> Serve();

  // Ends it when what it is about to answer is sent.
  void Stop();

  // Ends it at once.
  void Abort();

  const std::string& address() const { return address_; }

 private:
  // What was read of a request.
  struct Request {
    RequestPlan plan;
    absl::StatusOr<Caller> caller;  // Of calls and metrics.
    std::string body = {};
    bool keep_alive = false;  // Whether another one may follow it.
  };

  // Of coroutines, those that return a bool say whether the connection can go on.
  boost::asio::awaitable<bool> ServeRequest();
  boost::asio::awaitable<bool> ReadRequest(Request* request);
  boost::asio::awaitable<bool> Answer(Request* request);
  boost::asio::awaitable<bool> AnswerCall(Request* request);
  boost::asio::awaitable<bool> AnswerUnary(const Request& request);
  boost::asio::awaitable<bool> AnswerStream(const Request& request);
  boost::asio::awaitable<bool> AnswerMetrics(const Request& request);
  boost::asio::awaitable<bool> AnswerError(const Request& request, const absl::Status& error);
  boost::asio::awaitable<bool> Respond(const Request& request, unsigned http_status,
                                       std::string_view type, const std::string& body);
  boost::asio::awaitable<std::string> AskNetwork(const std::function<std::string()>& ask);
  boost::asio::awaitable<bool> ReadMore();
  boost::asio::awaitable<bool> Write(const std::string& text);
  boost::asio::awaitable<void> Wait();
  boost::asio::awaitable<void> Close();

  template <typename Parser>
  boost::asio::awaitable<bool> Parse(Parser& parser, bool whole, Request* request);

  void StartRead();
  void SetDeadline(std::chrono::milliseconds time);
  void StartTimeout(std::chrono::milliseconds time);
  bool EndCall(const absl::Status& why);
  Proofs ShownProofs(std::string_view authorization) const;
  static bool MayCall(const Request& request);
  std::string Head(const Request& request, unsigned http_status, std::string_view type) const;

  const std::shared_ptr<boost::asio::ssl::context> tls_;
  boost::asio::ssl::stream<Socket> stream_;
  const JsonService& service_;
  const JsonLimits limits_;
  JsonCounters& counters_;
  std::string address_;
  uint16_t port_ = 0;
  absl::StatusOr<std::string> certificate_name_;
  std::string certificate_pem_;

  boost::beast::flat_buffer buffer_;  // Read and not yet used.
  bool is_shaking_hands_ = true;
  bool is_known_ = false;    // The peer has shown who it is.
  bool is_reading_ = false;  // Then nothing else touches the buffer.
  bool peer_has_left_ = false;
  bool is_stopping_ = false;
  bool is_aborted_ = false;
  bool is_late_ = false;                // The peer was given a deadline, and it is over.
  std::shared_ptr<JsonCall> call_;      // That is being answered.
  boost::asio::steady_timer wake_;      // Never expires: cancelled when something has happened.
  boost::asio::steady_timer deadline_;  // Of what the peer has to do.
  boost::asio::steady_timer timeout_;   // That the caller has set.
};

}  // namespace server
