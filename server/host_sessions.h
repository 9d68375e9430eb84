// How many connections each host has.

#pragma once

#include <cstdint>
#include <mutex>
#include <optional>

#include "absl/container/flat_hash_map.h"

#include "storage/batch.h"

namespace server {

// For any thread.
class HostSessions {
 public:
  // Counts one connection, for as long as it lives. `sessions` must outlive it. For one thread at a
  // time.
  class Place {
   public:
    explicit Place(HostSessions& sessions) : sessions_(sessions) {}
    ~Place();
    Place(const Place&) = delete;

    // From now on the connection is that of `host`.
    void MoveTo(const storage::Identity& host);

   private:
    HostSessions& sessions_;
    std::optional<storage::Identity> host_;  // None: that is not known yet.
  };

  // Those that have one, in no order.
  absl::flat_hash_map<storage::Identity, uint64_t> Open() const;

 private:
  void Leave(const std::optional<storage::Identity>& host);

  mutable std::mutex mutex_;
  absl::flat_hash_map<storage::Identity, uint64_t> open_;  // Guarded by mutex_.
};

}  // namespace server
