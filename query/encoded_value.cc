#include "query/encoded_value.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"

namespace query {

namespace {

unsigned DigitValue(char digit) {
  if (absl::ascii_isdigit(static_cast<unsigned char>(digit))) {
    return static_cast<unsigned>(digit - '0');
  }
  return static_cast<unsigned>(absl::ascii_tolower(static_cast<unsigned char>(digit)) - 'a') + 10;
}

// Decodes the hex digits at the front. One without a second stands for its upper half.
std::string DecodeDigits(std::string_view value) {
  std::string bytes;
  for (size_t index = 0; index < value.size(); index += 2) {
    if (!absl::ascii_isxdigit(static_cast<unsigned char>(value[index]))) break;
    const bool has_second = index + 1 < value.size() &&
                            absl::ascii_isxdigit(static_cast<unsigned char>(value[index + 1]));
    const unsigned second = has_second ? DigitValue(value[index + 1]) : 0;
    bytes.push_back(static_cast<char>(DigitValue(value[index]) << 4 | second));
    if (!has_second) break;
  }
  return bytes;
}

bool BeginsWithTwoDigits(std::string_view value) {
  return value.size() >= 2 && absl::ascii_isxdigit(static_cast<unsigned char>(value[0])) &&
         absl::ascii_isxdigit(static_cast<unsigned char>(value[1]));
}

// Whether the value is hex digits to decode. If so, *digits is where they begin.
bool FindDigits(std::string_view value, std::string_view* digits) {
  *digits = value.starts_with("00") ? value.substr(2) : value;
  return BeginsWithTwoDigits(*digits);
}

// The text of a value without hex digits.
std::string_view UnencodedText(std::string_view value) {
  if (value.starts_with('"')) {
    const size_t end = value.find('"', 1);
    return end == std::string_view::npos ? " " : value.substr(1, end - 1);
  }
  const size_t parenthesis = value.find(')');
  const bool is_word = value.starts_with('(') && parenthesis != std::string_view::npos;
  return is_word ? value.substr(0, parenthesis + 1) : value;
}

}  // namespace

std::string DecodeValue(std::string_view value) {
  std::string_view digits;
  if (!FindDigits(value, &digits)) return std::string(UnencodedText(value));
  std::string text = DecodeDigits(digits);
  text.resize(std::min(text.size(), text.find('\0')));
  return text;
}

std::string DecodeProctitle(std::string_view value) {
  std::string_view digits;
  if (!FindDigits(value, &digits)) return std::string(UnencodedText(value));
  std::string text = DecodeDigits(digits);
  // What follows the digits counts as NUL bytes, and one digit too many does not, as in the real
  // tool.
  const size_t whole_bytes = digits.size() / 2;
  text.resize(std::max(text.size(), whole_bytes));
  std::replace(text.begin(), text.begin() + static_cast<ptrdiff_t>(whole_bytes), '\0', ' ');
  text.resize(std::min(text.size(), text.find('\0')));
  return text;
}

}  // namespace query
