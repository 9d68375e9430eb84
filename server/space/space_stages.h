// Whether there is space, as a state machine without any I/O: measures and outcomes of writes in,
// changes out.
//
// Four conditions hold or do not hold, each for itself. The stage is the worst of those that hold.
//
//   condition         begins                              ends
//   space_left        free < limit                        free >= limit + margin
//   admin_space_left  free < limit                        free >= limit + margin
//   full              free < limit, or a write failed     free >= limit + margin, and writes
//   succeed
//                     for want of space                   again since kQuietMs
//   error             a write failed otherwise            writes succeed again since kQuietMs
//
// The margin is a tenth of the limit, and at least a MB, so that a value that hovers at a limit
// crosses it once. A condition is entered once, and not again before it has ended.

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "server/space/space_options.h"

namespace server {

enum class SpaceStage : uint8_t { kOk, kSpaceLeft, kAdminSpaceLeft, kFull, kError };

// "ok", "space_left", "admin_space_left", "full", "error".
std::string_view NameOf(SpaceStage stage);

// In bytes.
struct SpaceLimits {
  uint64_t space_left = 0;
  uint64_t admin_space_left = 0;
  uint64_t full = 0;     // Below it nothing is taken in.
  uint64_t reserve = 0;  // Of the reserve file.

  friend bool operator==(const SpaceLimits&, const SpaceLimits&) = default;
};

// The limits for a file system of `total_bytes`.
SpaceLimits LimitsOf(const SpaceOptions& options, uint64_t total_bytes);

// How far the free space must rise above a limit before it counts as not crossed.
uint64_t MarginOf(uint64_t limit);

// What is free for records: `available_bytes`, less what the reserve file still has to be given.
uint64_t FreeBytes(const SpaceLimits& limits, uint64_t available_bytes, uint64_t reserve_held);

enum class WriteOutcome : uint8_t { kSucceeded, kNoSpace, kFailed };

struct SpaceChange {
  SpaceStage from = SpaceStage::kOk;
  SpaceStage to = SpaceStage::kOk;
  std::vector<SpaceStage> entered;  // Conditions that begin, the mildest first,
  std::vector<SpaceStage> left;     // and that end.

  bool is_none() const { return entered.empty() && left.empty(); }
};

class SpaceStages {
 public:
  // How long no write may have failed before a condition ends that a failed write began. A disk
  // that fails now and then would else begin it each time.
  static constexpr uint64_t kQuietMs = 5000;

  // `resume`: an admin says that there is space, so that the limits count without their margins.
  SpaceChange Measure(const SpaceLimits& limits, uint64_t free_bytes, uint64_t now_ms,
                      bool resume = false);
  SpaceChange Note(WriteOutcome outcome, uint64_t now_ms);

  SpaceStage stage() const;

  // Whether a condition holds. Never of kOk.
  bool holds(SpaceStage condition) const;

  // Whether a write has to succeed before a condition can end.
  bool awaits_write() const { return write_failed_ || write_found_no_space_; }

 private:
  static constexpr size_t kConditions = 5;  // By SpaceStage; that of kOk is not used.
  using Conditions = std::array<bool, kConditions>;

  Conditions Held() const;
  void EndFailures(uint64_t now_ms);
  SpaceChange ChangeSince(const Conditions& before) const;

  bool below_space_left_ = false;
  bool below_admin_space_left_ = false;
  bool below_full_ = false;
  bool write_found_no_space_ = false;
  bool write_failed_ = false;
  uint64_t last_failure_ms_ = 0;
  bool written_since_failure_ = false;
};

}  // namespace server
