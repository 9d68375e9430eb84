// Fields: put together again they are the body, and no field lies about itself.

#include <string>
#include <string_view>

#include "audit/field.h"
#include "tests/fuzz/fuzz.h"

using fuzz::Check;

namespace {

void CheckField(const audit::Field& field) {
  Check(!field.text.empty());
  Check(field.text.ends_with(field.value));
  if (field.name.empty()) {
    Check(field.text == field.value);
  } else {
    Check(field.text.size() == field.name.size() + 1 + field.value.size());
    Check(field.text.starts_with(field.name) && field.text[field.name.size()] == '=');
    Check(field.name.find_first_of(" =\x1d") == std::string_view::npos);
  }
  std::string decoded = "x";
  const std::string_view value = audit::DecodeValue("EXECVE", field, &decoded);
  Check(value.size() <= field.value.size());
  Check(decoded.empty() ? field.value.find(value) != std::string_view::npos : value == decoded);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string body = fuzz::Input(data, size);
  std::string again;
  audit::FieldReader reader(body);
  audit::Field field;
  while (reader.Next(&field)) {
    CheckField(field);
    again.append(field.separator).append(field.text);
    if (!field.name.empty()) Check(audit::FindField(body, field.name)->name == field.name);
  }
  again.append(reader.trailing());
  Check(again == body);
  Check(!reader.Next(&field));

  audit::KeyReader keys(audit::Record{"", "SYSCALL", audit::Stamp{}, body});
  for (std::string_view key; keys.Next(&key);) {
    Check(!key.empty() && key.find('\x01') == std::string_view::npos);
  }
  return 0;
}
