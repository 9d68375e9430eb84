// What a client of audisp-remote's protocol says, in both of its formats:
//
//   managed  frames (audit/frame.h), each answered by a reply with its sequence
//   ascii    lines ended by a newline, never answered
//
// The first byte of a connection tells which. Pure: bytes in, records and due replies out.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

#include "audit/frame.h"

namespace server {

// A record as it came, without its newline.
struct ReceivedRecord {
  std::string_view line;
  uint32_t sequence = 0;  // 0 in ascii.
};

// What one read brought. The views are valid until the next call of the protocol, or until the
// bytes that were given to it change.
struct Input {
  std::vector<ReceivedRecord> records;
  std::string replies;      // To be sent when the records are stored.
  uint32_t heartbeats = 0;  // Among the replies.
};

class ClientProtocol {
 public:
  // Takes the next bytes, and gives out all that is whole. What is left is kept: at most one frame
  // or line. kInvalidArgument on a malformed frame or a line without end: the connection must end,
  // once the records of *input, which came before, are stored and answered.
  absl::Status Take(std::string_view bytes, Input* input);

  // How records are answered from now on that are stored: ACK, or DISKLOW. Heartbeats get ACK.
  void AnswerRecordsWith(audit::FrameType accepted) { accepted_ = accepted; }

  // Gives back the memory that the views of the last Input point into: idle connections hold none.
  void ForgetTaken() { std::string().swap(taken_); }

  // The connection is over: gives out a last line that has no newline. Part of a frame is dropped;
  // its client was not answered and sends it again. True if a line was given out.
  bool TakeRest(Input* input);

  // Something has begun and is not whole.
  bool in_the_middle() const { return !partial_.empty(); }

  // Sequences and replies are in use. False before the first byte.
  bool managed() const { return format_ == Format::kManaged; }

  // Replies are never read. False before the first byte.
  bool ascii() const { return format_ == Format::kAscii; }

 private:
  enum class Format : uint8_t { kUnknown, kManaged, kAscii };

  absl::Status TakeFrames(std::string_view* bytes, Input* input);
  absl::Status TakeLines(std::string_view* bytes, Input* input);

  Format format_ = Format::kUnknown;
  audit::FrameType accepted_ = audit::FrameType::kAck;
  std::string partial_;  // The beginning of a frame or line. Empty, without memory, between frames.
  std::string taken_;    // What the views of the last Input point into, if it began in partial_.
};

// A frame that says that nothing was taken; ENDING asks the client to try again later. `sequence`
// is that of the record that it answers, 0 if none.
std::string RefusalReply(audit::FrameType type, uint32_t sequence);
std::string EndingReply(uint32_t sequence);

}  // namespace server
