#include "client-plugin/process_fields.h"

#include "base/number.h"

namespace client_plugin {

namespace {

using Number = std::optional<uint32_t> ProcessFields::*;

// Where the number of a field goes; null for a field that is not read. SYSCALL records have some
// thirty fields, so what is asked first is how long the name is.
Number NumberOf(std::string_view name) {
  switch (name.size()) {
    case 3:
      if (name == "pid") return &ProcessFields::pid;
      if (name == "uid") return &ProcessFields::uid;
      if (name == "ses") return &ProcessFields::session;
      return nullptr;
    case 4:
      if (name == "ppid") return &ProcessFields::ppid;
      if (name == "auid") return &ProcessFields::auid;
      if (name == "euid") return &ProcessFields::euid;
      if (name == "arch") return &ProcessFields::arch;
      return nullptr;
    case 7:
      return name == "syscall" ? &ProcessFields::syscall : nullptr;
    default:
      return nullptr;
  }
}

}  // namespace

ProcessFields ReadProcessFields(const audit::Record& record) {
  ProcessFields fields;
  const bool has_key = record.type == "SYSCALL" || record.type == "URINGOP";
  audit::FieldReader reader(record.body);
  audit::Field field;
  while (reader.Next(&field) && field.place != audit::FieldPlace::kEnriched) {
    if (field.name == "exe") {
      if (fields.exe.name.empty()) fields.exe = field;
      continue;
    }
    if (field.place == audit::FieldPlace::kMessage) continue;
    if (const Number number = NumberOf(field.name); number != nullptr) {
      if ((fields.*number).has_value()) continue;
      const int base = number == &ProcessFields::arch ? 16 : 10;
      fields.*number = base::ParseNumber<uint32_t>(field.value, base);
    } else if (has_key && field.name == "key") {
      if (fields.key.name.empty()) fields.key = field;
    } else if (field.name == "success") {
      if (fields.success.empty()) fields.success = field.value;
    }
  }
  return fields;
}

}  // namespace client_plugin
