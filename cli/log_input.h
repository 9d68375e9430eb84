// Reads a log to import: plain, gzip or zstd, told apart by the first bytes.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace cli {

// Text that is given out at once: a piece ends behind the last newline in it, so where pieces end
// depends on the text alone, not on how it is packed or read. Small enough to stay in the
// processor's cache.
inline constexpr size_t kPieceBytes = size_t{1} << 20;

// The longest line. A record is at most 16 kB: this is no log of records.
inline constexpr size_t kLineBytesMax = size_t{16} << 20;

// Where bytes come from. See log_input.cc.
class ByteSource {
 public:
  virtual ~ByteSource() = default;

  // Reads up to `size` bytes; 0 at the end only.
  virtual absl::StatusOr<size_t> Read(char* bytes, size_t size) = 0;
};

class LogInput {
 public:
  // Opens the file at `path`, or standard input if it is "-". kNotFound, kPermissionDenied or
  // kUnavailable name it.
  static absl::StatusOr<LogInput> Open(const std::string& path);

  // The next whole lines; empty at the end. Only the last piece of a log may lack the newline at
  // its end. Valid until the next call. All lines before a damaged place come before the failure:
  // kDataLoss for a packed log that is damaged or cut off, kUnavailable if it cannot be read,
  // kInvalidArgument for a line that is too long.
  absl::StatusOr<std::string_view> Next();

  // How far the file is read, and its size; 0 if that is not known.
  uint64_t bytes_read() const { return *bytes_read_; }
  uint64_t bytes_total() const { return bytes_total_; }

 private:
  LogInput() = default;

  std::string path_;
  std::unique_ptr<uint64_t> bytes_read_;
  uint64_t bytes_total_ = 0;
  std::unique_ptr<ByteSource> source_;
  std::string buffer_;
  size_t begin_ = 0;  // Of what was not given out yet.
  size_t end_ = 0;
  bool at_end_ = false;
  absl::Status failure_;  // To be told once the lines before it are given out.
};

// Puts sets of rotated logs in order of their age, the oldest first: audit.log.10, ... audit.log.1,
// audit.log, and audit.log-20240131, audit.log-20240201, audit.log; packed (.gz, .zst) or not. A
// set stands where its first file stood, files that are in no set stay in order, and a path that is
// given twice is taken once.
std::vector<std::string> InOrderOfAge(const std::vector<std::string>& paths);

}  // namespace cli
