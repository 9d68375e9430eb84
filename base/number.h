// Numbers written as text.

#pragma once

#include <charconv>
#include <optional>
#include <string_view>

namespace base {

// The number that all of `text` is. Signed types take a minus, none takes a plus or blanks; what
// does not fit the type is no number.
template <typename Number>
std::optional<Number> ParseNumber(std::string_view text, int base = 10) {
  Number number = 0;
  const char* const text_end = text.data() + text.size();
  const auto [end, errc] = std::from_chars(text.data(), text_end, number, base);
  if (errc != std::errc{} || end != text_end) return std::nullopt;
  return number;
}

}  // namespace base
