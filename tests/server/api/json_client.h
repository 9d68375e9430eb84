// A client of the JSON door for tests: it says what it is told, well or badly.

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include "tests/server/api/certificates.h"

namespace server {

struct JsonAnswer {
  unsigned status = 0;  // 0: there was none.
  std::string body = {};
  boost::beast::http::response_header<> head = {};

  std::string Field(const std::string& name) const { return std::string(head[name]); }
};

class JsonClient {
 public:
  struct Options {
    int tls_version = 0x0304;  // TLS 1.3.
    int receive_bytes = 0;     // What the kernel may hold for us; 0: as it likes.
    std::string server_name = "localhost";
  };

  // Shows no certificate without `files`.
  JsonClient(uint16_t port, const std::string& ca, const std::optional<CertificateFiles>& files,
             const Options& options)
      : tls_(ContextOf(ca, files, options)), stream_(network_, tls_) {
    SSL_set1_host(stream_.native_handle(), options.server_name.c_str());
    Socket& socket = stream_.next_layer();
    const boost::asio::ip::tcp::endpoint door(boost::asio::ip::address_v4::loopback(), port);
    socket.open(door.protocol());
    if (options.receive_bytes != 0) {
      socket.set_option(boost::asio::socket_base::receive_buffer_size(options.receive_bytes));
    }
    socket.connect(door, error_);
    if (!error_) stream_.handshake(boost::asio::ssl::stream_base::client, error_);
  }

  // By TLS 1.3 a client thinks that the handshake is done before its certificate was looked at.
  bool ok() const { return !error_; }

  void Send(std::string_view bytes) {
    if (ok()) boost::asio::write(stream_, boost::asio::buffer(bytes), error_);
  }

  // An answer as a whole.
  JsonAnswer Read() {
    namespace http = boost::beast::http;
    if (!ok()) return {};
    http::response_parser<http::string_body> parser;
    parser.body_limit(boost::none);
    http::read(stream_, buffer_, parser, error_);
    if (error_) return {};
    return {.status = parser.get().result_int(),
            .body = std::move(parser.get().body()),
            .head = std::move(parser.get().base())};
  }

  JsonAnswer Ask(std::string_view verb, const std::string& path, const std::string& body = "",
                 const std::string& fields = "") {
    std::string request =
        absl::StrCat(std::string(verb), " ", path, " HTTP/1.1\r\nHost: door\r\n", fields);
    if (!body.empty()) absl::StrAppend(&request, "Content-Length: ", body.size(), "\r\n");
    Send(request + "\r\n" + body);
    return Read();
  }

  JsonAnswer Call(const std::string& method, const std::string& json,
                  const std::string& fields = "") {
    return Ask("POST", "/auspex.v1." + method, json, "Content-Type: application/json\r\n" + fields);
  }

  static std::string Envelope(std::string_view json) {
    std::string envelope(1, '\0');
    for (const int shift : {24, 16, 8, 0}) envelope += static_cast<char>(json.size() >> shift);
    return envelope + std::string(json);
  }

  JsonAnswer CallStream(const std::string& method, const std::string& json,
                        const std::string& fields = "") {
    return Ask("POST", "/auspex.v1." + method, Envelope(json),
               "Content-Type: application/connect+json\r\n" + fields);
  }

  // Asks for all events, and reads nothing.
  void BeginSearch(const std::string& fields = "") {
    const std::string body = Envelope("{}");
    Send(absl::StrCat("POST /auspex.v1.QueryService/Search HTTP/1.1\r\nHost: door\r\n",
                      "Content-Type: application/connect+json\r\n", fields,
                      "Content-Length: ", body.size(), "\r\n\r\n", body));
  }

  // Bytes as they come; empty when there are no more.
  std::string ReadSome() {
    std::string bytes(4096, '\0');
    bytes.resize(ok() ? stream_.read_some(boost::asio::buffer(bytes), error_) : 0);
    return bytes;
  }

  // All that still comes, until the door closes the connection.
  std::string ReadRest() {
    std::string rest;
    for (std::string some = ReadSome(); !some.empty(); some = ReadSome()) rest += some;
    return rest;
  }

  // Says that it will send nothing more, and goes on reading.
  void CloseHalf() {
    SSL_shutdown(stream_.native_handle());
    stream_.next_layer().shutdown(boost::asio::ip::tcp::socket::shutdown_send, error_);
  }

 private:
  using Socket = boost::asio::ip::tcp::socket;
  using TlsContext = boost::asio::ssl::context;

  static TlsContext ContextOf(const std::string& ca, const std::optional<CertificateFiles>& files,
                              const Options& options) {
    TlsContext tls(TlsContext::tls_client);
    SSL_CTX_set_max_proto_version(tls.native_handle(), options.tls_version);
    tls.load_verify_file(ca);
    tls.set_verify_mode(boost::asio::ssl::verify_peer);
    if (files) {
      tls.use_certificate_chain_file(files->certificate);
      tls.use_private_key_file(files->key, TlsContext::pem);
    }
    return tls;
  }

  boost::asio::io_context network_;
  TlsContext tls_;
  boost::asio::ssl::stream<Socket> stream_;
  boost::beast::flat_buffer buffer_;
  boost::system::error_code error_;
};

}  // namespace server
