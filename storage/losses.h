// What a host has lost of its records before they came to the collector, as its agent tells.

#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace storage {

// Totals. See Losses in proto/auspex/v1/ingest.proto, which has the same names.
struct Losses {
  uint64_t kernel_records = 0;
  uint64_t overruns = 0;
  uint64_t missing_events = 0;
  uint64_t queue_records = 0;
  uint64_t spool_records = 0;
  uint64_t aged_records = 0;
  uint64_t error_records = 0;

  friend bool operator==(const Losses&, const Losses&) = default;
};

// One of the totals, for who does the same with each.
struct LossCause {
  std::string_view name;  // For people: "kernel".
  uint64_t Losses::*total;
};

// In the order in which they are stored: others come behind these.
inline constexpr std::array<LossCause, 7> kLossCauses = {{
    {"kernel", &Losses::kernel_records},
    {"overruns", &Losses::overruns},
    {"missing", &Losses::missing_events},
    {"queue", &Losses::queue_records},
    {"spool", &Losses::spool_records},
    {"aged", &Losses::aged_records},
    {"errors", &Losses::error_records},
}};

// Adds what another boot has lost. What does not fit in a number is the highest one: the numbers
// are a host's own claim.
inline void AddLosses(const Losses& more, Losses* sum) {
  for (const LossCause& cause : kLossCauses) {
    uint64_t& total = sum->*cause.total;
    total += std::min(more.*cause.total, std::numeric_limits<uint64_t>::max() - total);
  }
}

// What a batch tells: the losses of one boot of its host, as known when the batch was made.
struct BootLosses {
  std::string boot_id = {};  // The kernel's own, whatever series the batch is of.
  Losses totals = {};

  friend bool operator==(const BootLosses&, const BootLosses&) = default;
};

}  // namespace storage
