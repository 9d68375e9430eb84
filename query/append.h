// Text from pieces. Abseil's StrCat() of Debian 12 knows no std::string_view.

#pragma once

#include <string>

namespace query {

// Appends strings, views and literals, in this order.
template <typename... Pieces>
void AppendAll(std::string* text, const Pieces&... pieces) {
  (text->append(pieces), ...);
}

// The pieces as one string.
template <typename... Pieces>
std::string Concatenate(const Pieces&... pieces) {
  std::string text;
  AppendAll(&text, pieces...);
  return text;
}

}  // namespace query
