// Serials that never came: the kernel counts its events, so a gap is a loss.

#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

namespace audit {

// Watches the serials of one kernel. A serial that is skipped may still come: it is lost when
// it has not come `patience_ms` later. Serials start again at boot, which is no loss.
class SerialGaps {
 public:
  // Gaps that are waited for. At the limit the oldest one is lost.
  static constexpr size_t kGapsMax = 256;

  // Records arrive out of order by less than this many events. A newer record with a serial
  // that is lower by more comes from a kernel that was started again.
  static constexpr uint32_t kDisorderMax = 1000;

  // `serial` is the first that is known: nothing is missing before it.
  SerialGaps(uint32_t serial, uint64_t patience_ms) : newest_(serial), patience_ms_(patience_ms) {}

  // Takes the serial of the next record. `is_newest`: no record before had a newer stamp.
  // Returns how many serials are known to be lost since the last call.
  uint64_t Observe(uint32_t serial, bool is_newest, uint64_t now_ms);

  // The highest serial that has come since the last start.
  uint32_t newest() const { return newest_; }

  // How many serials are waited for.
  uint64_t awaited() const;

  // Starts again at a serial. Returns how many are lost, those waited for included.
  uint64_t Restart(uint32_t serial);

  // Waits no longer. Returns how many serials are lost.
  uint64_t GiveUp();

 private:
  struct Gap {
    uint32_t first;
    uint32_t last;  // Included.
    uint64_t noticed_ms;
  };

  bool Fill(uint32_t serial);
  uint64_t LoseOldest();

  uint32_t newest_;
  uint64_t patience_ms_;
  std::deque<Gap> gaps_;  // In the order in which they were noticed.
};

}  // namespace audit
