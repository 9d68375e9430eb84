// Enrichment: the record stays as it was, and what comes behind it is bounded and one line.

#include <libaudit.h>
#include <optional>
#include <string>
#include <string_view>

#include "client-plugin/enricher.h"
#include "client-plugin/socket_address.h"
#include "tests/fuzz/fuzz.h"

using fuzz::Check;

namespace {

// auditd's buffer.
constexpr size_t kLineBytesMax = MAX_AUDIT_MESSAGE_LENGTH + 255;

std::optional<std::string> FindName(uint32_t id) {
  if (id % 2 == 0) return std::nullopt;
  return id % 3 == 0 ? "a \"name\"" : "name";
}

void CheckSocketAddress(const std::string& digits) {
  std::string text = "x";
  client_plugin::AppendSocketAddress(digits, &text);
  Check(text.size() > 1 && text.front() == 'x');
  Check(text.size() < digits.size() + 200);
}

void CheckRecord(client_plugin::Enricher& enricher, uint16_t type, const std::string& raw) {
  std::string line = raw;
  enricher.Append(type, &line);
  Check(line.starts_with(raw));
  if (line == raw) return;
  Check(line.size() <= kLineBytesMax);
  const std::string_view tail = std::string_view(line).substr(raw.size());
  Check(tail.front() == '\x1d');
  // A value that is not understood is repeated.
  if (raw.find('\n') == raw.npos) Check(tail.find('\n') == tail.npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input = fuzz::Input(data, size);
  client_plugin::NameCache names(
      {.find_user = FindName, .find_group = FindName, .files = {}, .names_max = 8});
  client_plugin::Enricher enricher(names);
  for (const int type : {AUDIT_SYSCALL, AUDIT_SOCKADDR, AUDIT_EXECVE, AUDIT_AVC, AUDIT_ADD_GROUP,
                         AUDIT_USER_LOGIN}) {
    CheckRecord(enricher, static_cast<uint16_t>(type), input);
  }
  CheckSocketAddress(input);
  return 0;
}
