// How text that others wrote is printed: --escape of ausearch(8).

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace query {

enum class EscapeMode : uint8_t {
  kRaw,         // As it is, for programs that read it.
  kTty,         // Bytes below 0x20 as "\033", so that no record can give orders to a terminal.
  kShell,       // The same, and a backslash before "'`$\!()| and blanks.
  kShellQuote,  // The same, and a backslash before ;#&*?[]<>{} too.
};

// Appends a value that was decoded, with all that the mode escapes.
void AppendEscaped(std::string_view value, EscapeMode mode, std::string* text);

// Appends what is printed as it was written: of it, only bytes below 0x20 are escaped, in all modes
// but kRaw.
void AppendWithoutControls(std::string_view written, EscapeMode mode, std::string* text);

}  // namespace query
