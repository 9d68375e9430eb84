// The command line of a bench: pairs of a name and a value.

#pragma once

#include <charconv>
#include <span>
#include <string_view>

#include "absl/functional/function_ref.h"

namespace bench {

template <typename Unsigned>
bool ParseNumber(std::string_view text, Unsigned* number) {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, *number);
  return error == std::errc{} && stop == end;
}

// Calls `set` with each pair. False if it does not like one, or if there is half a pair.
inline bool ReadOptions(
    int argc, char** argv,
    absl::FunctionRef<bool(std::string_view name, std::string_view value)> set) {
  const auto arguments = std::span(argv, static_cast<size_t>(argc)).subspan(1);
  for (size_t i = 0; i + 1 < arguments.size(); i += 2) {
    if (!set(arguments[i], arguments[i + 1])) return false;
  }
  return arguments.size() % 2 == 0;
}

}  // namespace bench
