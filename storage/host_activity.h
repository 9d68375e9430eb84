// What each host has delivered to a store since it was opened, and what it has lost before.

#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "storage/batch.h"
#include "storage/losses.h"

namespace storage {

// All but the time only grow.
struct HostActivity {
  uint64_t records = 0;             // Stored.
  uint64_t bytes = 0;               // Of them, as the journal holds them.
  uint64_t malformed = 0;           // Of the records: those that are no audit records.
  uint64_t duplicates_dropped = 0;  // Sent again by its clients, stored before.
  uint64_t last_received_ms = 0;    // When the last record was; 0: none.

  friend bool operator==(const HostActivity&, const HostActivity&) = default;
};

struct ActiveHost {
  Identity host;
  HostActivity activity = {};
  std::optional<Losses> losses = {};  // Since ever. None: it has told none.
};

struct ActiveHosts {
  std::vector<ActiveHost> hosts;
  uint64_t more = 0;  // That there are beside them.
};

}  // namespace storage
