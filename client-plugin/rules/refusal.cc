#include "client-plugin/rules/refusal.h"

#include <cstddef>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"

namespace client_plugin {

absl::Status Refusal(std::string_view why) { return absl::InvalidArgumentError(std::string(why)); }

absl::Status RefusalOf(std::string_view text, std::string_view why) {
  constexpr size_t kTextBytesMax = 100;  // It stands in a line for an administrator.
  std::string shown = absl::CHexEscape(std::string(text.substr(0, kTextBytesMax)));
  if (text.size() > kTextBytesMax) shown += "...";
  return absl::InvalidArgumentError(absl::StrFormat("\"%s\" %s", shown, why));
}

}  // namespace client_plugin
