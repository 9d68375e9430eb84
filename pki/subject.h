// Whom a certificate is for.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace pki {

// As long as the longest name that a host of a store can have.
inline constexpr size_t kNameBytesMax = 255;

// Of one certificate. A collector has some names and addresses; what needs more needs a wildcard.
inline constexpr size_t kAlternativesMax = 100;

struct Subject {
  // Who it is. Of a server, a DNS name or an IP address that it is reached by.
  std::string name;

  // Of a server, what else it is reached by.
  std::vector<std::string> dns_names = {};
  std::vector<std::string> ip_addresses = {};
};

// Whether a caller can have the name: 1 to kNameBytesMax printable ASCII characters without blanks,
// as auspexd wants them. kInvalidArgument quotes the name.
absl::Status CheckName(std::string_view name);

bool IsIpAddress(const std::string& text);

// kInvalidArgument names what is wrong of it.
absl::Status CheckSubject(const Subject& subject);

}  // namespace pki
