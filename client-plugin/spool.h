// What the agent has captured and the collector has not acknowledged yet: batches on the disk of
// the host, which outlive the agent and, but for the last second, a power failure.
//
// Batches are numbered within a series, from 1 on and without gaps; the collector knows them by
// series and number, so that each is stored once whoever sends it again. A series belongs to a boot
// of the host, whose id its name begins with; whoever opens the spool begins one, and see
// BeginSeries(). What is left of those before is kept until it is acknowledged, too. A directory
// has files of one series each (spool_segment.h), named by their order, "00000001.spool" and so on;
// the last one stays when all of it is acknowledged: it knows which number comes next.

#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/file_descriptor.h"
#include "client-plugin/losses.h"
#include "client-plugin/spool_segment.h"

namespace client_plugin {

// What happens to records for which there is no room.
enum class WhenFull : uint8_t {
  kDropOldest,  // The oldest batches go.
  kDropNewest,  // Append() fails with kResourceExhausted.
};

struct SpoolOptions {
  std::string directory;  // Made if it is not there. Nobody else may use it.
  std::string boot_id;    // Of this boot: 1 to kSeriesBytesMax - 9 bytes.

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
  uint64_t records_dropped_full = 0;  // Of the oldest batches, for want of room.
  uint64_t records_dropped_aged = 0;  // Of batches that nobody has fetched in time.
  uint64_t records_refused_full = 0;  // Of the newest batches, for want of room.
  uint64_t records_given_up = 0;      // Of batches that could not be written: see GiveUp().
  uint64_t segments_damaged = 0;      // Files of which not all could be read.
};

// For any thread.
class Spool {
 public:
  // Reads what is there. kUnavailable or kPermissionDenied if the directory cannot be used,
  // kFailedPrecondition if another process uses it; the message names it.
  static absl::StatusOr<std::unique_ptr<Spool>> Open(const SpoolOptions& options);

  Spool(const Spool&) = delete;

  // Stores the records, and gives the batch its number. Of its marks the spool sets those losses
  // that are its own. Where nothing is stored it fails: with kResourceExhausted if there is no
  // room, and the records are counted; or with kUnavailable, and it may be tried again.
  absl::Status Append(SpoolBatch* batch);

  // Counts a batch as lost: one that Append() has failed for, or that no collector takes.
  void GiveUp(const SpoolBatch& batch);

  // Makes what was appended outlive a power failure. To be called each second. Holds up nobody
  // else.
  absl::Status Sync();

  // The marks of the last batch of this boot, with what was lost since; none of a boot that has
  // none.
  BatchMarks marks() const;

  // Lets what is appended from here on be a series of its own, which need not wait until those
  // before it are delivered. Fails as Append() does.
  absl::Status BeginSeries();

  // The series that has what is appended.
  std::string CurrentSeries() const;

  // The series that have something that was not acknowledged, the oldest first.
  std::vector<std::string> PendingSeries() const;

  // The bytes of files of a series of which not all is acknowledged.
  uint64_t PendingBytes(const std::string& series) const;

  // The first batch of a series that is there, was not acknowledged and has a higher number; none
  // if there is none. Batches are best asked for in their order. What is damaged is given up,
  // counted, and does not hold up what is behind it. kUnavailable if it may be tried again.
  absl::StatusOr<std::optional<SpoolBatch>> Next(const std::string& series, uint64_t after);

  // Batches of the series up to this number need not be kept any more.
  void Acknowledge(const std::string& series, uint64_t number);

  // The boot that a series belongs to.
  static std::string BootOf(const std::string& series);

  // The number of the last batch of a series; 0 if there is none.
  uint64_t LastNumber(const std::string& series) const;

  SpoolCounters counters() const;

 private:
  struct Segment {
    std::string path;
    std::string series;
    uint64_t first_number = 1;
    uint64_t next_number = 1;   // Behind its last batch.
    uint64_t acknowledged = 0;  // The number of the last batch that was.
    uint64_t bytes = 0;
    std::chrono::system_clock::time_point written = {};
    std::deque<uint32_t> record_counts = {};  // Of each batch, from first_number on.

    // Whether nothing of it need be kept.
    bool is_done() const { return acknowledged + 1 >= next_number; }

    // Of its batches with higher numbers.
    uint64_t RecordsBehind(uint64_t number) const;
  };

  explicit Spool(const SpoolOptions& options) : options_(options) {}

  absl::Status Load();
  void LoadSegment(const std::string& path);
  absl::Status Begin(const std::string& series, uint64_t first_number);
  absl::Status MakeRoom(size_t bytes);
  absl::Status Write(SpoolBatch* batch);
  void DropAged();
  void DropFront(uint64_t SpoolCounters::*counter, uint64_t Losses::*loss);
  absl::Status GiveUpRest(Segment* segment, uint64_t after);
  void Drop(size_t index);
  void DropDone();
  std::string NewSeries() const;
  absl::StatusOr<std::optional<SpoolBatch>> Read(const Segment& segment, uint64_t after);

  const SpoolOptions options_;
  base::FileDescriptor lock_;

  mutable std::mutex mutex_;               // Guards what follows.
  std::deque<Segment> segments_;           // The last one is written to.
  std::shared_ptr<SegmentWriter> writer_;  // Of the last one.
  bool has_new_file_ = false;              // Whose name may not be on the disk yet.
  std::optional<SegmentReader> reader_;    // Of the batch that was read last,
  std::string reader_path_;                // of this file,
  uint64_t reader_number_ = 0;             // and of this number.
  uint64_t next_file_ = 1;
  BatchMarks marks_;  // As they are to be in the next batch, but for what its maker says.
  SpoolCounters counters_;
};

}  // namespace client_plugin
