#include "audit/node_clock.h"

#include <algorithm>

namespace audit {

NodeClock::Step NodeClock::Observe(uint64_t time_ms) {
  if (time_ms >= newest_ms_) {
    const uint64_t ms = std::min(time_ms - newest_ms_, kStepMaxMs);
    newest_ms_ = time_ms;
    too_late_stamps_ = 0;
    return {.ms = ms, .is_newest = true};
  }
  if (newest_ms_ - time_ms <= kLateMaxMs) {
    too_late_stamps_ = 0;
    return {};
  }
  if (too_late_stamps_ == 0 || time_ms != too_late_ms_) ++too_late_stamps_;
  too_late_ms_ = time_ms;
  if (too_late_stamps_ < kTooLateStampsMax) return {};
  newest_ms_ = time_ms;
  too_late_stamps_ = 0;
  return {.is_newest = true, .set_back = true};
}

}  // namespace audit
