// Shell patterns for the names of hosts.

#pragma once

#include <string>
#include <vector>

namespace storage {

// Whether a name matches a pattern of fnmatch(3).
bool MatchesPattern(const std::string& pattern, const std::string& name);

// Whether it matches one of them; every name does, if there is none.
bool MatchesOneOf(const std::vector<std::string>& patterns, const std::string& name);

}  // namespace storage
