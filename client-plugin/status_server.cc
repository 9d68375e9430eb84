#include "client-plugin/status_server.h"

#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "absl/strings/str_cat.h"
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

namespace client_plugin {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::awaitable;
using asio::use_awaitable;
using boost::system::error_code;
using Local = asio::local::stream_protocol;
using Stream = beast::basic_stream<asio::generic::stream_protocol>;

constexpr uint32_t kRequestBytesMax = 8 << 10;
constexpr std::chrono::milliseconds kPauseAfterError{100};
constexpr char kTextType[] = "text/plain; charset=utf-8";

absl::Status Cannot(const std::string& what, const error_code& error) {
  return absl::UnavailableError(absl::StrCat(what, ": ", error.message()));
}

}  // namespace

StatusServer::StatusServer(asio::io_context& context, const StatusServerOptions& options,
                           std::function<AgentState()> state)
    : context_(context), options_(options), state_(std::move(state)) {}

StatusServer::~StatusServer() {
  if (socket_.is_open()) unlink(options_.socket_path.c_str());
}

uint16_t StatusServer::metrics_port() const {
  return port_.is_open() ? port_.local_endpoint().port() : 0;
}

absl::Status StatusServer::Start() {
  if (const absl::Status listening = ListenOnSocket(); !listening.ok()) return listening;
  return options_.metrics_port ? ListenOnPort() : absl::OkStatus();
}

absl::Status StatusServer::ListenOnPort() {
  const asio::ip::tcp::endpoint endpoint(asio::ip::address_v4::loopback(), *options_.metrics_port);
  error_code error;
  port_.open(endpoint.protocol(), error);
  if (!error) port_.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) port_.bind(endpoint, error);
  if (!error) port_.listen(asio::socket_base::max_listen_connections, error);
  if (error) return Cannot(absl::StrCat("metrics_port ", *options_.metrics_port), error);
  asio::co_spawn(
      context_, [this] { return Accept(port_); }, asio::detached);
  return absl::OkStatus();
}

// Who may use the socket is decided by its mode: its owner.
absl::Status StatusServer::ListenOnSocket() {
  const std::string& path = options_.socket_path;
  std::error_code ignored;  // If it cannot be made, the socket cannot either.
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  unlink(path.c_str());  // Of one that was killed.
  error_code error;
  const Local::endpoint endpoint(path);
  socket_.open(endpoint.protocol(), error);
  if (!error) socket_.bind(endpoint, error);
  if (!error && chmod(path.c_str(), 0600) != 0)
    error.assign(errno, boost::system::system_category());
  if (!error) socket_.listen(asio::socket_base::max_listen_connections, error);
  if (error) return Cannot(absl::StrCat("status_socket ", path), error);
  asio::co_spawn(
      context_, [this] { return Accept(socket_); }, asio::detached);
  return absl::OkStatus();
}

template <typename Acceptor>
awaitable<void> StatusServer::Accept(Acceptor& acceptor) {
  asio::steady_timer pause(context_);
  for (;;) {
    error_code error;
    typename Acceptor::protocol_type::socket accepted =
        co_await acceptor.async_accept(asio::redirect_error(use_awaitable, error));
    if (error == asio::error::operation_aborted) co_return;
    if (error) {
      // Without a descriptor to spare it would fail at once, again and again.
      pause.expires_after(kPauseAfterError);
      co_await pause.async_wait(use_awaitable);
      continue;
    }
    if (connections_ >= options_.connections_max) continue;
    ++connections_;
    asio::co_spawn(
        context_,
        [this, socket = Socket(std::move(accepted))]() mutable { return Serve(std::move(socket)); },
        [this](const std::exception_ptr&) { --connections_; });
  }
}

// One request. What goes wrong with it is the asker's matter.
awaitable<void> StatusServer::Serve(Socket socket) {
  Stream stream(std::move(socket));
  stream.expires_after(options_.request_time_max);
  beast::flat_buffer buffer(kRequestBytesMax);
  http::request<http::empty_body> request;
  co_await http::async_read(stream, buffer, request, use_awaitable);
  http::response<http::string_body> response(http::status::ok, request.version());
  std::string content_type;
  response.body() = Answer(request.target(), &content_type);
  if (response.body().empty()) {
    response.result(http::status::not_found);
    response.body() = "there are /metrics, /status and /status.json\n";
  }
  response.set(http::field::content_type, content_type);
  response.keep_alive(false);
  response.prepare_payload();
  co_await http::async_write(stream, response, use_awaitable);
  error_code ignored;
  stream.socket().shutdown(Socket::shutdown_send, ignored);
}

std::string StatusServer::Answer(std::string_view target, std::string* content_type) const {
  *content_type = kTextType;
  if (target == "/metrics") {
    *content_type = "text/plain; version=0.0.4; charset=utf-8";
    return ToPrometheus(state_());
  }
  if (target == "/status.json") {
    *content_type = "application/json";
    return ToJson(state_());
  }
  return target == "/status" ? ToText(state_()) : "";
}

absl::StatusOr<std::string> AskForStatus(const std::string& socket_path, bool as_json) {
  asio::io_context context;
  error_code error;
  Local::socket socket(context);
  socket.connect(Local::endpoint(socket_path), error);
  if (error) {
    return Cannot(absl::StrCat("no agent at ", socket_path, " (status_socket)"), error);
  }
  http::request<http::empty_body> request(http::verb::get, as_json ? "/status.json" : "/status",
                                          11);
  request.set(http::field::host, "localhost");
  http::write(socket, request, error);
  beast::flat_buffer buffer;
  http::response<http::string_body> response;
  if (!error) http::read(socket, buffer, response, error);
  if (error) return Cannot(socket_path, error);
  return response.body();
}

}  // namespace client_plugin
