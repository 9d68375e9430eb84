// Text for those who take UTF-8 only.

#pragma once

#include <string>
#include <string_view>

namespace base {

// The text, with U+FFFD for each byte that is not part of a character, by RFC 3629.
std::string ToUtf8(std::string_view text);

}  // namespace base
