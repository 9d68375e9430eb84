#include "server/api/json_door.h"

#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <openssl/ssl.h>

#include "server/accept_loop.h"
#include "server/end_process.h"

namespace server {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// Null if OpenSSL refuses what it has taken before.
std::shared_ptr<asio::ssl::context> ContextOf(const TlsMaterial& tls) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  SSL_CTX* const native = context->native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_3_VERSION);
  // Else who has shown a certificate once need not show it again, even if it has expired.
  SSL_CTX_set_num_tickets(native, 0);
  SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
  // Who shows none is let in, for /healthz, and is nobody.
  SSL_CTX_set_verify(native, SSL_VERIFY_PEER, nullptr);
  return UseMaterial(tls, native).ok() ? context : nullptr;
}

}  // namespace

JsonDoor::JsonDoor(JsonService service, const JsonLimits& limits)
    : limits_(limits),
      service_(std::move(service)),
      ended_(door_, std::chrono::steady_clock::time_point::max()) {}

JsonDoor::~JsonDoor() { Stop(); }

absl::StatusOr<JsonDoor::Change> JsonDoor::Prepare(const Way& way) {
  Change change;
  change.origins_ = way.origins;
  if (way.tls) {
    change.tls_ = ContextOf(*way.tls);
    if (change.tls_ == nullptr) return absl::InternalError("OpenSSL makes no context");
  }
  absl::StatusOr<Listening::Move> move = listening_.Prepare(door_, way.place);
  if (!move.ok()) return move.status();
  change.move_ = *std::move(move);
  return change;
}

void JsonDoor::Take(Change change) {
  Listening::Changed changed = listening_.Take(std::move(change.move_));
  const bool is_first = !changed.opened.empty() && !thread_.joinable();
  auto take = [this, changed = std::move(changed), origins = std::move(change.origins_),
               tls = std::move(change.tls_)]() mutable {
    service_.origins = std::move(origins);
    if (tls != nullptr) tls_ = std::move(tls);
    CloseAll(changed.closed);
    for (const auto& closed : changed.closed) std::erase(acceptors_, closed);
    for (const auto& acceptor : changed.opened) {
      acceptors_.push_back(acceptor);
      AcceptFrom(acceptor);
    }
  };
  // Without a thread nobody would run it, and it would be one more with each reload.
  if (thread_.joinable()) {
    asio::post(door_, std::move(take));
  } else {
    take();
  }
  if (is_first) thread_ = std::thread([this] { door_.run(); });
}

void JsonDoor::Replace(const TlsMaterial& tls) {
  std::shared_ptr<asio::ssl::context> context = ContextOf(tls);
  if (context == nullptr) return;
  if (thread_.joinable()) {
    asio::post(door_, [this, context = std::move(context)] { tls_ = context; });
  } else {
    tls_ = std::move(context);
  }
}

void JsonDoor::AcceptFrom(const std::shared_ptr<tcp::acceptor>& acceptor) {
  const auto failed = [this](const error_code& error) {
    ++counters_.json_accept_errors_total;
    if (refusal_log_.Allow()) spdlog::error("api_json: accept: {}", error.message());
  };
  const auto admit = [this](tcp::socket socket) { Admit(std::move(socket)); };
  asio::co_spawn(door_, AcceptUntilClosed(acceptor, admit, failed), EndProcessOnError);
}

void JsonDoor::Admit(tcp::socket socket) {
  error_code gone;
  socket.set_option(tcp::no_delay(true), gone);
  if (connections_.size() >= limits_.connections_max) {
    ++counters_.json_connections_refused_limit_total;
    return;
  }
  const auto connection =
      std::make_shared<JsonConnection>(std::move(socket), tls_, service_, limits_, counters_);
  size_t& of_address = connections_of_[connection->address()];
  if (of_address >= limits_.connections_of_address_max) {
    ++counters_.json_connections_refused_dup_total;
    return;
  }
  ++of_address;
  connections_.insert(connection);
  ++counters_.json_connections_total;
  counters_.json_connections_open = connections_.size();
  asio::co_spawn(door_, connection->Serve(),
                 [this, connection](const std::exception_ptr& error, const std::string& failed) {
                   EndProcessOnError(error);
                   Forget(connection, failed);
                 });
}

void JsonDoor::Forget(const Connection& connection, const std::string& failed_handshake) {
  connection->Abort();
  const auto of_address = connections_of_.find(connection->address());
  if (--of_address->second == 0) connections_of_.erase(of_address);
  connections_.erase(connection);
  counters_.json_connections_open = connections_.size();
  if (!failed_handshake.empty() && refusal_log_.Allow()) {
    spdlog::warn("api_json: handshake failed peer={} reason=\"{}\" unlogged={}",
                 connection->address(), failed_handshake, refusal_log_.TakeSuppressed());
  }
  ended_.cancel();
}

asio::awaitable<void> JsonDoor::StopAll() {
  is_stopping_ = true;
  work_.reset();
  error_code ignored;  // That a wait was ended.
  CloseAll(acceptors_);
  for (const Connection& connection : connections_) connection->Stop();
  asio::steady_timer deadline(door_, limits_.stop_time);
  deadline.async_wait([this](const error_code& cancelled) {
    if (cancelled) return;
    for (const Connection& connection : connections_) connection->Abort();
  });
  while (!connections_.empty()) {
    co_await ended_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  deadline.cancel();
}

void JsonDoor::Stop() {
  if (!thread_.joinable()) return;
  asio::co_spawn(door_, StopAll(), EndProcessOnError);
  thread_.join();
}

}  // namespace server
