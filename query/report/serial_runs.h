// Which serials of a host's kernel have come: what is missing between them was lost on the way.

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace query {

// The kernel numbers its events from boot on. What a host's rules exclude has no number; what was
// dropped in its queues, or never reached the collector, leaves a gap.
//
// The order in which serials are added does not matter, but for the memory that it takes.
class SerialRuns {
 public:
  // Serials that follow each other, and the time of the first one.
  struct Run {
    uint32_t first = 0;
    uint32_t last = 0;  // Included.
    uint64_t time_ms = 0;

    friend bool operator==(const Run&, const Run&) = default;
  };

  void Add(uint32_t serial, uint64_t time_ms) {
    Add(Run{.first = serial, .last = serial, .time_ms = time_ms});
  }
  void Add(const Run& run);

  // How many are missing: nothing before the first of a boot, and nothing behind its last. A boot
  // begins where serials go back in time by more than SerialGaps allows for.
  uint64_t missing() const;

  const std::vector<Run>& runs() const { return runs_; }

 private:
  // Beyond this many, no more are taken, and too few are told as missing: 24 MB.
  static constexpr size_t kRunsMax = 1'000'000;

  std::vector<Run> runs_;
};

}  // namespace query
