#include "server/api/json_connection.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "server/api/json_text.h"
#include "server/api/peer_name.h"
#include "server/plain_address.h"

namespace server {

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using Kind = RequestPlan::Kind;
using Parser = http::request_parser<http::string_body>;

// One read: a TLS record.
constexpr size_t kReadBytes = 16 << 10;

// What the peer must have taken within CallLimits::stall_max.
constexpr size_t kPieceBytes = 64 << 10;

constexpr std::string_view kTextType = "text/plain; charset=utf-8";
constexpr std::string_view kPrometheusType = "text/plain; version=0.0.4; charset=utf-8";
constexpr std::string_view kLastChunk = "0\r\n\r\n";

RequestHead HeadOf(const http::request_header<>& request) {
  const auto field = [&request](const auto& name) { return std::string_view(request[name]); };
  return {.verb = request.method_string(),
          .target = request.target(),
          .is_http_1_1 = request.version() >= 11,
          .content_type = field(http::field::content_type),
          .content_encoding = field(http::field::content_encoding),
          .connect_content_encoding = field("Connect-Content-Encoding"),
          .connect_protocol_version = field("Connect-Protocol-Version"),
          .connect_timeout_ms = field("Connect-Timeout-Ms"),
          .origin = field(http::field::origin),
          .access_control_request_method = field(http::field::access_control_request_method)};
}

bool IsCall(const RequestPlan& plan) {
  return plan.kind == Kind::kUnary || plan.kind == Kind::kStream;
}

bool IsMetrics(const RequestPlan& plan) {
  return plan.kind == Kind::kMetrics || plan.kind == Kind::kHostMetrics;
}

// Of what was not understood.
RequestPlan PlanOf(const error_code& error) {
  if (error == http::error::header_limit) {
    return {.http_status = 431, .error = absl::ResourceExhaustedError("the head is too long")};
  }
  if (error == http::error::body_limit) {
    return {.http_status = 413, .error = absl::ResourceExhaustedError("the body is too long")};
  }
  return {.http_status = 400,
          .error = absl::InvalidArgumentError("not HTTP/1.1: " + error.message())};
}

void AppendChunk(std::string_view content, std::string* text) {
  absl::StrAppendFormat(text, "%x\r\n", content.size());
  absl::StrAppend(text, std::string(content), "\r\n");
}

asio::awaitable<std::string> Run(const std::function<std::string()>& ask) {
  std::string answer = ask();
  co_return answer;
}

}  // namespace

JsonConnection::JsonConnection(Socket socket, std::shared_ptr<asio::ssl::context> tls,
                               const JsonService& service, const JsonLimits& limits,
                               JsonCounters& counters)
    : tls_(std::move(tls)),
      stream_(std::move(socket), *tls_),
      service_(service),
      limits_(limits),
      counters_(counters),
      buffer_(limits.header_bytes_max + kReadBytes),
      wake_(stream_.get_executor(), steady_clock::time_point::max()),
      deadline_(stream_.get_executor()),
      timeout_(stream_.get_executor()) {
  error_code gone;
  const asio::ip::tcp::endpoint remote = stream_.lowest_layer().remote_endpoint(gone);
  address_ = PlainAddress(remote.address()).to_string();
  port_ = remote.port();
}

asio::awaitable<std::string> JsonConnection::Serve() {
  SetDeadline(limits_.handshake_time);
  error_code error;
  co_await stream_.async_handshake(asio::ssl::stream_base::server,
                                   asio::redirect_error(asio::use_awaitable, error));
  deadline_.cancel();
  is_shaking_hands_ = false;
  if (error) {
    ++counters_.json_handshakes_failed_total;
    co_return is_late_ ? "took too long" : error.message();
  }
  const X509* const certificate = SSL_get0_peer_certificate(stream_.native_handle());
  certificate_name_ = CertificateName(certificate);
  certificate_pem_ = CertificatePem(certificate);
  is_known_ = service_.callers.Find(ShownProofs("")).ok();
  for (bool goes_on = true; goes_on && !is_stopping_;) goes_on = co_await ServeRequest();
  co_await Close();
  co_return "";
}

asio::awaitable<bool> JsonConnection::ServeRequest() {
  Request request;
  const bool has_come = co_await ReadRequest(&request);
  deadline_.cancel();
  if (!has_come) co_return false;
  const bool is_answered = co_await Answer(&request);
  if (!is_answered) co_return false;
  co_return request.keep_alive;
}

// Reads a request as far as it is needed. False if there is none to be answered.
asio::awaitable<bool> JsonConnection::ReadRequest(Request* request) {
  if (buffer_.size() == 0) {
    SetDeadline(is_known_ ? limits_.idle_time : limits_.stranger_time);
    const bool has_begun = co_await ReadMore();
    if (is_late_) ++counters_.json_connections_ended_idle_total;
    if (!has_begun) co_return false;
  }
  SetDeadline(is_known_ ? limits_.request_time : limits_.stranger_time);
  Parser parser;
  parser.header_limit(static_cast<uint32_t>(limits_.header_bytes_max));
  parser.body_limit(limits_.body_bytes_max);
  const bool has_head = co_await Parse(parser, false, request);
  if (!has_head) co_return request->plan.http_status != 0;
  if (parser.get().count(http::field::transfer_encoding) > 0 && !parser.chunked()) {
    // Where such a request ends is a matter of opinion.
    ++counters_.json_requests_malformed_total;
    request->plan = PlanOf(http::error::bad_transfer_encoding);
    co_return true;
  }
  ++counters_.json_requests_total;
  request->plan = PlanRequest(HeadOf(parser.get().base()), service_.methods, service_.origins);
  if (request->plan.kind == Kind::kRefuse) ++counters_.json_requests_refused_total;
  if (IsCall(request->plan) || IsMetrics(request->plan)) {
    request->caller = service_.callers.Find(ShownProofs(parser.get()[http::field::authorization]));
    if (request->caller.ok() && !std::exchange(is_known_, true)) SetDeadline(limits_.request_time);
  }
  // Of who may not ask we hold no bodies.
  if (IsCall(request->plan) && MayCall(*request)) {
    const bool is_whole = co_await Parse(parser, true, request);
    if (!is_whole) co_return request->plan.http_status != 200;
    request->body = std::move(parser.get().body());
  }
  request->keep_alive =
      is_known_ && parser.is_done() && parser.keep_alive() && parser.get().version() >= 11;
  co_return true;
}

// Reads until the head of a request is there, or all of it. Else false; if that is to be answered,
// the plan says with what.
template <typename SomeParser>
asio::awaitable<bool> JsonConnection::Parse(SomeParser& parser, bool whole, Request* request) {
  error_code error;
  while (whole ? !parser.is_done() : !parser.is_header_done()) {
    if (buffer_.size() == 0 || error == http::error::need_more) {
      const bool has_more = co_await ReadMore();
      if (!has_more) {
        if (is_late_) ++counters_.json_connections_ended_slow_total;
        if (!is_late_ && !is_stopping_) ++counters_.json_requests_malformed_total;
        co_return false;
      }
    }
    error = {};
    buffer_.consume(parser.put(buffer_.data(), error));
    if (!error || error == http::error::need_more) continue;
    request->plan = PlanOf(error);
    if (request->plan.http_status == 400) {
      ++counters_.json_requests_malformed_total;
    } else {
      ++counters_.json_requests_refused_size_total;
    }
    co_return false;
  }
  co_return true;
}

// What the caller has shown.
Proofs JsonConnection::ShownProofs(std::string_view authorization) const {
  return {.authorization = std::string(authorization),
          .certificate_name = certificate_name_,
          .certificate_pem = certificate_pem_,
          .address = address_,
          .port = port_};
}

asio::awaitable<bool> JsonConnection::Answer(Request* request) {
  const RequestPlan& plan = request->plan;
  bool goes_on = false;
  if (IsCall(plan)) {
    goes_on = co_await AnswerCall(request);
    co_return goes_on;
  }
  if (IsMetrics(plan)) {
    goes_on = co_await AnswerMetrics(*request);
    co_return goes_on;
  }
  unsigned http_status = plan.http_status;
  std::string_view type = kTextType;
  std::string body = "ok\n";
  if (plan.kind == Kind::kRefuse) {
    type = kUnaryType;
    body = ErrorJson(plan.error);
  } else if (plan.kind == Kind::kPreflight) {
    type = {};
    body.clear();
  } else if (plan.kind == Kind::kReady) {
    const std::string reason = co_await AskNetwork(service_.reason_not_ready);
    if (!reason.empty()) {
      http_status = 503;
      body = reason + "\n";
    }
  }
  goes_on = co_await Respond(*request, http_status, type, body);
  co_return goes_on;
}

asio::awaitable<bool> JsonConnection::AnswerMetrics(const Request& request) {
  absl::Status may = request.caller.status();
  if (may.ok() && request.caller->grant.role < Role::kAdmin) {
    may = absl::PermissionDeniedError("metrics are for the role admin");
  }
  bool goes_on = false;
  if (may.ok()) {
    std::string metrics;
    if (request.plan.kind == Kind::kMetrics) {
      metrics = co_await AskNetwork(service_.metrics);
    } else {
      metrics = service_.host_metrics();
    }
    goes_on = co_await Respond(request, 200, kPrometheusType, metrics);
  } else {
    ++counters_.json_requests_refused_total;
    goes_on = co_await AnswerError(request, may);
  }
  co_return goes_on;
}

// Whether the caller's role is enough. Calls says so to whom it is not.
bool JsonConnection::MayCall(const Request& request) {
  return request.caller.ok() && request.caller->grant.role >= request.plan.method->role;
}

asio::awaitable<bool> JsonConnection::AnswerCall(Request* request) {
  const Method& method = *request->plan.method;
  const bool is_stream = request->plan.kind == Kind::kStream;
  std::unique_ptr<google::protobuf::Message> message;
  if (request->caller.ok()) message.reset(method.request->New());
  if (MayCall(*request)) {
    absl::Status error = request->plan.error;
    absl::StatusOr<std::string_view> json = request->body;
    if (error.ok() && is_stream) json = MessageInEnvelope(request->body);
    if (error.ok()) error = json.ok() ? ParseJson(*json, message.get()) : json.status();
    if (!error.ok()) {
      const bool is_answered = co_await AnswerError(*request, error);
      co_return is_answered;
    }
  }
  const auto wake = [weak = weak_from_this(), door = wake_.get_executor()] {
    // Only there is it looked at: the thread of the call must not be the last that holds it.
    asio::post(door, [weak] {
      if (const std::shared_ptr<JsonConnection> self = weak.lock()) self->wake_.cancel();
    });
  };
  call_ = std::make_shared<JsonCall>(service_.calls, method, wake);
  if (request->plan.timeout) StartTimeout(*request->plan.timeout);
  call_->Begin(request->caller, std::move(message));
  if (buffer_.size() == 0) StartRead();  // Tells us when the caller leaves.
  bool goes_on = false;
  if (is_stream) {
    goes_on = co_await AnswerStream(*request);
  } else {
    goes_on = co_await AnswerUnary(*request);
  }
  timeout_.cancel();
  call_.reset();
  co_return goes_on;
}

asio::awaitable<bool> JsonConnection::AnswerUnary(const Request& request) {
  JsonCall::Output output = call_->Take();
  while (!output.ended) {
    co_await Wait();
    output = call_->Take();
  }
  bool goes_on = false;
  if (output.ended->ok()) {
    goes_on = co_await Respond(request, 200, kUnaryType, output.text);
  } else {
    goes_on = co_await AnswerError(request, *output.ended);
  }
  co_return goes_on;
}

asio::awaitable<bool> JsonConnection::AnswerStream(const Request& request) {
  std::string text = Head(request, 200, kStreamType) + "Transfer-Encoding: chunked\r\n\r\n";
  for (;;) {
    const JsonCall::Output output = call_->Take();
    if (output.text.empty() && !output.ended) {
      co_await Wait();
      continue;
    }
    if (!output.text.empty()) AppendChunk(output.text, &text);
    if (output.ended) {
      std::string last;
      AppendEndOfStream(*output.ended, &last);
      AppendChunk(last, &text);
      text += kLastChunk;
    }
    const bool is_written = co_await Write(text);
    if (!is_written || output.ended) co_return is_written;
    call_->Written();
    text.clear();
  }
}

asio::awaitable<bool> JsonConnection::AnswerError(const Request& request,
                                                  const absl::Status& error) {
  const bool is_stream = request.plan.kind == Kind::kStream;
  std::string body;
  if (is_stream) {
    AppendEndOfStream(error, &body);
  } else {
    body = ErrorJson(error);
  }
  const bool goes_on =
      co_await Respond(request, is_stream ? request.plan.http_status : HttpStatusOf(error.code()),
                       is_stream ? kStreamType : kUnaryType, body);
  co_return goes_on;
}

asio::awaitable<bool> JsonConnection::Respond(const Request& request, unsigned http_status,
                                              std::string_view type, const std::string& body) {
  std::string text = Head(request, http_status, type);
  const bool may_have_body = http_status != 204;
  if (may_have_body) absl::StrAppend(&text, "Content-Length: ", body.size(), "\r\n");
  absl::StrAppend(&text, "\r\n", body);
  const bool is_written = co_await Write(text);
  co_return is_written;
}

// The head of an answer, but for how long its body is, and the empty line. Without a type there is
// no body; a stream comes in chunks.
std::string JsonConnection::Head(const Request& request, unsigned http_status,
                                 std::string_view type) const {
  const std::string_view reason = http::obsolete_reason(http::int_to_status(http_status));
  std::string text = absl::StrCat("HTTP/1.1 ", http_status, " ", std::string(reason), "\r\n");
  if (!type.empty()) absl::StrAppend(&text, "Content-Type: ", std::string(type), "\r\n");
  for (const auto& [name, value] : request.plan.fields) {
    absl::StrAppend(&text, std::string(name), ": ", value, "\r\n");
  }
  absl::StrAppend(&text, "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n");
  if (!request.keep_alive || is_stopping_) text += "Connection: close\r\n";
  return text;
}

asio::awaitable<std::string> JsonConnection::AskNetwork(const std::function<std::string()>& ask) {
  asio::awaitable<std::string> run = Run(ask);
  std::string answer =
      co_await asio::co_spawn(service_.network, std::move(run), asio::use_awaitable);
  co_return answer;
}

// Returns when something was read. False if nothing more will come, or none is wanted.
asio::awaitable<bool> JsonConnection::ReadMore() {
  const size_t had = buffer_.size();
  while (buffer_.size() == had) {
    const bool is_over = peer_has_left_ || is_stopping_ || is_aborted_;
    if (is_over || had + kReadBytes > buffer_.max_size()) co_return false;
    StartRead();
    co_await Wait();
  }
  co_return true;
}

void JsonConnection::StartRead() {
  if (is_reading_) return;
  is_reading_ = true;
  stream_.async_read_some(buffer_.prepare(kReadBytes),
                          [self = shared_from_this()](const error_code& error, size_t size) {
                            self->is_reading_ = false;
                            self->buffer_.commit(size);
                            if (error) {
                              self->peer_has_left_ = true;
                              self->EndCall(absl::CancelledError("the caller has left"));
                            }
                            self->wake_.cancel();
                          });
}

asio::awaitable<bool> JsonConnection::Write(const std::string& text) {
  for (size_t begin = 0; begin < text.size() && !is_aborted_; begin += kPieceBytes) {
    SetDeadline(is_known_ ? service_.calls.limits().stall_max : limits_.stranger_time);
    const asio::const_buffer piece(text.data() + begin, std::min(kPieceBytes, text.size() - begin));
    error_code error;
    co_await asio::async_write(stream_, piece, asio::redirect_error(asio::use_awaitable, error));
    deadline_.cancel();
    if (!error) continue;
    if (is_late_) ++counters_.json_connections_ended_slow_total;
    Abort();
  }
  co_return !is_aborted_;
}

// Whether there was a call to be ended.
bool JsonConnection::EndCall(const absl::Status& why) {
  return call_ != nullptr && call_->End(why);
}

asio::awaitable<void> JsonConnection::Wait() {
  error_code cancelled;
  co_await wake_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
}

void JsonConnection::SetDeadline(milliseconds time) {
  deadline_.expires_after(time);
  deadline_.async_wait([self = shared_from_this()](const error_code& cancelled) {
    // It may have been set anew when it had already expired.
    if (cancelled || self->deadline_.expiry() > steady_clock::now()) return;
    self->is_late_ = true;
    // Of a call, the peer has nothing to do but to read.
    const bool ends_call = self->EndCall(absl::CancelledError("the caller did not read"));
    if (ends_call) self->service_.calls.CountStalled();
    self->Abort();
  });
}

void JsonConnection::StartTimeout(milliseconds time) {
  timeout_.expires_after(time);
  timeout_.async_wait([call = call_](const error_code& cancelled) {
    if (!cancelled) call->End(absl::DeadlineExceededError("the caller's deadline is over"));
  });
}

// Says that nothing more will come, and gives the peer time to read it: if there were bytes of its
// left when the socket is closed, what we have sent would be lost.
asio::awaitable<void> JsonConnection::Close() {
  if (is_aborted_ || peer_has_left_) co_return;
  SetDeadline(limits_.linger_time);
  error_code error;
  co_await stream_.async_shutdown(asio::redirect_error(asio::use_awaitable, error));
  std::array<char, 4096> rest;
  stream_.lowest_layer().shutdown(Socket::shutdown_send, error);
  while (!error) {
    co_await stream_.next_layer().async_read_some(asio::buffer(rest),
                                                  asio::redirect_error(asio::use_awaitable, error));
  }
  deadline_.cancel();
  Abort();
}

void JsonConnection::Stop() {
  is_stopping_ = true;
  if (is_shaking_hands_) Abort();
  wake_.cancel();
}

void JsonConnection::Abort() {
  is_aborted_ = true;
  EndCall(absl::CancelledError("the caller has left"));
  error_code ignored;  // Nothing is left to do about a socket we abandon.
  stream_.lowest_layer().close(ignored);
  deadline_.cancel();
  wake_.cancel();
}

}  // namespace server
