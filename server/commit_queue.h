// What waits for the committer's thread, and what of it goes next.
//
// A sender that has little under way is not to wait for one that has much. So there are two lines:
// small deliveries are taken in the order in which they have come, before all others; large ones
// by turns, one sender after the other. DeliveryRoom decides which is which, so that deliveries of
// one sender are taken in the order in which they were pushed, whichever line they are in.
//
// Neither line starves. While both have something, every other group is of small deliveries alone,
// which is soon on the disk; the groups between take both, and of the large ones at least one.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"

#include "storage/batch.h"

namespace server {

// A delivery that waits for the disk.
struct PendingDelivery {
  storage::Delivery delivery = {};
  storage::Identity sender = {};                                         // See SenderOf().
  absl::AnyInvocable<void(absl::StatusOr<storage::Receipt>)> done = {};  // Empty for own records.
  size_t bytes = 0;                                                      // As it was counted.
  bool is_large = false;
  std::chrono::steady_clock::time_point handed_in = {};
};

// Not for two threads at once.
class CommitQueue {
 public:
  struct Limits {
    size_t group_bytes_max = 0;        // Of small deliveries,
    size_t group_large_bytes_max = 0;  // and of large ones. The last one may go beyond.
  };

  explicit CommitQueue(Limits limits) : limits_(limits) {}

  // One that is small while large ones of its sender wait may be taken before them.
  void Push(PendingDelivery pending);

  bool has_small() const { return !small_.empty(); }
  bool has_large() const { return !turns_.empty(); }

  // Takes what one write is to store, in this order. Nothing of the large ones if they may not be
  // taken; without that, something if there is something.
  std::vector<PendingDelivery> TakeGroup(bool may_take_large);

 private:
  struct Large {
    PendingDelivery pending;
    uint64_t behind_small = 0;  // How many small ones were pushed before it.
  };

  void TakeSmall(std::vector<PendingDelivery>* group);
  void TakeLarge(std::vector<PendingDelivery>* group);

  const Limits limits_;
  std::deque<PendingDelivery> small_;
  uint64_t small_pushed_ = 0;
  uint64_t small_taken_ = 0;
  absl::flat_hash_map<storage::Identity, std::deque<Large>> large_;
  std::deque<storage::Identity> turns_;  // Of those who have large ones.
  bool small_went_alone_ = false;        // In the last group.
};

}  // namespace server
