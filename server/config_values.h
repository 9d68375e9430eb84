// What the values of the configuration's keys are made of.
//
// The Set functions set *out to what the value says, or return what is wrong with it; then *out is
// as it was.

#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>

namespace server {

// auditd reads its counts into an int.
inline constexpr uint32_t kIntMax = std::numeric_limits<int32_t>::max();

char LowerCase(char c);

// Upper and lower case are the same.
bool SameWord(std::string_view a, std::string_view b);

template <typename Number>
std::string SetNumber(std::string_view value, uint32_t least, uint32_t most, Number* out) {
  uint32_t number = 0;
  const char* const end = value.data() + value.size();
  const auto [parsed_end, errc] = std::from_chars(value.data(), end, number);
  if (errc == std::errc::invalid_argument || parsed_end != end) return "not a number";
  if (errc == std::errc::result_out_of_range || number > most) return "too large";
  if (number < least) return "too small";
  *out = static_cast<Number>(number);
  return {};
}

template <typename Value>
struct Choice {
  std::string_view word;
  Value value;
};

template <typename Value, size_t count>
std::string SetChoice(std::string_view value, const Choice<Value> (&choices)[count], Value* out) {
  for (const Choice<Value>& choice : choices) {
    if (!SameWord(choice.word, value)) continue;
    *out = choice.value;
    return {};
  }
  return "not one of the words";
}

template <typename Value, size_t count>
std::string WordFor(Value value, const Choice<Value> (&choices)[count]) {
  for (const Choice<Value>& choice : choices) {
    if (choice.value == value) return std::string(choice.word);
  }
  return {};
}

inline constexpr Choice<bool> kYesNo[] = {{"yes", true}, {"no", false}};

}  // namespace server
