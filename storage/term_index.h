// The index: which blocks have events with a term, and how many.
//
//   key     := field u8 | escaped value | 00 01 | day u32
//   value   := posting*
//   posting := host varint | block varint | events varint
//
// In the escaped value each byte 00 is followed by ff, so that keys sort by field, value and day,
// and no value is a prefix of another. A posting with 0 events takes the block out of the list: it
// is written when a block is dropped or merged into another, and disappears when RocksDB merges the
// operands of a key. Values longer than query::kTermBytesMax are cut: see query/term.h.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

#include "query/term.h"
#include "storage/host_table.h"

namespace storage {

// A UTC day, counted from the epoch.
using Day = uint32_t;

inline constexpr uint64_t kDayMs = 86'400'000;

// The day of a time. Times beyond the last day belong to it.
Day DayOf(uint64_t time_ms);

struct Term {
  query::TermField field = {};
  std::string value = {};

  friend bool operator==(const Term&, const Term&) = default;
};

// What the keys of all days of a term begin with; and of all values of a field.
std::string EncodeTermPrefix(query::TermField field, std::string_view value);
std::string EncodeFieldPrefix(query::TermField field);

std::string EncodeTermKey(query::TermField field, std::string_view value, Day day);

// False if the bytes are no key.
bool DecodeTermKey(std::string_view key, Term* term, Day* day);

struct Posting {
  HostId host = 0;
  uint32_t block = 0;
  uint32_t events = 0;

  friend auto operator<=>(const Posting&, const Posting&) = default;
};

void PutPosting(const Posting& posting, std::string* out);

// What is said of an entry of the index of which the key or the value is not whole.
absl::Status IndexDamaged();

// Takes all postings of a value. False if they are not whole.
bool TakePostings(std::string_view in, std::vector<Posting>* postings);

// Sets *merged to the value that `operands`, the first one the oldest, make together: sorted by
// host and block, of each the last posting. `keep_removals`: there may be older operands still.
// False if one is not whole.
bool MergePostings(std::span<const std::string_view> operands, bool keep_removals,
                   std::string* merged);

}  // namespace storage
