// Standard input of a plugin that auditd has started: see auditd-plugins(5).
//
//   format = string    lines, "[node=NAME ]type=NAME msg=audit(...): ..."
//   format = binary    { version (4) header_bytes (4) message_type (4) text_bytes (4) text padding
//   }
//
// Numbers of the binary format are those of the machine (struct audit_dispatcher_header of
// <libaudit.h>). Its version says what the text is: 0, what the kernel says, "audit(...): ..."; 1,
// a line as in the other format. The first bytes tell the formats apart. Some auditds (3.0.9) write
// as much of their memory as the longest text takes (MAX_AUDIT_MESSAGE_LENGTH), others no padding:
// what stands behind the first text tells which.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

#include "base/file_descriptor.h"
#include "client-plugin/source.h"

namespace client_plugin {

class PluginInput : public Source {
 public:
  // Reads from `input`, which it makes non-blocking.
  explicit PluginInput(base::FileDescriptor input);

  int descriptor() const override { return input_.get(); }

  // kOutOfRange at the end of the input; what stands behind the last whole line or text is a
  // record, too. kInvalidArgument if it is of no format: auditd's configuration is wrong.
  absl::StatusOr<bool> Read(Sink sink) override;

  // auditd ends us, and not we auditd.
  void Leave() override {}

  uint64_t records_cut() const override { return records_cut_; }

 private:
  enum class Format : uint8_t { kUnknown, kString, kBinary };

  absl::Status FindFormat();
  absl::Status TakeAll(Sink sink, bool is_at_end);
  void TakeLines(Sink sink, bool is_at_end);
  absl::Status TakeFrames(Sink sink, bool is_at_end);
  void SkipPadding();
  void Give(uint16_t message_type, std::string_view text, Sink sink);

  base::FileDescriptor input_;
  Format format_ = Format::kUnknown;
  std::string buffer_;        // What was read and is not whole.
  bool is_skipping_ = false;  // The rest of a line whose beginning was given.
  uint64_t records_cut_ = 0;

  // Of the binary format.
  std::optional<bool> is_padded_;
  std::optional<uint32_t> last_text_bytes_;  // Of the last text.
  size_t skip_ = 0;                          // Of the padding behind it.
};

}  // namespace client_plugin
