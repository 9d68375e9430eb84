// The journal: every record, as it was received, in groups. storage/README.md has an example.
//
//   key    := host u32 | arrival u64                  big-endian: groups of a host sort by arrival
//   value  := version u8 | received_ms varint | address bytes | record*
//   record := bytes                                   bytes := length varint | that many bytes
//
// A group holds what one delivery had for one host. `arrival` counts groups over the whole store.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

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

// What stands in a value before the records.
std::string EncodeJournalHeader(uint64_t received_ms, std::string_view address);

// A group of records. Views point into the value that it was decoded from.
class JournalGroup {
 public:
  // kDataLoss if the header is not whole, or of an unknown version.
  static absl::StatusOr<JournalGroup> Decode(std::string_view value);

  uint64_t received_ms() const { return received_ms_; }
  std::string_view address() const { return address_; }

  // The next record; false at the end. kDataLoss if what is left is not whole.
  absl::StatusOr<bool> Next(std::string_view* line);

 private:
  uint64_t received_ms_ = 0;
  std::string_view address_;
  std::string_view records_;
};

}  // namespace storage
