// What is remembered of days of hosts that were trimmed: of which events that rules by key or type
// do not keep were taken out, and others left.
//
// A day is trimmed by reading its blocks, and is not read again while its mark holds: the rules are
// the same, nothing more has expired by them, and no block has come. In the column family "meta":
//
//   key    := "t" | host u32 | day u32
//   value  := version u8 (1) | rules u64 | until varint | number varint
//
// The mark leaves with the blocks of its day. While it is there no number below its own is given to
// a block: see BlockNumbers.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include <rocksdb/options.h>

#include "storage/host_day.h"
#include "storage/retention_rules.h"
#include "storage/rocks.h"
#include "storage/term_index.h"

namespace storage {

struct TrimMark {
  uint64_t rules = 0;   // HostRules::Digest().
  Day until = 0;        // The first day on which more will have expired.
  uint32_t number = 0;  // All blocks below it are trimmed.

  friend bool operator==(const TrimMark&, const TrimMark&) = default;
};

// Whether nothing has expired today of the blocks below the mark, by these rules: it was made by
// them, and nothing more has expired since. `no_room` as in HostRules::Judge(): what was trimmed
// for want of room has lost what has expired by its age, too.
bool IsUpToDate(const TrimMark& mark, const HostRules& rules, bool no_room, Day today);

std::string EncodeTrimKey(const HostDay& of);
std::string EncodeTrimValue(const TrimMark& mark);

// That of a day; nullopt if there is none. kDataLoss if it cannot be read.
absl::StatusOr<std::optional<TrimMark>> LoadTrimMark(const Rocks& rocks,
                                                     const rocksdb::ReadOptions& options,
                                                     const HostDay& of);

}  // namespace storage
