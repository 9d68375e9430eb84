#include "audit/event.h"

#include <cassert>

namespace audit {

void Event::Add(std::string_view line, uint64_t tag) {
  lines_.push_back({static_cast<uint32_t>(bytes_.size()), static_cast<uint32_t>(line.size()), tag});
  bytes_.append(line);
}

std::string_view Event::line(size_t index) const {
  const Line& line = lines_[index];
  return std::string_view(bytes_).substr(line.offset, line.bytes);
}

Record Event::record(size_t index) const {
  const absl::StatusOr<Record> record = ParseRecord(line(index));
  assert(record.ok());  // Add() takes nothing else.
  return *record;
}

}  // namespace audit
