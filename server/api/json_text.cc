#include "server/api/json_text.h"

#include <algorithm>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include <google/protobuf/descriptor.h>
#include <google/protobuf/util/json_util.h>

#include "base/utf8.h"

namespace server {

namespace {

using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

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

void AppendBase64(const std::string& bytes, std::string* text) {
  absl::StrAppend(text, "\"", absl::Base64Escape(bytes), "\"");
}

void AppendEnum(const FieldDescriptor& field, int number, std::string* text) {
  const EnumValueDescriptor* const value = field.enum_type()->FindValueByNumber(number);
  if (value == nullptr) {
    absl::StrAppend(text, number);
  } else {
    absl::StrAppend(text, "\"", value->name(), "\"");
  }
}

void AppendText(const FieldDescriptor& field, const std::string& value, std::string* text) {
  if (field.type() == FieldDescriptor::TYPE_BYTES) {
    AppendBase64(value, text);
  } else {
    AppendJsonString(value, text);
  }
}

// The value of a field that is not repeated.
void AppendValue(const Message& message, const FieldDescriptor& field, std::string* text) {
  const Reflection& reflection = *message.GetReflection();
  std::string scratch;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return absl::StrAppend(text, reflection.GetBool(message, &field) ? "true" : "false");
    case FieldDescriptor::CPPTYPE_INT32:
      return absl::StrAppend(text, reflection.GetInt32(message, &field));
    case FieldDescriptor::CPPTYPE_UINT32:
      return absl::StrAppend(text, reflection.GetUInt32(message, &field));
    case FieldDescriptor::CPPTYPE_INT64:
      return absl::StrAppend(text, "\"", reflection.GetInt64(message, &field), "\"");
    case FieldDescriptor::CPPTYPE_UINT64:
      return absl::StrAppend(text, "\"", reflection.GetUInt64(message, &field), "\"");
    case FieldDescriptor::CPPTYPE_ENUM:
      return AppendEnum(field, reflection.GetEnumValue(message, &field), text);
    case FieldDescriptor::CPPTYPE_STRING:
      return AppendText(field, reflection.GetStringReference(message, &field, &scratch), text);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return AppendJson(reflection.GetMessage(message, &field), text);
    default:
      return absl::StrAppend(text, "null");  // Of no message of ours: JsonTextTest knows them all.
  }
}

// Likewise, one of many.
void AppendElement(const Message& message, const FieldDescriptor& field, int i, std::string* text) {
  const Reflection& reflection = *message.GetReflection();
  std::string scratch;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return absl::StrAppend(text,
                             reflection.GetRepeatedBool(message, &field, i) ? "true" : "false");
    case FieldDescriptor::CPPTYPE_INT32:
      return absl::StrAppend(text, reflection.GetRepeatedInt32(message, &field, i));
    case FieldDescriptor::CPPTYPE_UINT32:
      return absl::StrAppend(text, reflection.GetRepeatedUInt32(message, &field, i));
    case FieldDescriptor::CPPTYPE_INT64:
      return absl::StrAppend(text, "\"", reflection.GetRepeatedInt64(message, &field, i), "\"");
    case FieldDescriptor::CPPTYPE_UINT64:
      return absl::StrAppend(text, "\"", reflection.GetRepeatedUInt64(message, &field, i), "\"");
    case FieldDescriptor::CPPTYPE_ENUM:
      return AppendEnum(field, reflection.GetRepeatedEnumValue(message, &field, i), text);
    case FieldDescriptor::CPPTYPE_STRING:
      return AppendText(field, reflection.GetRepeatedStringReference(message, &field, i, &scratch),
                        text);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return AppendJson(reflection.GetRepeatedMessage(message, &field, i), text);
    default:
      return absl::StrAppend(text, "null");
  }
}

}  // namespace

void AppendJson(const Message& message, std::string* text) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  *text += '{';
  for (const FieldDescriptor* field : fields) {
    if (field != fields.front()) *text += ',';
    absl::StrAppend(text, "\"", field->json_name(), "\":");
    if (!field->is_repeated()) {
      AppendValue(message, *field, text);
      continue;
    }
    const int count = message.GetReflection()->FieldSize(message, field);
    for (int i = 0; i < count; ++i) {
      *text += i == 0 ? '[' : ',';
      AppendElement(message, *field, i, text);
    }
    *text += ']';
  }
  *text += '}';
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
