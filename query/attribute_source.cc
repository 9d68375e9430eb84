#include "query/attribute_source.h"

#include <array>
#include <bit>

namespace query {

namespace {

constexpr uint32_t kWhoInOrder = kSyscall | kTask;

// Of an attribute, the first row of a kind counts.
constexpr auto kSources = std::to_array<AttributeSource>({
    {Attribute::kPid,
     kWhoInOrder | kAnyUser | kLogin | kDaemon | kAvc | kIntegrity | kAnomaly | kTty, "pid"},
    {Attribute::kPid, kNetfilter, "pid", {}, AttributeMerge::kFirst},
    {Attribute::kPpid, kWhoInOrder, "ppid"},
    {Attribute::kUid,
     kWhoInOrder | kAnyUser | kLogin | kDaemon | kIntegrity | kAnomaly | kPromiscuous | kTty,
     "uid"},
    {Attribute::kUid, kNetfilter, "uid", {}, AttributeMerge::kFirst},
    {Attribute::kEuid, kWhoInOrder, "euid"},
    {Attribute::kAuid,
     kWhoInOrder | kAnyUser | kLogin | kDaemon | kIntegrity | kAnomaly | kPromiscuous |
         kConfigChange | kMacPolicy | kTty,
     "auid", "loginuid"},
    {Attribute::kAuid, kNetfilter, "auid", {}, AttributeMerge::kFirst},
    {Attribute::kGid, kWhoInOrder | kAnomaly | kPromiscuous, "gid"},
    {Attribute::kGid, kGroup, "id", "gid"},
    {Attribute::kEgid, kWhoInOrder, "egid"},
    {Attribute::kSession,
     kWhoInOrder | kAnyUser | kLogin | kDaemon | kIntegrity | kAnomaly | kPromiscuous |
         kConfigChange | kMacPolicy | kTty,
     "ses"},
    {Attribute::kSession, kNetfilter, "ses", {}, AttributeMerge::kFirst},
    {Attribute::kExit, kSyscall, "exit"},
    {Attribute::kExe, kWhoInOrder | kAnyUser | kAnomaly, "exe"},
    {Attribute::kExe, kNetfilter, "exe", {}, AttributeMerge::kFirst},
    {Attribute::kComm, kWhoInOrder | kAnyUser | kIntegrity | kAnomaly | kTty, "comm"},
    {Attribute::kComm, kAvc | kNetfilter, "comm", {}, AttributeMerge::kFirst},
    {Attribute::kTerminal, kWhoInOrder, "tty"},
    {Attribute::kTerminal, kAnyUser, "terminal"},
    {Attribute::kTerminal, kNetfilter, "tty", {}, AttributeMerge::kFirst},
    {Attribute::kHost, kAnyUser, "hostname", "addr"},
    {Attribute::kHost, kConnection, "addr"},
    {Attribute::kHost, kSocket | kPacket, "saddr"},
    {Attribute::kFile, kPath | kIntegrity, "name", {}, AttributeMerge::kAll},
    {Attribute::kFile, kAvc, "path", "name", AttributeMerge::kAll},
    {Attribute::kFile, kAvcPath | kConfigChange, "path", {}, AttributeMerge::kAll},
    {Attribute::kFile, kMachineDisk, "path", "new-disk", AttributeMerge::kAll},
    {Attribute::kFile, kSocket, "saddr", {}, AttributeMerge::kAll},
    {Attribute::kCwd, kCwdRecord, "cwd", {}, AttributeMerge::kFirst},
    {Attribute::kCwd, kAnyUser, "cwd"},
    {Attribute::kSubject, kMachineId, "vm-ctx", {}, AttributeMerge::kAll},
    {Attribute::kSubject,
     kWhoInOrder | kAnyUser | kLogin | kDaemon | kIntegrity | kAnomaly | kConfigChange |
         kMacPolicy | kNetfilter,
     "subj",
     {},
     AttributeMerge::kAll},
    {Attribute::kSubject, kAvc, "scontext", {}, AttributeMerge::kAll},
    {Attribute::kObject, kPath | kObjectOf | kPacket, "obj", {}, AttributeMerge::kAll},
    {Attribute::kObject, kAvc | kUserAvc, "tcontext", {}, AttributeMerge::kAll},
    {Attribute::kObject, kMachineId, "img-ctx", {}, AttributeMerge::kAll},
    {Attribute::kUuid, kAnyUser, "uuid"},
    {Attribute::kVm, kAnyUser, "vm"},
});

constexpr size_t kAttributes = static_cast<size_t>(Attribute::kContainer) + 1;
constexpr size_t kKinds = 32;

using SourceTable = std::array<std::array<const AttributeSource*, kKinds>, kAttributes>;

SourceTable MakeTable() {
  SourceTable table{};
  for (const AttributeSource& source : kSources) {
    for (size_t bit = 0; bit < kKinds; ++bit) {
      const AttributeSource*& entry = table[static_cast<size_t>(source.attribute)][bit];
      if ((source.kinds & 1U << bit) != 0 && entry == nullptr) entry = &source;
    }
  }
  return table;
}

}  // namespace

const AttributeSource* FindSource(Attribute attribute, Kind kind) {
  static const SourceTable table = MakeTable();
  if (kind == kNoKind) return nullptr;
  return table[static_cast<size_t>(attribute)]
              [static_cast<size_t>(std::countr_zero<uint32_t>(kind))];
}

void ReadOwnFields(std::string_view body, std::vector<audit::Field>* fields) {
  fields->clear();
  audit::FieldReader reader(body);
  audit::Field field;
  while (NextOwn(&reader, &field)) fields->push_back(field);
}

// Another field of a user in between means that there is no second uid.
std::optional<size_t> FindUserUid(std::span<const audit::Field> fields) {
  std::optional<size_t> own;
  for (size_t i = 0; i < fields.size(); ++i) {
    const std::string_view name = fields[i].name;
    if (name == "uid") {
      if (own) return i;
      own = i;
    } else if (own && name.ends_with("uid") && !name.ends_with("auid")) {
      break;
    }
  }
  return own;
}

bool IsBehindDirectory(std::string_view name) {
  return name.starts_with("..") || name.starts_with("./");
}

std::optional<size_t> FindNew(std::span<const audit::Field> fields, std::string_view name) {
  std::optional<size_t> first;
  bool is_new = false;
  for (size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].name == name) {
      if (is_new) return i;
      if (!first) first = i;
    }
    is_new = fields[i].name.empty() && fields[i].value == "new";
  }
  return first;
}

}  // namespace query
