// The distinct values of one column, numbered in the order in which they first came.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace storage {

// Copies the values that it is given. Not thread-safe.
class ValueDictionary {
 public:
  // The number of a value, a new one if it has none.
  uint32_t Intern(std::string_view value);

  // `number` is below size(). The view is valid until the next Intern() or Clear().
  std::string_view value(uint32_t number) const {
    const uint32_t begin = number == 0 ? 0 : ends_[number - 1];
    return std::string_view(bytes_).substr(begin, ends_[number] - begin);
  }

  uint32_t size() const { return static_cast<uint32_t>(ends_.size()); }

  // All values, one after the other.
  const std::string& bytes() const { return bytes_; }

  // Forgets the values and keeps the memory, for the next block.
  void Clear();

 private:
  void Grow();

  std::string bytes_;
  std::vector<uint32_t> ends_;    // Of each value in bytes_.
  std::vector<uint32_t> hashes_;  // Of each value, so that Grow() need not hash again.
  std::vector<uint32_t> slots_;   // Open addressing: number + 1, or 0. A power of two.
};

}  // namespace storage
