// Recognises a record that a client sends a second time, because it did not hear that the
// first one was stored.
//
// A stock client has one record in flight. When its connection breaks before the
// acknowledgement it connects again, and its first record is that record, byte for byte: with
// the same sequence after a broken connection, with the next one after ENDING, with any when
// the client itself was restarted in between. So the store keeps, for each connection, a mark of
// its last record, and compares the first record of a new connection with the marks of that
// client. After a restart the marks are read from the journal: its groups tell the connection that
// they came over, so a mark survives whatever its record survives.
//
// Two equal records in a row are legal. They are told from a retry by the sequence: a client only
// goes on to the next sequence after an acknowledgement or ENDING, and ENDING is not sent while a
// record that may be stored is not acknowledged. Only for marks read from disk that is not
// certain.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"

#include "storage/batch.h"

namespace storage {

// A digest of a record. Equal records have equal fingerprints; that two records of one client have
// the same one by accident is out of the question (128 bits and the length).
struct Fingerprint {
  uint64_t high = 0;
  uint64_t low = 0;
  uint32_t bytes = 0;

  friend bool operator==(const Fingerprint&, const Fingerprint&) = default;
};

Fingerprint FingerprintOf(std::string_view line);

struct RetryMark {
  uint64_t connection = 0;
  uint64_t arrival = 0;  // Of the group that the record is in: marks sort by age.
  uint32_t sequence = 0;
  Fingerprint record;
  bool from_disk = false;  // Set by Load().
};

// Belongs to the one thread that writes to the store.
class RetryMarks {
 public:
  // No more clients than this have marks, so that addresses that come once and never again cannot
  // fill the memory (about 150 bytes a client). Past it a record that is sent again is stored
  // again.
  static constexpr size_t kClientsMax = 200'000;

  // The mark that `line`, the first record of a new connection, repeats.
  std::optional<RetryMark> FindRepeated(const RetryKey& key, std::string_view line) const;

  // Sets the mark of a connection after its last record, and forgets `repeated`, if any, and the
  // oldest marks of the client beyond `connections_max`. Returns how many marks the client has: 0
  // if there is no room for a new client.
  uint32_t Set(const RetryKey& key, uint64_t arrival, std::string_view last_line,
               const std::optional<RetryMark>& repeated);

  // Takes a mark out of the journal. Of two with the same connection the one that arrived later
  // stays.
  void Load(const std::string& client, RetryMark mark);

  void Clear() { clients_.clear(); }
  size_t client_count() const { return clients_.size(); }

 private:
  absl::flat_hash_map<std::string, std::vector<RetryMark>> clients_;  // Oldest mark first.
};

}  // namespace storage
