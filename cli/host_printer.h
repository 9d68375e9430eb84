// Prints a list of hosts.

#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"

#include "storage/host_list.h"

namespace cli {

// A heading, and a line for each host, in columns as wide as what is in them. Times are of the
// zone, in the words of the locale; "-" stands for what is not known. Nothing for no hosts.
std::string HostTable(const std::vector<storage::ListedHost>& hosts, const absl::TimeZone& zone);

// A line of JSON for each host, which leaves out what is not known. Times are in UTC; bytes of a
// name that are not UTF-8 become U+FFFD.
std::string HostLines(const std::vector<storage::ListedHost>& hosts);

}  // namespace cli
