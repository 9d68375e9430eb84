// Where a search has ended: the file of --checkpoint.
//
//   dev=0x<hex>
//   inode=<decimal>
//   output=<node or -> <seconds>.<milliseconds>:<serial> 0x<hex of the type>
//   cursor=<place>
//
// The first three lines are those of ausearch(8), so that each reads the other's file about a log:
// the log that was read last, and its last complete event. The fourth is ours, in a file about a
// store or a collector, which the first two are of: see source.h.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "audit/event.h"

namespace cli {

// With these ausearch ends: a checkpoint that cannot be used, one that cannot be written, and one
// that does not fit the log.
inline constexpr int kBadCheckpointStatus = 10;
inline constexpr int kCheckpointNotWrittenStatus = 11;
inline constexpr int kCorruptedCheckpointStatus = 12;

struct CheckpointEvent {
  std::string node;  // Empty if its records name none.
  uint64_t time_ms = 0;
  uint64_t serial = 0;
  uint32_t type = 0;  // Of its first record.

  friend bool operator==(const CheckpointEvent&, const CheckpointEvent&) = default;
};

CheckpointEvent CheckpointOf(const audit::Event& event);

struct Checkpoint {
  uint64_t device = 0;
  uint64_t inode = 0;
  CheckpointEvent last = {};  // All zero if there was none.
  std::string cursor = {};    // FoundEvent::cursor; empty: none.
};

// nullopt if there is no such file. Otherwise a failure has the lines that ausearch prints about
// it.
absl::StatusOr<std::optional<Checkpoint>> LoadCheckpoint(const std::string& path);

// Replaces the file as a whole. The failure is ausearch's line.
absl::Status SaveCheckpoint(const std::string& path, const Checkpoint& checkpoint);

// Sets device and inode to those of the file or directory.
absl::Status SetPlace(const std::string& path, Checkpoint* checkpoint);

// Tells which events of a log come behind a checkpoint.
class CheckpointFilter {
 public:
  // `only_time`: what is as late as the last event, or later.
  CheckpointFilter(std::optional<Checkpoint> checkpoint, bool only_time);

  enum class Answer {
    kBefore,
    kBehind,
    kCorrupted,  // The event is too late for the checkpoint still to come: it is of another log.
  };

  // To be asked of each event, in order.
  Answer Ask(const audit::Event& event);

 private:
  const CheckpointEvent last_;
  const bool only_time_;
  bool is_behind_;
};

}  // namespace cli
