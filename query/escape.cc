#include "query/escape.h"

#include "absl/strings/str_format.h"

namespace query {

namespace {

std::string_view BackslashedBytes(EscapeMode mode) {
  switch (mode) {
    case EscapeMode::kRaw:
    case EscapeMode::kTty:
      return "";
    case EscapeMode::kShell:
      return "\"'`$\\!()| ";
    case EscapeMode::kShellQuote:
      return "\"'`$\\!()| ;#&*?[]<>{}";
  }
  return "";
}

void AppendEscapedBytes(std::string_view bytes, std::string_view backslashed, std::string* text) {
  for (const char character : bytes) {
    const unsigned byte = static_cast<unsigned char>(character);
    if (byte < 0x20) {
      absl::StrAppendFormat(text, "\\%03o", byte);
      continue;
    }
    if (backslashed.find(character) != std::string_view::npos) text->push_back('\\');
    text->push_back(character);
  }
}

bool HasControls(std::string_view bytes) {
  for (const char character : bytes) {
    if (static_cast<unsigned char>(character) < 0x20) return true;
  }
  return false;
}

}  // namespace

void AppendEscaped(std::string_view value, EscapeMode mode, std::string* text) {
  const std::string_view backslashed = BackslashedBytes(mode);
  if (backslashed.empty()) return AppendWithoutControls(value, mode, text);
  AppendEscapedBytes(value, backslashed, text);
}

void AppendWithoutControls(std::string_view written, EscapeMode mode, std::string* text) {
  if (mode == EscapeMode::kRaw || !HasControls(written)) {
    text->append(written);
  } else {
    AppendEscapedBytes(written, "", text);
  }
}

}  // namespace query
