#include "storage/batch.h"

#include <cassert>

#include "storage/coding.h"

namespace storage {

void Batch::Add(std::string_view line) {
  PutVarint(&encoded_, line.size());
  last_offset_ = encoded_.size();
  encoded_.append(line);
  ++record_count_;
}

std::string_view Batch::first() const {
  assert(record_count_ > 0);
  std::string_view rest = encoded();
  std::string_view line;
  TakeBytes(&rest, &line);
  return line;
}

void Batch::RemoveFirst() {
  const std::string_view line = first();
  offset_ = static_cast<size_t>(line.data() + line.size() - encoded_.data());
  --record_count_;
}

}  // namespace storage
