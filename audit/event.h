// An event: the records of one machine that share a stamp, in the order of their arrival.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/container/inlined_vector.h"

#include "audit/record.h"

namespace audit {

// Owns the bytes of its records. Views that it gives out are valid until the next Add(), move
// or destruction of the event.
class Event {
 public:
  // An event without records, for Add().
  Event(std::string_view node, Stamp stamp) : node_(node), stamp_(stamp) {}

  // Adds a copy of a well-formed line (without newline) that ParseRecord() accepted. `tag` is the
  // caller's: it stays with the line and means nothing here.
  void Add(std::string_view line, uint64_t tag = 0);

  const std::string& node() const { return node_; }
  Stamp stamp() const { return stamp_; }
  size_t record_count() const { return lines_.size(); }
  size_t bytes() const { return bytes_.size(); }

  // Whether the rest of the event had been given out before these records came: see Assembler.
  bool late() const { return late_; }
  void MarkLate() { late_ = true; }

  // How many of its records there were when it was whole: with the one that ends an event, or
  // with a later one that tells more. 0 if none of them does. See Assembler.
  size_t whole_records() const { return whole_records_; }
  void MarkWhole() { whole_records_ = static_cast<uint32_t>(lines_.size()); }

  // The line as it was added. `index` is below record_count().
  std::string_view line(size_t index) const;

  // The same line, parsed.
  Record record(size_t index) const;

  // Makes room for lines of so many bytes together, where more than one is expected.
  void Reserve(size_t bytes) { bytes_.reserve(bytes); }

  // What the line was added with.
  uint64_t tag(size_t index) const { return lines_[index].tag; }

 private:
  struct Line {
    uint32_t offset;
    uint32_t bytes;
    uint64_t tag;
  };

  std::string node_;
  Stamp stamp_;
  std::string bytes_;                   // All lines, one after the other.
  absl::InlinedVector<Line, 4> lines_;  // Most events have no more.
  bool late_ = false;
  uint32_t whole_records_ = 0;
};

}  // namespace audit
