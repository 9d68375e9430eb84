#include "audit/serial_gaps.h"

#include <algorithm>
#include <limits>

namespace audit {

namespace {

constexpr uint32_t kSerialsMax = std::numeric_limits<uint32_t>::max();

}  // namespace

uint64_t SerialGaps::Observe(uint32_t serial, bool is_newest, uint64_t now_ms) {
  uint64_t lost = 0;
  // Not what comes late from before the count began anew.
  const bool is_of_before = serial - newest_ > kSerialsMax / 2 && !is_newest;
  if (serial > newest_ && !is_of_before) {
    if (serial - newest_ > 1) gaps_.push_back({newest_ + 1, serial - 1, now_ms});
    newest_ = serial;
  } else if (serial < newest_ && !Fill(serial) && is_newest && newest_ - serial > kDisorderMax) {
    lost += Restart(serial);
  }
  while (gaps_.size() > kGapsMax) lost += LoseOldest();  // A filled gap can leave two behind.
  while (!gaps_.empty() && now_ms > gaps_.front().noticed_ms + patience_ms_) lost += LoseOldest();
  return lost;
}

uint64_t SerialGaps::awaited() const {
  uint64_t serials = 0;
  for (const Gap& gap : gaps_) serials += uint64_t{gap.last} - gap.first + 1;
  return serials;
}

uint64_t SerialGaps::Restart(uint32_t serial) {
  newest_ = serial;
  return GiveUp();
}

uint64_t SerialGaps::GiveUp() {
  uint64_t lost = 0;
  while (!gaps_.empty()) lost += LoseOldest();
  return lost;
}

// Takes a serial out of the gap that it is in. Returns false if it is in none.
bool SerialGaps::Fill(uint32_t serial) {
  const auto gap = std::find_if(gaps_.begin(), gaps_.end(), [serial](const Gap& candidate) {
    return candidate.first <= serial && serial <= candidate.last;
  });
  if (gap == gaps_.end()) return false;
  if (gap->first == gap->last) {
    gaps_.erase(gap);
  } else if (serial == gap->first) {
    ++gap->first;
  } else if (serial == gap->last) {
    --gap->last;
  } else {
    const Gap rest{serial + 1, gap->last, gap->noticed_ms};
    gap->last = serial - 1;
    gaps_.insert(gap + 1, rest);
  }
  return true;
}

uint64_t SerialGaps::LoseOldest() {
  const Gap gap = gaps_.front();
  gaps_.pop_front();
  return uint64_t{gap.last} - gap.first + 1;
}

}  // namespace audit
