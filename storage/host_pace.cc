#include "storage/host_pace.h"

#include <algorithm>
#include <cmath>

namespace storage {

namespace {

// After so long something counts for 1/e of what it did.
constexpr double kMeanMs = 60'000;

// Long enough for a record of a quiet host that was on its way for no time to speak of.
constexpr uint64_t kWindowMs = 300'000;

std::optional<int64_t> Least(std::optional<int64_t> a, std::optional<int64_t> b) {
  return a && b ? std::min(*a, *b) : a ? a : b;
}

}  // namespace

double HostPaceMeter::RateAt(uint64_t now_ms) const {
  if (now_ms <= last_received_ms_) return records_per_second_;
  return records_per_second_ * std::exp(-static_cast<double>(now_ms - last_received_ms_) / kMeanMs);
}

void HostPaceMeter::Add(uint64_t records, uint64_t received_ms, std::optional<uint64_t> stamp_ms) {
  records_per_second_ = RateAt(received_ms) + static_cast<double>(records) * 1000 / kMeanMs;
  last_received_ms_ = std::max(last_received_ms_, received_ms);
  if (last_received_ms_ - window_begin_ms_ >= kWindowMs) {
    const bool is_next = last_received_ms_ - window_begin_ms_ < 2 * kWindowMs;
    lag_before_ms_ = is_next ? lag_ms_ : std::nullopt;
    lag_ms_.reset();
    window_begin_ms_ = last_received_ms_;
  }
  if (!stamp_ms) return;
  lag_ms_ = Least(lag_ms_, static_cast<int64_t>(received_ms - *stamp_ms));
}

HostPace HostPaceMeter::At(uint64_t now_ms) const {
  return {.records_per_second = RateAt(now_ms),
          .clock_lag_ms = Least(lag_ms_, lag_before_ms_),
          .last_received_ms = last_received_ms_};
}

}  // namespace storage
