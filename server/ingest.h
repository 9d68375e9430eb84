// Where sessions leave what they received.

#pragma once

#include <cstddef>

#include "absl/status/statusor.h"
#include <boost/asio/awaitable.hpp>

#include "audit/frame.h"
#include "storage/batch.h"

namespace server {

// What tells a client of the managed format what became of its record.
struct RecordReplies {
  audit::FrameType accepted = audit::FrameType::kAck;
  audit::FrameType refused = audit::FrameType::kEnding;

  friend bool operator==(const RecordReplies&, const RecordReplies&) = default;
};

// To be used from the network thread only.
class Ingest {
 public:
  virtual ~Ingest() = default;

  // How many bytes one read of a client's socket may bring; 0: wait before that read. It is what
  // keeps the memory of all sessions together bounded.
  virtual size_t ReadBytesMax(const storage::Identity& client) const = 0;

  // Waits until that is not 0, and returns it.
  virtual boost::asio::awaitable<size_t> WaitForRoom(storage::Identity client) = 0;

  // Returns when the delivery is stored as durably as the configuration says: only then may it be
  // acknowledged. After a failure it may be stored or not, and must not be acknowledged.
  // The receipt says of an agent's batch whether it was stored.
  virtual boost::asio::awaitable<absl::StatusOr<storage::Receipt>> Append(
      storage::Delivery delivery) = 0;

  // As it is now. DISKLOW in place of ACK while space is low.
  virtual RecordReplies replies() const { return {}; }
};

}  // namespace server
