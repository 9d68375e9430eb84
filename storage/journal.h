// The journal: every record that is in no block yet, as it was received. storage/README.md has an
// example.
//
//   key    := host u32 | arrival u64                  big-endian: groups of a host sort by arrival
//   value  := group | rest
//   group  := version u8 (1) | received_ms varint | address bytes | sender | record*
//   sender := 0 u8 | connection varint | sequence varint | siblings varint
//   record := bytes                                   bytes := length varint | that many bytes
//   rest   := version u8 (3) | kept*
//   kept   := position varint | received_ms varint | address bytes | end_arrival varint | record
//
// A group holds what one delivery had for one host. `arrival` counts groups over the whole store.
// Only the group that holds the last record of a delivery names its sender, and only if that may
// send again: see RetryMarks.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "storage/batch.h"

namespace storage {

using HostId = uint32_t;

struct JournalKey {
  HostId host = 0;
  uint64_t arrival = 0;

  friend auto operator<=>(const JournalKey&, const JournalKey&) = default;
};

std::string EncodeJournalKey(const JournalKey& key);
absl::StatusOr<JournalKey> DecodeJournalKey(std::string_view bytes);

// The connection that a group came over, as far as it matters when a record comes again.
struct JournalSender {
  uint64_t connection = 0;  // 0: none.
  uint32_t sequence = 0;    // Of the last record of the delivery.
  uint32_t siblings = 0;    // How many connections of the host, this one included, have marks.

  friend bool operator==(const JournalSender&, const JournalSender&) = default;
};

// What stands in a value before the records.
struct JournalHeader {
  uint64_t received_ms = 0;
  std::string_view address = {};
  JournalSender sender = {};
};

std::string EncodeJournalHeader(const JournalHeader& header);

// A group of records. Views point into the value that it was decoded from.
class JournalGroup {
 public:
  // kDataLoss if the header is not whole, or of an unknown version.
  static absl::StatusOr<JournalGroup> Decode(std::string_view value);

  const JournalHeader& header() const { return header_; }

  // The next record; false at the end. kDataLoss if what is left is not whole.
  absl::StatusOr<bool> Next(std::string_view* line);

  // The last record, which Next() has not come to yet. There is one in every group. Likewise.
  absl::StatusOr<std::string_view> Last();

 private:
  JournalHeader header_;
  std::string_view records_;
};

// A record that a rest keeps. Views point into the value that it was taken from.
struct KeptRecord {
  uint64_t position = 0;  // See RecordOrigin.
  uint64_t received_ms = 0;
  std::string_view address = {};
  uint64_t end_arrival = 0;  // If its event is whole with it (EventEnd), its arrival; else 0.
  std::string_view line = {};

  friend bool operator==(const KeptRecord&, const KeptRecord&) = default;
};

// Whether a value is a rest, not a group.
bool IsRest(std::string_view value);

std::string EncodeRest(const std::vector<KeptRecord>& records);
absl::StatusOr<std::vector<KeptRecord>> DecodeRest(std::string_view value);

}  // namespace storage
