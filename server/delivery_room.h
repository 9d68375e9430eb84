// How much of which sender is under way to the disk, and for how much more there is room.
//
// What comes from a sender that has little under way is small: a record of a stock client is, and
// a dozen, and what an agent sends in quiet times. Everything else is large, and so is what follows
// on it until it is stored: a sender's deliveries must not overtake each other. Small and large
// have a room each, so what one sender floods with takes no room of those who send little.

#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "absl/container/flat_hash_map.h"

#include "storage/batch.h"

namespace server {

// Whom a delivery is of: an agent by its name, a client by its address, whatever node its records
// name; the collector itself by no name. Hosts behind one address are one sender.
storage::Identity SenderOf(const storage::Delivery& delivery);

// Not for two threads at once.
class DeliveryRoom {
 public:
  struct Limits {
    size_t sender_small_bytes_max = 0;  // What one sender may have under way as small.
    size_t small_bytes_max = 0;         // What all may have under way, small
    size_t large_bytes_max = 0;         // and large. What was read before may go beyond.
    size_t small_read_bytes = 0;        // A read that brings only something small.
  };

  explicit DeliveryRoom(Limits limits) : limits_(limits) {}

  // Counts a delivery as under way, and returns whether it is large.
  bool Take(const storage::Identity& sender, size_t bytes);

  // It is not under way any more.
  void GiveBack(const storage::Identity& sender, size_t bytes, bool is_large);

  // How many bytes may be read of a sender at once; 0: none.
  static constexpr size_t kAnyBytes = std::numeric_limits<size_t>::max();
  size_t ReadBytesMax(const storage::Identity& sender) const;

  // Whether a delivery may be read of a sender that cannot be cut, so that its size is known when
  // it is there. It is taken to be as large as the one before. Whoever is large after all goes
  // beyond the room, and so do others, until twice of it is taken: then nobody reads on trust.
  bool MayReadWhole(const storage::Identity& sender, size_t bytes_before) const;

  size_t small_bytes() const { return small_bytes_; }
  size_t large_bytes() const { return large_bytes_; }

 private:
  struct UnderWay {
    size_t bytes = 0;
    size_t large = 0;  // How many deliveries of it are large.
  };

  bool HasRoomForAny() const { return HasRoomForSmall() && large_bytes_ < limits_.large_bytes_max; }
  bool HasRoomForSmall() const { return small_bytes_ < limits_.small_bytes_max; }
  bool IsSmall(const UnderWay& of_sender, size_t bytes) const {
    return of_sender.large == 0 && of_sender.bytes + bytes <= limits_.sender_small_bytes_max;
  }
  bool WouldBeSmall(const storage::Identity& sender, size_t bytes) const;

  const Limits limits_;
  absl::flat_hash_map<storage::Identity, UnderWay> senders_;  // That have something under way.
  size_t small_bytes_ = 0;
  size_t large_bytes_ = 0;
};

}  // namespace server
