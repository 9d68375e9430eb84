#include "storage/value_dictionary.h"

#include <algorithm>
#include <xxhash.h>

namespace storage {

namespace {

constexpr size_t kSlotsMin = 16;

}  // namespace

uint32_t ValueDictionary::Intern(std::string_view value) {
  if (2 * (ends_.size() + 1) > slots_.size()) Grow();
  const auto hash = static_cast<uint32_t>(XXH3_64bits(value.data(), value.size()));
  const size_t mask = slots_.size() - 1;
  size_t slot = hash & mask;
  for (; slots_[slot] != 0; slot = (slot + 1) & mask) {
    const uint32_t number = slots_[slot] - 1;
    if (hashes_[number] == hash && this->value(number) == value) return number;
  }
  bytes_.append(value);
  ends_.push_back(static_cast<uint32_t>(bytes_.size()));
  hashes_.push_back(hash);
  slots_[slot] = size();
  return size() - 1;
}

void ValueDictionary::Clear() {
  bytes_.clear();
  ends_.clear();
  hashes_.clear();
  std::ranges::fill(slots_, 0);
}

void ValueDictionary::Grow() {
  slots_.assign(std::max(kSlotsMin, 2 * slots_.size()), 0);
  const size_t mask = slots_.size() - 1;
  for (uint32_t number = 0; number < size(); ++number) {
    size_t slot = hashes_[number] & mask;
    while (slots_[slot] != 0) slot = (slot + 1) & mask;
    slots_[slot] = number + 1;
  }
}

}  // namespace storage
