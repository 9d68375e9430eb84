#include "pki/subject.h"

#include <algorithm>
#include <arpa/inet.h>
#include <netinet/in.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"

namespace pki {

namespace {

// Of a name that is wrong: enough to know it by.
constexpr size_t kShownBytesMax = 80;

}  // namespace

absl::Status CheckName(std::string_view name) {
  const auto refused = [name](const char* why) {
    return absl::InvalidArgumentError(
        absl::StrFormat("\"%s\" cannot be a name: %s",
                        absl::CHexEscape(std::string(name.substr(0, kShownBytesMax))), why));
  };
  if (name.empty()) return refused("it is empty");
  if (name.size() > kNameBytesMax) return refused("it is longer than 255 bytes");
  if (!std::ranges::all_of(name, [](char c) { return c > ' ' && c <= '~'; })) {
    return refused("only printable ASCII without blanks can");
  }
  return absl::OkStatus();
}

bool IsIpAddress(const std::string& text) {
  in6_addr address{};
  return inet_pton(AF_INET, text.c_str(), &address) == 1 ||
         inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

absl::Status CheckSubject(const Subject& subject) {
  absl::Status checked = CheckName(subject.name);
  for (const std::string& name : subject.dns_names) {
    if (checked.ok()) checked = CheckName(name);
  }
  if (!checked.ok()) return checked;
  for (const std::string& address : subject.ip_addresses) {
    if (!IsIpAddress(address)) {
      return absl::InvalidArgumentError(
          absl::StrFormat("\"%s\" is no IP address", absl::CHexEscape(address)));
    }
  }
  if (subject.dns_names.size() + subject.ip_addresses.size() > kAlternativesMax) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: more than %d other names", subject.name, kAlternativesMax));
  }
  return absl::OkStatus();
}

}  // namespace pki
