// What the agent has captured and the collector has not acknowledged yet: batches on the disk of
// the host, which outlive the agent and, but for the last second, a power failure.
//
// Batches are numbered within a boot of the host, from 1 on and without gaps; the collector knows
// them by boot and number, so that each is stored once whoever sends it again. Those of an earlier
// boot are kept until they are acknowledged, too. A directory has files of one boot each
// (spool_segment.h), named by their order, "00000001.spool" and so on; the last one stays when all
// of it is acknowledged: it knows which number comes next.

#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/file_descriptor.h"
#include "client-plugin/spool_segment.h"

namespace client_plugin {

// What happens to records for which there is no room.
enum class WhenFull : uint8_t {
  kDropOldest,  // The oldest batches go.
  kDropNewest,  // Append() fails with kResourceExhausted.
};

struct SpoolOptions {
  std::string directory;  // Made if it is not there. Nobody else may use it.
  std::string boot_id;    // Of this boot: 1 to kBootIdBytesMax bytes.

  // Of all files. An hour of a busy host, or weeks of a quiet one.
  uint64_t bytes_max = uint64_t{256} << 20;

  // A file that has so much is not appended to any more. Files go as a whole, so this is how exact
  // the limit is.
  uint64_t segment_bytes = uint64_t{4} << 20;

  // Batches of files that nobody has written to for longer are dropped. 0: they are kept.
  std::chrono::seconds age_max{0};

  WhenFull when_full = WhenFull::kDropOldest;
};

// All but the gauges only grow, since the spool was opened.
struct SpoolCounters {
  uint64_t bytes = 0;     // Gauge: of all files,
  uint64_t segments = 0;  // gauge: and how many these are.
  uint64_t batches_appended = 0;
  uint64_t records_appended = 0;
  uint64_t records_dropped_full = 0;   // Of the oldest batches, for want of room.
  uint64_t records_dropped_aged = 0;   // Of batches that nobody has fetched in time.
  uint64_t records_refused_full = 0;   // Of the newest batches, for want of room.
  uint64_t records_refused_error = 0;  // Of batches that could not be written.
  uint64_t segments_damaged = 0;  // Files that could not be read. They are left where they are.
};

// A batch, and which boot it is of.
struct StoredBatch {
  std::string boot_id;
  SpoolBatch batch;
};

// For any thread.
class Spool {
 public:
  // Reads what is there. kUnavailable or kPermissionDenied if the directory cannot be used,
  // kFailedPrecondition if another process uses it; the message names it.
  static absl::StatusOr<std::unique_ptr<Spool>> Open(const SpoolOptions& options);

  Spool(const Spool&) = delete;

  // Stores the records, and gives the batch its number. kResourceExhausted if there is no room, or
  // kUnavailable; then they are counted, and nothing of them is stored.
  absl::Status Append(SpoolBatch* batch);

  // Makes what was appended outlive a power failure. To be called each second.
  absl::Status Sync();

  // The boot of the oldest batches that were not acknowledged; that of now if there are none.
  std::string OldestBoot() const;

  // The first batch of a boot that is there and has a higher number. None if there is none.
  // Batches are best asked for in their order. Fails if it cannot be read.
  absl::StatusOr<std::optional<SpoolBatch>> Next(const std::string& boot_id, uint64_t after);

  // Batches of the boot up to this number need not be kept any more.
  void Acknowledge(const std::string& boot_id, uint64_t number);

  // The number of the last batch that was appended; 0 if there is none of this boot.
  uint64_t last_number() const;

  SpoolCounters counters() const;

 private:
  struct Segment {
    std::string path;
    std::string boot_id;
    uint64_t first_number = 1;
    uint64_t next_number = 1;   // Behind its last batch.
    uint64_t acknowledged = 0;  // The number of the last batch that was.
    uint64_t bytes = 0;
    std::chrono::system_clock::time_point written = {};

    // Whether nothing of it need be kept.
    bool is_done() const { return acknowledged + 1 >= next_number; }
  };

  explicit Spool(const SpoolOptions& options) : options_(options) {}

  absl::Status Load();
  absl::Status LoadSegment(const std::string& path);
  absl::Status Begin(uint64_t first_number);
  absl::Status MakeRoom(size_t bytes);
  absl::Status Write(SpoolBatch* batch);
  void DropAged();
  uint64_t DropFront();
  absl::StatusOr<std::optional<SpoolBatch>> Read(const Segment& segment, uint64_t after);

  const SpoolOptions options_;
  base::FileDescriptor lock_;

  mutable std::mutex mutex_;             // Guards what follows.
  std::deque<Segment> segments_;         // The last one is written to.
  std::optional<SegmentWriter> writer_;  // Of the last one.
  std::optional<SegmentReader> reader_;  // Of the batch that was read last,
  std::string reader_path_;              // of this file,
  uint64_t reader_number_ = 0;           // and of this number.
  uint64_t next_file_ = 1;
  SpoolCounters counters_;
};

}  // namespace client_plugin
