// Recognises a record that a client sends a second time, because it did not hear that the
// first one was stored.
//
// A stock client has one record in flight. When its connection breaks before the
// acknowledgement it connects again, and its first record is that record, byte for byte: with
// the same sequence after a broken connection, with the next one after ENDING, with any when
// the client itself was restarted in between. So the store keeps, for each connection, a mark of
// its last record, and compares the first record of a new connection with the marks of the same
// host, whatever address it comes from. After a restart the marks are read from the journal: its
// groups tell the connection that they came over, so a mark survives whatever its record survives.
//
// Two equal records in a row are legal. They are told from a retry by the sequence: a client only
// goes on to the next sequence after an acknowledgement, or after ENDING, which follows on a record
// that may be stored only when a write has failed. A failed write makes the store read its files
// again; of marks that were read from files it is not certain what their client was told.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"

#include "storage/batch.h"
#include "storage/journal.h"

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
  std::string client;  // See RetryKey.
  uint64_t connection = 0;
  uint64_t arrival = 0;  // Of the delivery that the record is in, or later: marks sort by age.
  uint32_t sequence = 0;
  Fingerprint record;
  bool from_disk = false;  // Set by Load().
};

// Belongs to the one thread that writes to the store.
class RetryMarks {
 public:
  // Marks of one host: as many clients may claim the same node, cloned machines for instance.
  // Beyond it the oldest goes, and a record of that client that comes again is stored again.
  static constexpr size_t kMarksPerHostMax = 1024;

  // The mark of the host that `line`, the first record of a new connection, repeats.
  std::optional<RetryMark> FindRepeated(HostId host, const RetryKey& key,
                                        std::string_view line) const;

  // Sets the mark of a connection after its last record, which is of `host`, and forgets the oldest
  // marks of the client there beyond `connections_max`. Returns how many marks the host has.
  uint32_t Set(HostId host, const RetryKey& key, uint64_t arrival, std::string_view last_line);

  // Forgets a mark that was repeated: another connection stands for it.
  void Erase(HostId host, uint64_t connection);

  // Takes a mark out of the journal, unless the connection has a later one.
  void Load(HostId host, RetryMark mark);

 private:
  absl::flat_hash_map<HostId, std::vector<RetryMark>> hosts_;  // Oldest mark first.
};

}  // namespace storage
