#include "server/api/json_text.h"

#include <algorithm>
#include <cassert>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include <google/protobuf/util/json_util.h>

#include "base/utf8.h"

namespace server {

namespace {

using google::protobuf::Message;

bool IsPlain(char c) {
  return c >= ' ' && c <= '~' && c != '"' && c != '\\' && c != '<' && c != '>';
}

void AppendEscaped(char c, std::string* text) {
  constexpr std::string_view kNamed = "\"\\\b\f\n\r\t";
  constexpr std::string_view kNames = "\"\\bfnrt";
  const size_t named = kNamed.find(c);
  if (named != std::string_view::npos) {
    *text += {'\\', kNames[named]};
  } else {
    absl::StrAppendFormat(text, "\\u%04x", c);
  }
}

}  // namespace

std::string PrintJson(const Message& message) {
  std::string text;
  const auto printed = google::protobuf::util::MessageToJsonString(message, &text);
  assert(printed.ok());  // It fails for well-known types that hold what they must not.
  return printed.ok() ? text : "{}";
}

void AppendJsonString(std::string_view value, std::string* text) {
  *text += '"';
  if (std::ranges::all_of(value, IsPlain)) {
    *text += value;
  } else {
    for (const char c : base::ToUtf8(value)) {
      if (IsPlain(c) || static_cast<unsigned char>(c) >= 0x80) {
        *text += c;
      } else {
        AppendEscaped(c, text);
      }
    }
  }
  *text += '"';
}

absl::Status ParseJson(std::string_view text, Message* message) {
  const auto parsed =
      google::protobuf::util::JsonStringToMessage({text.data(), text.size()}, message);
  if (parsed.ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("request: ", std::string(parsed.message().data(), parsed.message().size())));
}

}  // namespace server
