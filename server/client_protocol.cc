#include "server/client_protocol.h"

#include <string>
#include <utility>

#include "absl/strings/str_format.h"

#include "audit/frame.h"
#include "audit/record.h"

namespace server {

namespace {

using audit::FrameHeader;
using audit::FrameType;
using audit::kFrameHeaderBytes;

void AppendReply(std::string* replies, FrameType type, uint32_t sequence) {
  const audit::FrameBytes reply = audit::EncodeFrameHeader({.type = type, .sequence = sequence});
  replies->append(reply.data(), reply.size());
}

std::string_view WithoutNewline(std::string_view body) {
  if (body.ends_with('\n')) body.remove_suffix(1);
  return body;
}

}  // namespace

absl::Status ClientProtocol::Take(std::string_view bytes, Input* input) {
  taken_ = std::exchange(partial_, {});
  if (!taken_.empty()) {
    taken_.append(bytes);
    bytes = taken_;
  }
  if (format_ == Format::kUnknown && !bytes.empty()) {
    format_ = bytes[0] == audit::kFrameFirstByte ? Format::kManaged : Format::kAscii;
  }
  const absl::Status status = managed() ? TakeFrames(&bytes, input) : TakeLines(&bytes, input);
  if (status.ok()) partial_ = bytes;
  return status;
}

absl::Status ClientProtocol::TakeFrames(std::string_view* bytes, Input* input) {
  while (bytes->size() >= kFrameHeaderBytes) {
    const std::span<const char, kFrameHeaderBytes> front(bytes->data(), kFrameHeaderBytes);
    const absl::StatusOr<FrameHeader> header = audit::DecodeFrameHeader(front);
    if (!header.ok()) return header.status();
    const size_t frame_bytes = kFrameHeaderBytes + header->body_bytes;
    if (bytes->size() < frame_bytes) break;
    const std::string_view body = bytes->substr(kFrameHeaderBytes, header->body_bytes);
    FrameType reply = FrameType::kAck;
    switch (header->type) {
      case FrameType::kMessage:
        reply = accepted_;
        input->records.push_back({.line = WithoutNewline(body), .sequence = header->sequence});
        break;
      case FrameType::kHeartbeat:
        ++input->heartbeats;
        break;
      default:
        return absl::InvalidArgumentError(absl::StrFormat("frame: type 0x%08x is a server's",
                                                          static_cast<uint32_t>(header->type)));
    }
    AppendReply(&input->replies, reply, header->sequence);
    bytes->remove_prefix(frame_bytes);
  }
  return absl::OkStatus();
}

absl::Status ClientProtocol::TakeLines(std::string_view* bytes, Input* input) {
  for (size_t end; (end = bytes->find('\n')) != std::string_view::npos;) {
    if (end > audit::kRecordBytesMax) break;
    input->records.push_back({.line = bytes->substr(0, end)});
    bytes->remove_prefix(end + 1);
  }
  const size_t line_bytes = std::min(bytes->find('\n'), bytes->size());
  if (line_bytes <= audit::kRecordBytesMax) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrFormat("ascii: line of more than %d bytes", audit::kRecordBytesMax));
}

bool ClientProtocol::TakeRest(Input* input) {
  taken_ = std::exchange(partial_, {});
  if (managed() || taken_.empty()) return false;
  input->records.push_back({.line = taken_});
  return true;
}

std::string RefusalReply(FrameType type, uint32_t sequence) {
  std::string reply;
  AppendReply(&reply, type, sequence);
  return reply;
}

std::string EndingReply(uint32_t sequence) { return RefusalReply(FrameType::kEnding, sequence); }

}  // namespace server
