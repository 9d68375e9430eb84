#include "cli/send.h"

#include <array>

#include "absl/strings/str_format.h"
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "audit/frame.h"

namespace cli {

namespace asio = boost::asio;
using asio::ip::tcp;
using audit::FrameHeader;
using audit::FrameType;

namespace {

absl::Status AtLine(uint32_t line, const std::string& what) {
  return absl::UnavailableError(absl::StrFormat("line %d: %s", line, what));
}

// Sends one record and reads the reply to it.
absl::Status SendRecord(tcp::socket& socket, std::string_view record, uint32_t sequence) {
  const audit::FrameBytes header =
      audit::EncodeFrameHeader({.type = FrameType::kMessage,
                                .body_bytes = static_cast<uint16_t>(record.size()),
                                .sequence = sequence});
  // One write for both: two would wait for each other, 40 ms a record.
  const std::array<asio::const_buffer, 2> frame = {asio::buffer(header), asio::buffer(record)};
  boost::system::error_code error;
  asio::write(socket, frame, error);
  audit::FrameBytes bytes;
  if (!error) asio::read(socket, asio::buffer(bytes), error);
  if (error) return AtLine(sequence, error.message());
  const absl::StatusOr<FrameHeader> reply = audit::DecodeFrameHeader(bytes);
  if (!reply.ok()) return AtLine(sequence, std::string(reply.status().message()));
  if (*reply != FrameHeader{.type = FrameType::kAck, .sequence = sequence}) {
    return AtLine(sequence, absl::StrFormat("not acknowledged: reply 0x%08x",
                                            static_cast<uint32_t>(reply->type)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<uint64_t> Send(std::istream& input, const SendOptions& options) {
  asio::io_context context;
  boost::system::error_code error;
  const auto endpoints = tcp::resolver(context).resolve(options.host, options.port, error);
  tcp::socket socket(context);
  if (!error) asio::connect(socket, endpoints, error);
  if (error) {
    return absl::UnavailableError(absl::StrFormat("cannot connect to %s port %s: %s", options.host,
                                                  options.port, error.message()));
  }
  uint32_t line = 0;
  for (std::string record; std::getline(input, record);) {
    ++line;
    record += '\n';
    if (record.size() > audit::kFrameBodyBytesMax) {
      return absl::InvalidArgumentError(
          absl::StrFormat("line %d: longer than %d bytes", line, audit::kRecordBytesMax));
    }
    const absl::Status sent = SendRecord(socket, record, line);
    if (!sent.ok()) return sent;
  }
  if (input.bad()) return absl::UnavailableError(absl::StrFormat("line %d: cannot read", line + 1));
  return line;
}

}  // namespace cli
