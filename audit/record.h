// A record: one line of the Linux audit log.
//
// Every record starts with the same prefix, whatever its type:
//
//   record := [ "node=" name " " ] "type=" name " msg=audit(" stamp "):" [ " " body ]
//   stamp  := seconds "." milliseconds ":" serial
//
// The kernel writes one event as several records that share a stamp. The stamp is
// unique on one machine only, so the key of an event is (host, stamp).

#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"

namespace audit {

// Longer than any record that the kernel can write (MAX_AUDIT_MESSAGE_LENGTH of libaudit.h,
// 8970) with the longest node name in front of it.
inline constexpr size_t kRecordBytesMax = 16384;

// The key of an event within one machine. Ordered by time, then by serial.
struct Stamp {
  uint64_t time_ms = 0;  // Milliseconds since the epoch.
  uint32_t serial = 0;

  friend auto operator<=>(const Stamp&, const Stamp&) = default;

  template <typename H>
  friend H AbslHashValue(H h, const Stamp& stamp) {
    return H::combine(std::move(h), stamp.time_ms, stamp.serial);
  }
};

// A parsed record. All views point into the line given to ParseRecord(), which must
// outlive the record.
struct Record {
  std::string_view node;  // Empty if the line names no node.
  std::string_view type;  // "SYSCALL", "PATH", ... or "UNKNOWN[1420]".
  Stamp stamp;
  std::string_view body;  // The fields, not yet split: see field.h.
};

// Parses one line, without its newline. A line that holds a newline is malformed: it would
// read as two records once it is printed. Allocates nothing unless it fails. A failure is
// always kInvalidArgument, and its message names the part of the prefix that is wrong.
absl::StatusOr<Record> ParseRecord(std::string_view line);

}  // namespace audit
