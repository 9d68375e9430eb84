#include "storage/host_pattern.h"

#include <algorithm>
#include <fnmatch.h>

namespace storage {

bool MatchesPattern(const std::string& pattern, const std::string& name) {
  return fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
}

bool MatchesOneOf(const std::vector<std::string>& patterns, const std::string& name) {
  return patterns.empty() || std::ranges::any_of(patterns, [&](const std::string& pattern) {
           return MatchesPattern(pattern, name);
         });
}

}  // namespace storage
