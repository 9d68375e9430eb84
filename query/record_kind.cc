#include "query/record_kind.h"

#include <array>

#include "absl/container/flat_hash_map.h"

#include "audit/record_type.h"

namespace query {

namespace {

struct NamedKind {
  std::string_view type;
  Kind kind;
};

constexpr auto kKinds = std::to_array<NamedKind>({
    {"SYSCALL", kSyscall},
    {"FEATURE_CHANGE", kTask},
    {"ANOM_LINK", kTask},
    {"USER_AVC", kUserAvc},
    {"ADD_GROUP", kGroup},
    {"DEL_GROUP", kGroup},
    {"GRP_MGMT", kGroup},
    {"VIRT_MACHINE_ID", kMachineId},
    {"VIRT_RESOURCE", kMachineDisk},
    {"LOGIN", kLogin},
    {"DAEMON_START", kDaemon},
    {"DAEMON_END", kDaemon},
    {"DAEMON_ABORT", kDaemon},
    {"DAEMON_CONFIG", kDaemon},
    {"DAEMON_ROTATE", kDaemon},
    {"DAEMON_RESUME", kDaemon},
    {"DAEMON_ACCEPT", kConnection},
    {"DAEMON_CLOSE", kConnection},
    {"CONFIG_CHANGE", kConfigChange},
    {"AVC", kAvc},
    {"AVC_PATH", kAvcPath},
    {"PATH", kPath},
    {"CWD", kCwdRecord},
    {"SOCKADDR", kSocket},
    {"NETFILTER_PKT", kPacket},
    {"IPC", kObjectOf},
    {"OBJ_PID", kObjectOf},
    {"ANOM_PROMISCUOUS", kPromiscuous},
    {"ANOM_ABEND", kAbend},
    {"SECCOMP", kSeccomp},
    {"NETFILTER_CFG", kNetfilter},
    {"EVENT_LISTENER", kNetfilter},
    {"TTY", kTty},
});

// The ranges of libaudit.h: messages of user space, of policies and of the integrity subsystem.
Kind KindOfNumber(uint32_t type) {
  if (type == 1005 || (1100 <= type && type <= 1199) || (2100 <= type && type <= 2999)) {
    return kUser;
  }
  if (1403 <= type && type <= 1417) return kMacPolicy;
  if (1800 <= type && type <= 1805) return kIntegrity;
  return kNoKind;
}

}  // namespace

Kind KindOf(std::string_view type) {
  using Index = absl::flat_hash_map<std::string_view, Kind>;
  static const Index index = [] {
    Index made;
    for (const NamedKind& named : kKinds) made.emplace(named.type, named.kind);
    return made;
  }();
  if (const auto found = index.find(type); found != index.end()) return found->second;
  const std::optional<uint32_t> number = audit::RecordTypeNumber(type);
  return number ? KindOfNumber(*number) : kNoKind;
}

bool NextOwn(audit::FieldReader* fields, audit::Field* field) {
  return fields->Next(field) && field->place != audit::FieldPlace::kEnriched;
}

std::optional<audit::Field> FindOwn(const audit::Record& record, std::string_view name) {
  audit::FieldReader fields(record.body);
  audit::Field field;
  while (NextOwn(&fields, &field)) {
    if (field.name == name) return field;
  }
  return std::nullopt;
}

}  // namespace query
