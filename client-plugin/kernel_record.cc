#include "client-plugin/kernel_record.h"

#include <libaudit.h>
#include <vector>

#include "audit/record_type.h"

namespace client_plugin {

namespace {

// RecordTypeName() of each type that has a name, looked up once: a busy host has ten thousand
// records a second.
std::string_view NameOf(uint16_t type) {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (uint32_t number = 0; number <= AUDIT_LAST_USER_MSG2; ++number) {
      all.push_back(audit::RecordTypeName(number));
    }
    return all;
  }();
  return type < names.size() ? std::string_view(names[type]) : std::string_view();
}

}  // namespace

bool IsRecord(uint16_t message_type) {
  if (message_type == AUDIT_USER || message_type == AUDIT_LOGIN) return true;
  return message_type >= AUDIT_FIRST_USER_MSG && message_type != AUDIT_REPLACE;
}

void AppendLine(uint16_t message_type, std::string_view payload, std::string* line) {
  while (!payload.empty() && (payload.back() == '\0' || payload.back() == '\n')) {
    payload.remove_suffix(1);
  }
  if (payload.ends_with(' ')) payload.remove_suffix(1);
  line->append("type=");
  if (const std::string_view name = NameOf(message_type); !name.empty()) {
    line->append(name);
  } else {
    line->append(audit::RecordTypeName(message_type));
  }
  line->append(" msg=");
  const size_t begin = line->size();
  line->append(payload);
  for (size_t at = begin; (at = line->find('\n', at)) != line->npos;) (*line)[at] = ' ';
}

}  // namespace client_plugin
