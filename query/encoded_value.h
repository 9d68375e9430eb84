// The text behind a value that is quoted if harmless, and written as hex digits if not: as ausearch
// decodes it, also where the value is neither.
//
// The lenient sibling of audit::DecodeValue(), which leaves alone what is not wholly hex digits.

#pragma once

#include <string>
#include <string_view>

namespace query {

// Of a quoted value what is between the quotes; else its leading pairs of hex digits, decoded, up
// to the first NUL byte. Leading zeros are skipped: they begin the name of an abstract socket.
// "(null)" and values of less than two digits are their own text.
std::string DecodeValue(std::string_view value);

// The arguments in a proctitle, with blanks in place of the NUL bytes between them.
std::string DecodeProctitle(std::string_view value);

}  // namespace query
