// What a client delivered at once, on its way into the store.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/losses.h"

namespace storage {

// Which source an identity comes from. The numbers are stored.
enum class IdentityKind : uint8_t {
  kCollector = 0,    // The collector itself: its DAEMON_* records.
  kAddress = 1,      // The peer's address: no record of the host names a node.
  kNode = 2,         // The "node=" of the record: the client's own claim.
  kCertificate = 3,  // The name in the certificate that the agent has shown.
};

// "collector", "address", "node" or "certificate".
std::string_view KindName(IdentityKind kind);

// Who a record belongs to: the first key of everything in the store.
struct Identity {
  IdentityKind kind = IdentityKind::kAddress;
  std::string name;

  friend bool operator==(const Identity&, const Identity&) = default;

  template <typename H>
  friend H AbslHashValue(H hash, const Identity& identity) {
    return H::combine(std::move(hash), identity.kind, identity.name);
  }
};

// Records of one host that arrived together, in order of arrival.
class Batch {
 public:
  // `address` is the peer's, as text; empty for the collector's own records.
  Batch(Identity host, std::string address);

  // Makes room for records of so many bytes together, their lengths included.
  void Reserve(size_t bytes) { encoded_.reserve(offset_ + bytes); }

  // Adds a record (a line without its newline) that audit::ParseRecord() takes.
  void Add(std::string_view line);

  // Likewise, one that audit::ParseRecord() refuses: it is counted.
  void AddMalformed(std::string_view line);

  // The record that was added first, and the one that was added last. There must be one. Views
  // are valid until the next Add() or move.
  std::string_view first() const;
  std::string_view last() const { return std::string_view(encoded_).substr(last_offset_); }

  // Removes the record that was added first. There must be one.
  void RemoveFirst();

  const Identity& host() const { return host_; }
  const std::string& address() const { return address_; }
  uint32_t record_count() const { return record_count_; }
  uint32_t malformed_count() const { return malformed_count_; }

  // The records as the journal stores them: see storage/README.md.
  std::string_view encoded() const { return std::string_view(encoded_).substr(offset_); }

  // What the journal stores in front of the records, at most, beside the address.
  static constexpr size_t kHeaderBytesMax = 64;

  // Bytes whose end, from `begin` on, is of use.
  struct Released {
    std::string bytes;
    size_t begin = 0;

    std::string_view view() const { return std::string_view(bytes).substr(begin); }
  };

  // Gives out `header` and the encoded records behind it, without copying these. The batch is not
  // to be used any more.
  Released ReleaseBehind(std::string_view header) &&;

 private:
  Identity host_;
  std::string address_;
  std::string encoded_;
  size_t offset_ = 0;       // Where the first record that was not removed begins. Room before it.
  size_t last_offset_ = 0;  // Where the bytes of the last record begin.
  uint32_t record_count_ = 0;
  uint32_t malformed_count_ = 0;
};

// Tells one client from another when a record comes a second time. A client that got no
// acknowledgement connects again and sends the record again: see protocol.md, "The stock client".
struct RetryKey {
  std::string client = {};        // What the connections of a client have in common: its address.
  uint64_t connection = 0;        // From EventStore::NextConnection().
  uint32_t connections_max = 1;   // How many clients may share `client` at once.
  bool opens_connection = false;  // The delivery begins with the first record of the connection.
  uint32_t first_sequence = 0;    // Of the first record.
  uint32_t last_sequence = 0;     // Of the last record,
  size_t last_batch = 0;          // which is the last one of this batch.
};

// The place of a delivery among all that an agent has sent since a boot of its host: see
// BatchNumbers.
struct BatchNumber {
  std::string boot_id = {};
  uint64_t number = 0;   // From 1.
  uint64_t follows = 0;  // The number of the batch before, of those that the agent did not lose.
};

// What has become of a delivery.
struct Receipt {
  enum class Outcome : uint8_t {
    kStored,
    kRepeated,  // It was stored before.
    kGap,       // Not stored: it does not follow the last batch that was.
    kNoRoom,    // Not stored: the agent is a new one, and there are too many.
  };
  Outcome outcome = Outcome::kStored;
  uint64_t last_number = 0;  // Of the last batch of the boot that is stored, this one included.

  friend bool operator==(const Receipt&, const Receipt&) = default;
};

// What one client sent at once: stored together, acknowledged together.
struct Delivery {
  std::vector<Batch> batches = {};     // At least one, none empty, in order of arrival.
  uint64_t received_ms = 0;            // Milliseconds since the epoch.
  std::optional<RetryKey> retry = {};  // Absent where nothing is ever sent again.

  // Of an agent, which is the host of the first batch. Not with `retry`.
  std::optional<BatchNumber> number = {};

  // What the agent tells with it: taken if it is stored. Only with `number`.
  std::optional<BootLosses> losses = {};

  Receipt receipt = {};  // Set by EventStore::Append(). To be believed only if that succeeds.
};

}  // namespace storage
