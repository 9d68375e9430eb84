// The frames of audisp-remote's "managed" format.
//
//   frame := magic u32 | header_version u8 | message_version u8 | type u32 | length u16 |
//            sequence u32 | body
//
// Little-endian, without padding: 16 bytes of header, then `length` bytes of body. The magic
// is 0xff0000fe, both versions are 0. The body of a message is one record, usually with its
// newline; other frames have none. A reply repeats the sequence of the message it answers.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/statusor.h"

#include "audit/record.h"

namespace audit {

inline constexpr size_t kFrameHeaderBytes = 16;

// The first byte of the magic. No record starts with it, so it tells a managed client from
// one that sends plain lines.
inline constexpr char kFrameFirstByte = static_cast<char>(0xfe);

// The longest body that is believed: a record and its newline.
inline constexpr size_t kFrameBodyBytesMax = kRecordBytesMax + 1;

enum class FrameType : uint32_t {
  kMessage = 0x00000000,    // Client: one audit record.
  kHeartbeat = 0x00000001,  // Client: keep-alive.
  kAck = 0x40000000,        // Server: the record with this sequence is accepted.
  kEnding = 0x40000001,     // Server: it is going away, or asks to be tried again later.
  kDiskLow = 0x50000001,    // Server: accepted, but space is low.
  kDiskFull = 0x60000001,   // Server: not accepted. Silences a stock client for good.
  kDiskError = 0x60000002,  // Server: not accepted. Silences a stock client for good.
};

struct FrameHeader {
  FrameType type = FrameType::kMessage;
  uint16_t body_bytes = 0;
  uint32_t sequence = 0;

  friend bool operator==(const FrameHeader&, const FrameHeader&) = default;
};

using FrameBytes = std::array<char, kFrameHeaderBytes>;

FrameBytes EncodeFrameHeader(const FrameHeader& header);

// Decodes the header at the front of a frame. A failure is always kInvalidArgument, and names
// the part that is wrong: magic, version, type or length.
absl::StatusOr<FrameHeader> DecodeFrameHeader(std::span<const char, kFrameHeaderBytes> bytes);

}  // namespace audit
