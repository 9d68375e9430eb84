#include "audit/frame.h"

#include "absl/strings/str_format.h"

namespace audit {

namespace {

constexpr uint32_t kMagic = 0xff0000fe;

template <typename Unsigned>
void Put(char* out, Unsigned value) {
  for (size_t i = 0; i < sizeof(Unsigned); ++i) out[i] = static_cast<char>(value >> (8 * i));
}

template <typename Unsigned>
Unsigned Get(const char* in) {
  uint64_t value = 0;
  for (size_t i = 0; i < sizeof(Unsigned); ++i) {
    value |= uint64_t{static_cast<unsigned char>(in[i])} << (8 * i);
  }
  return static_cast<Unsigned>(value);
}

bool IsKnown(FrameType type) {
  switch (type) {
    case FrameType::kMessage:
    case FrameType::kHeartbeat:
    case FrameType::kAck:
    case FrameType::kEnding:
    case FrameType::kDiskLow:
    case FrameType::kDiskFull:
    case FrameType::kDiskError:
      return true;
  }
  return false;
}

}  // namespace

FrameBytes EncodeFrameHeader(const FrameHeader& header) {
  FrameBytes bytes{};
  Put<uint32_t>(&bytes[0], kMagic);
  Put<uint32_t>(&bytes[6], static_cast<uint32_t>(header.type));
  Put<uint16_t>(&bytes[10], header.body_bytes);
  Put<uint32_t>(&bytes[12], header.sequence);
  return bytes;
}

absl::StatusOr<FrameHeader> DecodeFrameHeader(std::span<const char, kFrameHeaderBytes> bytes) {
  const auto magic = Get<uint32_t>(&bytes[0]);
  if (magic != kMagic) {
    return absl::InvalidArgumentError(absl::StrFormat("frame: bad magic 0x%08x", magic));
  }
  if (bytes[4] != 0 || bytes[5] != 0) {
    return absl::InvalidArgumentError(
        absl::StrFormat("frame: unknown version %d.%d", bytes[4], bytes[5]));
  }
  FrameHeader header;
  header.type = static_cast<FrameType>(Get<uint32_t>(&bytes[6]));
  header.body_bytes = Get<uint16_t>(&bytes[10]);
  header.sequence = Get<uint32_t>(&bytes[12]);
  if (!IsKnown(header.type)) {
    return absl::InvalidArgumentError(
        absl::StrFormat("frame: unknown type 0x%08x", static_cast<uint32_t>(header.type)));
  }
  if (header.body_bytes > kFrameBodyBytesMax) {
    return absl::InvalidArgumentError(absl::StrFormat("frame: body of %d bytes, at most %d allowed",
                                                      header.body_bytes, kFrameBodyBytesMax));
  }
  return header;
}

}  // namespace audit
