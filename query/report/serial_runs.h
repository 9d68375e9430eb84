// Which serials of a host's kernel have come: what is missing between them was lost on the way.

#pragma once

#include <cstdint>
#include <vector>

namespace query {

// The kernel numbers its events from boot on. What a host's rules exclude has no number; what was
// dropped in its queues, or never reached the collector, leaves a gap.
class SerialRuns {
 public:
  struct Run {
    uint32_t first = 0;
    uint32_t last = 0;  // Included.

    friend bool operator==(const Run&, const Run&) = default;
  };
  // Of one boot: sorted, with gaps between them.
  using Boot = std::vector<Run>;

  // Adds the serial of the next event, in about the order of their time.
  void Add(uint32_t serial);

  // Adds what came behind.
  void Append(const SerialRuns& later);

  // How many are missing: nothing before the first of a boot, and nothing behind its last.
  uint64_t missing() const;

  const std::vector<Boot>& boots() const { return boots_; }
  static SerialRuns FromBoots(std::vector<Boot> boots);

 private:
  void AddRun(const Run& run);
  void StartBootBefore(uint32_t serial);

  std::vector<Boot> boots_;
};

}  // namespace query
