#include "server/api/json_door.h"

#include <sys/stat.h>
#include <utility>

#include "absl/strings/str_cat.h"
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <openssl/ssl.h>

#include "server/api/tls_files.h"
#include "server/end_process.h"

namespace server {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// After a failure of accept(2), which is mostly a want of descriptors.
constexpr std::chrono::milliseconds kPause{100};

// Changes whenever one of the files does.
std::string StampOf(const TlsFiles& files) {
  std::string stamp;
  for (const std::string& file : {files.certificate, files.key, files.ca}) {
    struct stat found {};
    if (stat(file.c_str(), &found) != 0) continue;
    absl::StrAppend(&stamp, found.st_ino, ":", found.st_size, ":", found.st_mtim.tv_sec, ".",
                    found.st_mtim.tv_nsec, " ");
  }
  return stamp;
}

// Of files that CheckTlsFiles() has found good; empty if they are not any more.
std::shared_ptr<asio::ssl::context> ContextOf(const TlsFiles& files) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  SSL_CTX* const native = context->native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_3_VERSION);
  // Else who has shown a certificate once need not show it again, even if it has expired.
  SSL_CTX_set_num_tickets(native, 0);
  SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
  // Who shows none is let in, for /healthz, and is nobody.
  SSL_CTX_set_verify(native, SSL_VERIFY_PEER, nullptr);
  // Browsers offer their users the certificates of these.
  SSL_CTX_set_client_CA_list(native, SSL_load_client_CA_file(files.ca.c_str()));
  const bool is_loaded =
      SSL_CTX_use_certificate_chain_file(native, files.certificate.c_str()) == 1 &&
      SSL_CTX_use_PrivateKey_file(native, files.key.c_str(), SSL_FILETYPE_PEM) == 1 &&
      SSL_CTX_load_verify_locations(native, files.ca.c_str(), nullptr) == 1;
  return is_loaded ? context : nullptr;
}

}  // namespace

JsonDoor::JsonDoor(JsonService service, const ApiOptions& options, const JsonLimits& limits,
                   std::chrono::milliseconds tls_refresh)
    : service_(std::move(service)),
      options_(options),
      limits_(limits),
      tls_refresh_(tls_refresh),
      ended_(door_, std::chrono::steady_clock::time_point::max()),
      refresh_(door_) {}

JsonDoor::~JsonDoor() { Stop(); }

absl::Status JsonDoor::Start() {
  if (!options_.api_json_port) return absl::OkStatus();
  const absl::Status usable = LoadTls();
  if (!usable.ok()) return usable;
  absl::StatusOr<Acceptors> acceptors =
      ListenAt(door_, options_.listen_address, *options_.api_json_port,
               asio::socket_base::max_listen_connections);
  if (!acceptors.ok()) return acceptors.status();
  acceptors_ = *std::move(acceptors);
  for (const auto& acceptor : acceptors_) {
    endpoints_.push_back(acceptor->local_endpoint());
    asio::co_spawn(door_, AcceptFrom(acceptor), EndProcessOnError);
  }
  asio::co_spawn(door_, RefreshTls(), EndProcessOnError);
  thread_ = std::thread([this] { door_.run(); });
  return absl::OkStatus();
}

absl::Status JsonDoor::LoadTls() {
  std::string stamp = StampOf(options_.tls);
  if (stamp == tls_stamp_) return absl::OkStatus();
  const absl::Status usable = CheckTlsFiles(options_.tls);
  if (!usable.ok()) return usable;
  std::shared_ptr<asio::ssl::context> context = ContextOf(options_.tls);
  if (context == nullptr) return absl::UnavailableError("the files of TLS change");
  tls_ = std::move(context);
  tls_stamp_ = std::move(stamp);
  return absl::OkStatus();
}

// Until all of the files go together again, the old certificate is shown.
asio::awaitable<void> JsonDoor::RefreshTls() {
  while (!is_stopping_) {
    refresh_.expires_after(tls_refresh_);
    error_code cancelled;
    co_await refresh_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    if (is_stopping_) co_return;
    const absl::Status loaded = LoadTls();
    if (!loaded.ok() && refusal_log_.Allow()) {
      spdlog::warn("api_json: the old certificate stays: {}", std::string(loaded.message()));
    }
  }
}

asio::awaitable<void> JsonDoor::AcceptFrom(std::shared_ptr<tcp::acceptor> acceptor) {
  while (acceptor->is_open()) {
    error_code error;
    tcp::socket socket =
        co_await acceptor->async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (!acceptor->is_open()) co_return;
    if (!error) {
      Admit(std::move(socket));
      continue;
    }
    ++counters_.json_accept_errors_total;
    if (refusal_log_.Allow()) spdlog::error("api_json: accept: {}", error.message());
    asio::steady_timer pause(door_, kPause);
    co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
  }
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
  refresh_.cancel();
  error_code ignored;  // Nothing is left to do about a socket we abandon.
  for (const auto& acceptor : acceptors_) acceptor->close(ignored);
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
