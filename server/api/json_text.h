// Messages as JSON, by the mapping of proto3 (protobuf.dev/programming-guides/json): names in
// lowerCamelCase, bytes in base64, numbers of 64 bits as strings, enums by their names, fields that
// have their default value left out.

#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include <google/protobuf/message.h>

namespace server {

std::string PrintJson(const google::protobuf::Message& message);

// Appends a string with its quotes. Bytes that are no UTF-8 become U+FFFD.
void AppendJsonString(std::string_view value, std::string* text);

// Reads a message. kInvalidArgument says what is wrong. Fields and names of values that are not
// defined here are refused: passed over, a condition that only a newer client knows, or one that
// is misspelt, would be an answer to another question.
absl::Status ParseJson(std::string_view text, google::protobuf::Message* message);

}  // namespace server
