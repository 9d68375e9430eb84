// One file of the agent's spool: batches of records, in the order of their numbers.
//
//   segment := magic series_bytes (1) series first_number (8) marks crc (4) { batch }
//   magic   := "ASPOOL1\n"
//   batch   := body_bytes (4) crc (4) number (8) record_count (4) marks body
//   marks   := { loss (8) } kernel_lost (4) last_serial (4) awaited_events (8)
//   losses  := seven: see losses.h
//   body    := { record_bytes (4) record }
//
// Numbers are little-endian. A crc is that of zlib, of all that stands before it in the head of the
// file, and of all that stands behind it in a batch. Batches have the numbers from first_number on.
// Where a batch is not whole, or not what its crc says, the file ends: it was being written when
// the process or the machine stopped.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/file_descriptor.h"
#include "client-plugin/losses.h"

namespace client_plugin {

// The longest name of a series, and the largest body of a batch: what a collector takes, and less
// than it takes (proto/auspex/v1/ingest.proto).
inline constexpr size_t kSeriesBytesMax = 64;
inline constexpr size_t kBatchBytesMax = 1 << 20;

// More than the head of a segment takes.
inline constexpr size_t kSegmentHeadBytesMax = 256;

// Records that are stored and sent together.
class SpoolBatch {
 public:
  // A record without its newline.
  void Add(std::string_view record);

  uint64_t number() const { return number_; }
  uint32_t record_count() const { return record_count_; }

  // What it takes in a file.
  size_t bytes() const;

  std::string_view body() const { return body_; }
  const BatchMarks& marks() const { return marks_; }
  void set_marks(const BatchMarks& marks) { marks_ = marks; }
  bool empty() const { return record_count_ == 0; }

  // Takes all records out, and leaves the memory for others.
  void Clear();

  // Calls `sink` with each record. Views are valid as long as the batch.
  void ForEachRecord(absl::FunctionRef<void(std::string_view record)> sink) const;

 private:
  friend class SegmentReader;
  friend class SegmentWriter;

  uint64_t number_ = 0;  // Set when it was written or read.
  uint32_t record_count_ = 0;
  BatchMarks marks_;
  std::string body_;
};

// Reads a segment from its beginning. For one thread.
class SegmentReader {
 public:
  // kNotFound, kDataLoss if the head of the file is not whole or cannot be read, or kUnavailable if
  // it may be tried again; the message names the file.
  static absl::StatusOr<SegmentReader> Open(const std::string& path);

  const std::string& series() const { return series_; }
  uint64_t first_number() const { return first_number_; }

  // Those of what was stored before the segment.
  const BatchMarks& marks() const { return marks_; }

  // The next batch; none where the file ends, as said above. Asked again, it looks whether there is
  // one by now. kDataLoss if the disk does not give it back.
  absl::StatusOr<std::optional<SpoolBatch>> Next();

  // Where the batch that was read last ends.
  uint64_t offset() const { return offset_; }

 private:
  SegmentReader(std::string path, base::FileDescriptor file)
      : path_(std::move(path)), file_(std::move(file)) {}

  absl::Status ReadHead();
  absl::StatusOr<std::string> ReadAt(uint64_t offset, size_t bytes) const;

  std::string path_;
  base::FileDescriptor file_;
  std::string series_;
  uint64_t first_number_ = 0;
  BatchMarks marks_;
  uint64_t next_number_ = 0;
  uint64_t offset_ = 0;
};

// Appends to a segment. For one thread, but Sync(), which is for any beside it.
class SegmentWriter {
 public:
  // A new file. kAlreadyExists, or kUnavailable; the message names the file.
  static absl::StatusOr<SegmentWriter> Create(const std::string& path, const std::string& series,
                                              uint64_t first_number, const BatchMarks& marks);

  // Writes the batch, and sets its number: those who read see it whole or not at all, and it
  // outlives this process, but not a power failure. After a failure (kResourceExhausted if the disk
  // is full, else kUnavailable) the file is as it was; where that cannot be it is damaged, and all
  // that follow fail.
  absl::Status Append(SpoolBatch* batch);

  // Makes what was appended outlive a power failure.
  absl::Status Sync() const;

  uint64_t next_number() const { return next_number_; }
  uint64_t bytes() const { return offset_; }

  // Whether there may be something behind the last whole batch that could not be taken back.
  bool is_damaged() const { return is_damaged_; }

 private:
  SegmentWriter(std::string path, base::FileDescriptor file, uint64_t next_number, uint64_t offset)
      : path_(std::move(path)),
        file_(std::move(file)),
        next_number_(next_number),
        offset_(offset) {}

  std::string path_;
  base::FileDescriptor file_;
  uint64_t next_number_;
  uint64_t offset_;
  bool is_damaged_ = false;
};

}  // namespace client_plugin
