// json_bench: how long an answer takes as JSON, beside gRPC.
//
// It searches a collector for so many events, by gRPC and through the JSON door, over one
// connection each, both by TLS; prints the medians of the times until all was read, and the bytes.
//
//   json_bench --grpc-port P --json-port P --ca FILE --certificate FILE --key FILE
//              [--events 10000] [--runs 9]

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <grpcpp/create_channel.h>

#include "base/small_file.h"
#include "proto/auspex/v1/query.grpc.pb.h"

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using Clock = std::chrono::steady_clock;

// Certificates are shorter.
constexpr size_t kFileBytesMax = 1 << 20;

std::string ReadWhole(const std::string& path) {
  const absl::StatusOr<std::string> text = base::ReadSmallFile(path, kFileBytesMax);
  if (text.ok()) return *text;
  std::fprintf(stderr, "%s\n", text.status().ToString().c_str());
  std::exit(EXIT_FAILURE);
}

// What an answer was.
struct Answer {
  size_t bytes = 0;
  size_t events = 0;
};

class GrpcCaller {
 public:
  explicit GrpcCaller(std::map<std::string, std::string>& options) {
    const auto credentials =
        grpc::SslCredentials({.pem_root_certs = ReadWhole(options["--ca"]),
                              .pem_private_key = ReadWhole(options["--key"]),
                              .pem_cert_chain = ReadWhole(options["--certificate"])});
    stub_ = auspex::v1::QueryService::NewStub(
        grpc::CreateChannel("localhost:" + options["--grpc-port"], credentials));
  }

  Answer Search(uint64_t events) {
    grpc::ClientContext context;
    auspex::v1::SearchRequest request;
    request.set_limit(events);
    const auto reader = stub_->Search(&context, request);
    Answer answer;
    for (auspex::v1::SearchResponse response; reader->Read(&response);) {
      answer.bytes += response.ByteSizeLong();
      answer.events += static_cast<size_t>(response.events_size());
    }
    const grpc::Status status = reader->Finish();
    if (!status.ok()) std::fprintf(stderr, "gRPC: %s\n", status.error_message().c_str());
    return answer;
  }

 private:
  std::unique_ptr<auspex::v1::QueryService::Stub> stub_;
};

class JsonCaller {
 public:
  explicit JsonCaller(std::map<std::string, std::string>& options) {
    tls_.load_verify_file(options["--ca"]);
    tls_.set_verify_mode(asio::ssl::verify_peer);
    tls_.use_certificate_chain_file(options["--certificate"]);
    tls_.use_private_key_file(options["--key"], asio::ssl::context::pem);
    stream_ = std::make_unique<Stream>(network_, tls_);
    stream_->next_layer().connect(
        {asio::ip::address_v4::loopback(),
         static_cast<uint16_t>(std::atoi(options["--json-port"].c_str()))});
    stream_->handshake(asio::ssl::stream_base::client);
  }

  Answer Search(uint64_t events) {
    const std::string json = absl::StrCat("{\"limit\":", events, "}");
    const std::string body = std::string(4, '\0') + static_cast<char>(json.size()) + json;
    const std::string request = absl::StrCat(
        "POST /auspex.v1.QueryService/Search HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Type: application/connect+json\r\nContent-Length: ",
        body.size(), "\r\n\r\n", body);
    asio::write(*stream_, asio::buffer(request));
    http::response_parser<http::string_body> parser;
    parser.body_limit(boost::none);
    http::read(*stream_, buffer_, parser);
    const std::string& text = parser.get().body();
    Answer answer{.bytes = text.size()};
    // Each event has one.
    for (size_t at = text.find("\"cursor\""); at != text.npos;
         at = text.find("\"cursor\"", at + 1)) {
      ++answer.events;
    }
    if (!text.ends_with("{}")) std::fprintf(stderr, "JSON: %s\n", text.substr(5, 200).c_str());
    return answer;
  }

 private:
  using Stream = asio::ssl::stream<asio::ip::tcp::socket>;

  asio::io_context network_;
  asio::ssl::context tls_{asio::ssl::context::tls_client};
  std::unique_ptr<Stream> stream_;
  boost::beast::flat_buffer buffer_;
};

void Measure(const char* name, size_t runs, const std::function<Answer()>& search) {
  Answer answer = search();  // Not counted: it makes the connection, and warms the store.
  std::vector<double> times;
  for (size_t i = 0; i < runs; ++i) {
    const auto start = Clock::now();
    answer = search();
    times.push_back(std::chrono::duration<double>(Clock::now() - start).count());
  }
  std::ranges::sort(times);
  std::printf("%s: %zu events, %zu bytes, median %.3f s, fastest %.3f s\n", name, answer.events,
              answer.bytes, times[times.size() / 2], times.front());
}

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::string> options = {{"--events", "10000"}, {"--runs", "9"}};
  for (int i = 1; i + 1 < argc; i += 2) options[argv[i]] = argv[i + 1];
  const auto events = static_cast<uint64_t>(std::atoll(options["--events"].c_str()));
  const auto runs = static_cast<size_t>(std::atoll(options["--runs"].c_str()));
  GrpcCaller grpc_caller(options);
  JsonCaller json_caller(options);
  Measure("gRPC", runs, [&] { return grpc_caller.Search(events); });
  Measure("JSON", runs, [&] { return json_caller.Search(events); });
}
