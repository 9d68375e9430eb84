#include "audit/record_type.h"

#include <libaudit.h>

#include "absl/container/flat_hash_map.h"

#include "base/number.h"

namespace audit {

namespace {

// Types are messages of the audit netlink socket: libaudit.h numbers them from 1000, and ends
// the last block at 2999.
constexpr uint32_t kTypeMin = 1000;
constexpr uint32_t kTypeMax = AUDIT_LAST_USER_MSG2;

constexpr std::string_view kUnknownPrefix = "UNKNOWN[";

// The keys are libaudit's constants.
using NumberOfName = absl::flat_hash_map<std::string_view, uint32_t>;

NumberOfName LoadNames() {
  NumberOfName numbers;
  for (uint32_t number = kTypeMin; number <= kTypeMax; ++number) {
    const char* name = audit_msg_type_to_name(static_cast<int>(number));
    if (name != nullptr) numbers.emplace(name, number);
  }
  return numbers;
}

std::optional<uint32_t> ParseUnknown(std::string_view name) {
  if (!name.starts_with(kUnknownPrefix) || !name.ends_with("]")) return std::nullopt;
  name.remove_prefix(kUnknownPrefix.size());
  name.remove_suffix(1);
  return base::ParseNumber<uint32_t>(name);
}

}  // namespace

std::optional<uint32_t> RecordTypeNumber(std::string_view name) {
  static const NumberOfName numbers = LoadNames();
  const auto found = numbers.find(name);
  return found == numbers.end() ? ParseUnknown(name) : found->second;
}

std::string RecordTypeName(uint32_t number) {
  const char* name = nullptr;
  if (number >= kTypeMin && number <= kTypeMax) {
    name = audit_msg_type_to_name(static_cast<int>(number));
  }
  if (name != nullptr) return name;
  return std::string(kUnknownPrefix) + std::to_string(number) + "]";
}

bool StandsAlone(uint32_t number) {
  return number < AUDIT_FIRST_EVENT || number >= AUDIT_FIRST_USER_MSG2 ||
         (number >= AUDIT_MAC_UNLBL_ALLOW && number <= AUDIT_MAC_CALIPSO_DEL);
}

bool EndsEvent(uint32_t number) {
  return number == AUDIT_EOE || number == AUDIT_PROCTITLE || number == AUDIT_KERNEL;
}

bool IsEndMark(uint32_t number) { return number == AUDIT_EOE; }

bool IsFromDaemon(uint32_t number) {
  return number >= AUDIT_FIRST_DAEMON && number <= AUDIT_LAST_DAEMON;
}

}  // namespace audit
