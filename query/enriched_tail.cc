#include "query/enriched_tail.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"

namespace query {

namespace {

bool IsInCapitals(std::string_view capitals, std::string_view name) {
  return std::ranges::equal(capitals, name, [](char capital, char letter) {
    return absl::ascii_tolower(static_cast<unsigned char>(capital)) == letter;
  });
}

}  // namespace

void EnrichedTail::Read(std::string_view tail) {
  values_.clear();
  if (tail.starts_with("SADDR=")) {
    const size_t brace = tail.find('{');
    if (brace != std::string_view::npos && tail.find('}', brace) != std::string_view::npos) {
      values_.emplace_back("SADDR", tail.substr(brace));
    }
    return;
  }
  while (!tail.empty()) {
    const std::string_view word = tail.substr(0, tail.find(' '));
    tail.remove_prefix(std::min(tail.size(), word.size() + 1));
    const size_t equals = word.find('=');
    if (equals == std::string_view::npos) continue;
    values_.emplace_back(word.substr(0, equals), word.substr(equals + 1));
  }
}

std::optional<std::string_view> EnrichedTail::Find(std::string_view field_name) const {
  for (const auto& [name, value] : values_) {
    if (!IsInCapitals(name, field_name)) continue;
    if (value.starts_with("unknown-")) return std::nullopt;
    return value;
  }
  return std::nullopt;
}

}  // namespace query
