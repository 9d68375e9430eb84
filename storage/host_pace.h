// How fast a host sends, and how far its clock is from the collector's.

#pragma once

#include <cstdint>
#include <optional>

namespace storage {

// Of a host that has delivered something since the collector has started.
struct HostPace {
  // The mean of about the last minute, in which what is newer counts for more.
  double records_per_second = 0;

  // The least that a record's stamp was behind its receipt in the last five to ten minutes: how far
  // the host's clock is behind the collector's, or less, since a record has been on its way for a
  // while. Negative if that clock is ahead. None: no record came.
  std::optional<int64_t> clock_lag_ms = {};

  uint64_t last_received_ms = 0;  // When the last record was.

  friend bool operator==(const HostPace&, const HostPace&) = default;
};

// Finds it out. All times are those of the collector's clock; one that goes back is taken for
// having stood still.
class HostPaceMeter {
 public:
  // Records that were received. `stamp_ms` is the time in the last one, unless it is malformed.
  void Add(uint64_t records, uint64_t received_ms, std::optional<uint64_t> stamp_ms);

  HostPace At(uint64_t now_ms) const;

 private:
  double RateAt(uint64_t now_ms) const;

  double records_per_second_ = 0;  // At last_received_ms_.
  uint64_t last_received_ms_ = 0;
  uint64_t window_begin_ms_ = 0;
  std::optional<int64_t> lag_ms_;         // The least of this window,
  std::optional<int64_t> lag_before_ms_;  // and of the one before.
};

}  // namespace storage
