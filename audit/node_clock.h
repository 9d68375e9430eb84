// The clock of one machine, told by the stamps of its records.

#pragma once

#include <cstdint>

namespace audit {

// Tells how far a clock has moved, from stamps that come in any order.
//
// A stamp can be far behind the newest one with nothing being wrong: that of a system call is
// the time at which the call began, and a call can block for hours before it is logged. So an
// old stamp moves nothing, but many of them in a row tell that the clock was set back.
class NodeClock {
 public:
  // Behind the newest stamp by no more than this, a stamp is only late. A clock that was set
  // back by less catches up by itself within this time.
  static constexpr uint64_t kLateMaxMs = uint64_t{60} * 1000;

  // So many stamps in a row that are later than that, all different, are believed: more than the
  // blocked calls that are likely to end together, few enough for a quiet host.
  static constexpr int kTooLateStampsMax = 16;

  // More than any timeout that is measured with this clock.
  static constexpr uint64_t kStepMaxMs = uint64_t{24} * 60 * 60 * 1000;

  // What a stamp tells. The clock has moved by `ms`, at most kStepMaxMs.
  struct Step {
    uint64_t ms = 0;
    bool is_newest = false;  // No older than any stamp since the clock was last set back.
    bool set_back = false;   // The clock was set back, and runs on from this stamp.
  };

  explicit NodeClock(uint64_t time_ms) : newest_ms_(time_ms) {}

  // Takes the time of the next record's stamp, in milliseconds since the epoch.
  Step Observe(uint64_t time_ms);

 private:
  uint64_t newest_ms_;
  uint64_t too_late_ms_ = 0;  // The last stamp of that kind.
  int too_late_stamps_ = 0;   // Different ones in a row.
};

}  // namespace audit
