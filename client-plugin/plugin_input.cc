#include "client-plugin/plugin_input.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <libaudit.h>
#include <unistd.h>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "audit/record.h"

namespace client_plugin {

namespace {

// Of one read: what a pipe holds.
constexpr size_t kReadBytes = 64 << 10;

// A header of the binary format that is larger than this is none: it has four numbers since ever.
constexpr uint32_t kHeaderBytesMax = 256;

constexpr size_t kPaddedTextBytes = MAX_AUDIT_MESSAGE_LENGTH;

// What may stand behind a text, zeros or what was in auditd's memory before, begins otherwise.
bool IsHeader(const audit_dispatcher_header& header) {
  return header.ver <= AUDISP_PROTOCOL_VER2 && header.hlen >= sizeof(header) &&
         header.hlen <= kHeaderBytesMax && header.type <= UINT16_MAX;
}

}  // namespace

PluginInput::PluginInput(base::FileDescriptor input) : input_(std::move(input)) {
  fcntl(input_.get(), F_SETFL, fcntl(input_.get(), F_GETFL) | O_NONBLOCK);
}

absl::StatusOr<bool> PluginInput::Read(Sink sink) {
  const size_t had = buffer_.size();
  buffer_.resize(had + kReadBytes);
  const ssize_t got = read(input_.get(), buffer_.data() + had, kReadBytes);
  const int error = errno;
  buffer_.resize(had + static_cast<size_t>(std::max<ssize_t>(got, 0)));
  if (got < 0 && (error == EAGAIN || error == EINTR)) return false;
  if (got < 0) {
    return absl::UnavailableError(absl::StrCat("standard input: ", std::strerror(error)));
  }
  const bool is_at_end = got == 0;
  const absl::Status taken = TakeAll(sink, is_at_end);
  if (!taken.ok()) return taken;
  if (is_at_end) return absl::OutOfRangeError("standard input has ended");
  return true;
}

// A header of the binary format begins with a small number, a line with a letter.
absl::Status PluginInput::FindFormat() {
  if (buffer_.size() < sizeof(uint32_t)) return absl::OkStatus();
  if (buffer_.starts_with("type") || buffer_.starts_with("node")) {
    format_ = Format::kString;
    return absl::OkStatus();
  }
  uint32_t version = 0;
  std::memcpy(&version, buffer_.data(), sizeof(version));
  if (version > AUDISP_PROTOCOL_VER2) {
    return absl::InvalidArgumentError(
        "standard input has neither lines nor the binary format of auditd: is it auditd that has "
        "started this, with format = string or binary?");
  }
  format_ = Format::kBinary;
  return absl::OkStatus();
}

absl::Status PluginInput::TakeAll(Sink sink, bool is_at_end) {
  if (format_ == Format::kUnknown) {
    const absl::Status found = FindFormat();
    if (!found.ok()) return found;
  }
  if (format_ == Format::kString) TakeLines(sink, is_at_end);
  if (format_ == Format::kBinary) return TakeFrames(sink, is_at_end);
  return absl::OkStatus();
}

void PluginInput::Give(uint16_t message_type, std::string_view text, Sink sink) {
  if (text.size() > audit::kRecordBytesMax) {
    ++records_cut_;
    text = text.substr(0, audit::kRecordBytesMax);
  }
  if (!text.empty()) sink(message_type, text);
}

void PluginInput::TakeLines(Sink sink, bool is_at_end) {
  std::string_view rest = buffer_;
  for (size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
    if (!std::exchange(is_skipping_, false)) Give(kWholeLine, rest.substr(0, end), sink);
    rest.remove_prefix(end + 1);
  }
  // A line without an end must not fill the memory.
  if (is_at_end || rest.size() > audit::kRecordBytesMax) {
    if (!std::exchange(is_skipping_, !is_at_end)) Give(kWholeLine, rest, sink);
    rest = {};
  }
  buffer_.erase(0, buffer_.size() - rest.size());
}

absl::Status PluginInput::TakeFrames(Sink sink, bool is_at_end) {
  std::string_view rest = buffer_;
  for (audit_dispatcher_header header{};;) {
    const size_t skipped = std::min(skip_, rest.size());
    rest.remove_prefix(skipped);
    skip_ -= skipped;
    if (rest.size() < sizeof(header)) break;
    std::memcpy(&header, rest.data(), sizeof(header));
    if (last_text_bytes_ && !is_padded_) {
      is_padded_ = !IsHeader(header);
      if (*is_padded_) {
        SkipPadding();
        continue;
      }
    }
    if (!IsHeader(header) || header.size > kReadBytes) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "standard input: a header of the binary format with version %d, %d bytes, type %d, and "
          "%d bytes of text",
          header.ver, header.hlen, header.type, header.size));
    }
    if (rest.size() < header.hlen + header.size) break;
    const std::string_view text = rest.substr(header.hlen, header.size);
    const bool is_line = header.ver == AUDISP_PROTOCOL_VER2;
    Give(is_line ? kWholeLine : static_cast<uint16_t>(header.type), text, sink);
    rest.remove_prefix(header.hlen + header.size);
    last_text_bytes_ = header.size;
    if (is_padded_.value_or(false)) SkipPadding();
  }
  if (is_at_end && !rest.empty()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("standard input has ended within a record, %d bytes of it", rest.size()));
  }
  buffer_.erase(0, buffer_.size() - rest.size());
  return absl::OkStatus();
}

void PluginInput::SkipPadding() {
  skip_ = kPaddedTextBytes - std::min(size_t{*last_text_bytes_}, kPaddedTextBytes);
}

}  // namespace client_plugin
