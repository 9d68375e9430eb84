// The parser of retention policies, over any text: what is wrong is told with a line of the text,
// and an accepted policy keeps its promises, and is the same when it is read from what its rules
// are written as.

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "storage/retention.h"

namespace {

using storage::RetentionPolicy;
using storage::RetentionRule;

constexpr std::string_view kFile = "fuzz";

void Check(bool holds) {
  if (!holds) std::abort();
}

// "fuzz:LINE: what", or what is wrong with the whole file.
void CheckMessage(std::string_view message, std::string_view text) {
  const auto lines = static_cast<size_t>(std::ranges::count(text, '\n')) + 1;
  while (!message.empty()) {
    const size_t end = std::min(message.find('\n'), message.size());
    std::string_view one = message.substr(0, end);
    message.remove_prefix(std::min(end + 1, message.size()));
    Check(one.starts_with(kFile) && one.size() > kFile.size() + 1);
    one.remove_prefix(kFile.size() + 1);
    size_t line = 0;
    const auto [rest, errc] = std::from_chars(one.data(), one.data() + one.size(), line);
    if (text.size() > storage::kPolicyBytesMax) continue;
    Check(errc == std::errc{} && *rest == ':' && line >= 1 && line <= lines);
    Check(std::ranges::all_of(one, [](char c) { return c >= ' ' && c <= '~'; }));
  }
}

void CheckPromises(const RetentionPolicy& policy) {
  Check(policy.rules.size() <= storage::kPolicyRulesMax);
  for (const RetentionRule& rule : policy.rules) {
    Check(!rule.name.empty() && rule.name != storage::kRotateRule);
    Check(!rule.days_max || (*rule.days_max >= 1 && *rule.days_max <= storage::kPolicyDaysMax));
    Check(!rule.bytes_max || (*rule.bytes_max > 0 && rule.takes_whole_hosts()));
    for (const auto* words : {&rule.host_patterns, &rule.keys, &rule.types}) {
      Check(words->size() <= storage::kPolicyWordsMax);
      Check(std::ranges::none_of(*words, &std::string::empty));
    }
  }
}

void CheckRoundTrip(const RetentionPolicy& policy) {
  std::string text;
  for (const RetentionRule& rule : policy.rules) text += ToText(rule) + "\n";
  const auto again = storage::ParseRetentionPolicy(text, kFile);
  Check(again.ok() && *again == policy);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto policy = storage::ParseRetentionPolicy(text, kFile);
  if (!policy.ok()) {
    CheckMessage({policy.status().message().data(), policy.status().message().size()}, text);
    return 0;
  }
  CheckPromises(*policy);
  CheckRoundTrip(*policy);
  return 0;
}
