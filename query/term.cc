#include "query/term.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "audit/record.h"

namespace query {

namespace {

using ValueSink = absl::FunctionRef<void(std::string_view)>;

// ---- Names ----

struct NamedField {
  TermField field;
  std::string_view name;
};

constexpr auto kNamedFields = std::to_array<NamedField>({
    {TermField::kType, "type"},
    {TermField::kSyscall, "syscall"},
    {TermField::kKey, "key"},
    {TermField::kExe, "exe"},
    {TermField::kComm, "comm"},
    {TermField::kFile, "file"},
    {TermField::kCwd, "cwd"},
    {TermField::kAuid, "auid"},
    {TermField::kUid, "uid"},
    {TermField::kEuid, "euid"},
    {TermField::kSuid, "suid"},
    {TermField::kFsuid, "fsuid"},
    {TermField::kGid, "gid"},
    {TermField::kEgid, "egid"},
    {TermField::kSgid, "sgid"},
    {TermField::kFsgid, "fsgid"},
    {TermField::kSuccess, "success"},
    {TermField::kExit, "exit"},
    {TermField::kHostName, "hostname"},
    {TermField::kAddress, "address"},
    {TermField::kTerminal, "terminal"},
    {TermField::kAccount, "account"},
    {TermField::kNode, "node"},
    {TermField::kSession, "session"},
    {TermField::kSubject, "subject"},
    {TermField::kObject, "object"},
    {TermField::kUuid, "uuid"},
    {TermField::kVm, "vm"},
    {TermField::kContainer, "container"},
    {TermField::kPid, "pid"},
    {TermField::kPpid, "ppid"},
    {TermField::kUidName, "uid-name"},
    {TermField::kEuidName, "euid-name"},
    {TermField::kAuidName, "auid-name"},
    {TermField::kGidName, "gid-name"},
    {TermField::kEgidName, "egid-name"},
});

constexpr size_t kIndexedFields = std::ranges::count_if(
    kNamedFields, [](const NamedField& named) { return IsIndexed(named.field); });

constexpr std::array<TermField, kIndexedFields> MakeTermFields() {
  std::array<TermField, kIndexedFields> fields{};
  for (size_t index = 0; index < fields.size(); ++index) fields[index] = kNamedFields[index].field;
  return fields;
}

constexpr auto kTermFields = MakeTermFields();

// ---- What feeds what ----

bool IsConfigChange(std::string_view type) { return type == "CONFIG_CHANGE"; }

// The types whose name= is a file; others name modules, users, objects of D-Bus.
bool NamesFiles(std::string_view type) {
  return type == "PATH" || type == "AVC" || type.starts_with("INTEGRITY_") ||
         type.starts_with("APPARMOR");
}

// The types whose id= is a group; that of others is a user or anything else.
bool IdentifiesGroups(std::string_view type) {
  return type == "ADD_GROUP" || type == "DEL_GROUP" || type == "GRP_MGMT";
}

bool IsSocketAddress(std::string_view type) { return type == "SOCKADDR"; }
bool IsPacket(std::string_view type) { return type == "NETFILTER_PKT"; }
bool HasSourceAddress(std::string_view type) { return IsSocketAddress(type) || IsPacket(type); }
bool IsMachineId(std::string_view type) { return type == "VIRT_MACHINE_ID"; }

// The type of the record that the agent adds: client-plugin/container_ids.h.
bool TellsContainers(std::string_view type) { return type == "KERNEL_OTHER"; }

constexpr TermField kSocketFields[] = {TermField::kAddress, TermField::kFile};

// One row per field name. Without `applies`, in records of every type.
struct Feed {
  std::string_view name;
  TermField field;
  bool (*applies)(std::string_view type) = nullptr;
};

constexpr auto kFeeds = std::to_array<Feed>({
    {"key", TermField::kKey},
    {"exe", TermField::kExe},
    {"comm", TermField::kComm},
    {"name", TermField::kFile, NamesFiles},
    {"path", TermField::kFile},
    {"file", TermField::kFile},
    {"dir", TermField::kFile, IsConfigChange},
    {"watch", TermField::kFile, IsConfigChange},
    {"new-disk", TermField::kFile},
    {"old-disk", TermField::kFile},
    {"cwd", TermField::kCwd},
    {"auid", TermField::kAuid},
    {"loginuid", TermField::kAuid},
    {"uid", TermField::kUid},
    {"euid", TermField::kEuid},
    {"suid", TermField::kSuid},
    {"fsuid", TermField::kFsuid},
    {"gid", TermField::kGid},
    {"id", TermField::kGid, IdentifiesGroups},
    {"egid", TermField::kEgid},
    {"sgid", TermField::kSgid},
    {"fsgid", TermField::kFsgid},
    {"success", TermField::kSuccess},
    {"res", TermField::kSuccess},
    {"result", TermField::kSuccess},
    {"exit", TermField::kExit},
    {"hostname", TermField::kHostName},
    {"addr", TermField::kAddress},
    {"saddr", TermField::kAddress, HasSourceAddress},
    {"terminal", TermField::kTerminal},
    {"tty", TermField::kTerminal},
    {"acct", TermField::kAccount},
    {"ses", TermField::kSession},
    {"subj", TermField::kSubject},
    {"scontext", TermField::kSubject},
    {"vm-ctx", TermField::kSubject, IsMachineId},
    {"obj", TermField::kObject},
    {"tcontext", TermField::kObject},
    {"img-ctx", TermField::kObject, IsMachineId},
    {"uuid", TermField::kUuid},
    {"vm", TermField::kVm},
    {"contid", TermField::kContainer, TellsContainers},
    {"nested", TermField::kContainer, TellsContainers},
    {"pid", TermField::kPid},
    {"ppid", TermField::kPpid},
    {"UID", TermField::kUidName},
    {"EUID", TermField::kEuidName},
    {"AUID", TermField::kAuidName},
    {"GID", TermField::kGidName},
    {"EGID", TermField::kEgidName},
});

bool IsName(TermField field) { return field >= TermField::kUidName; }

// The row for a name, or nullptr.
const Feed* FindFeed(std::string_view name) {
  using Index = absl::flat_hash_map<std::string_view, const Feed*>;
  static const Index index = [] {
    Index made;
    for (const Feed& feed : kFeeds) made.emplace(feed.name, &feed);
    return made;
  }();
  const auto found = index.find(name);
  return found == index.end() ? nullptr : found->second;
}

// ---- Values ----

// The words of the kernel, of auditd and of programs are different.
std::string_view Outcome(std::string_view value) {
  for (const std::string_view word : {"yes", "success", "1"}) {
    if (absl::EqualsIgnoreCase({value.data(), value.size()}, {word.data(), word.size()}))
      return "yes";
  }
  for (const std::string_view word : {"no", "failed", "0"}) {
    if (absl::EqualsIgnoreCase({value.data(), value.size()}, {word.data(), word.size()}))
      return "no";
  }
  return value;
}

// The bytes of struct sockaddr, of a host that need not be like this one: all that depends on
// the machine is the order of the two bytes of the family.
struct SocketAddress {
  unsigned family = 0;
  std::string_view rest;  // Behind the family.
};

SocketAddress ReadSocketAddress(std::string_view bytes) {
  if (bytes.size() < 2) return {};
  const unsigned first = static_cast<unsigned char>(bytes[0]);
  const unsigned second = static_cast<unsigned char>(bytes[1]);
  if (first != 0 && second != 0) return {};
  return {.family = first | second, .rest = bytes.substr(2)};
}

// Linux has these numbers on every machine.
constexpr unsigned kUnixFamily = 1;
constexpr unsigned kInternetFamily = 2;
constexpr unsigned kInternet6Family = 10;

// Where the address stands behind the family: after the port, and the flow of IPv6.
constexpr size_t kInternetOffset = 2;
constexpr size_t kInternetBytes = 4;
constexpr size_t kInternet6Offset = 6;
constexpr size_t kInternet6Bytes = 16;

void PrintInternetAddress(int family, std::string_view address, ValueSink sink) {
  char text[INET6_ADDRSTRLEN];
  if (inet_ntop(family, address.data(), text, sizeof(text)) != nullptr) sink(text);
}

// A socket with an abstract name has a zero in front of it.
void PrintSocketName(std::string_view path, ValueSink sink) {
  if (path.starts_with('\0')) path.remove_prefix(1);
  path = path.substr(0, path.find('\0'));
  if (!path.empty()) sink(path);
}

void ForEachSocketValue(TermField term_field, std::string_view value, ValueSink sink) {
  const auto is_digit = [](char byte) {
    return absl::ascii_isxdigit(static_cast<unsigned char>(byte));
  };
  if (value.size() % 2 != 0 || !std::ranges::all_of(value, is_digit)) return;
  const std::string bytes = absl::HexStringToBytes({value.data(), value.size()});
  const auto [family, rest] = ReadSocketAddress(bytes);
  if (term_field == TermField::kFile) {
    if (family == kUnixFamily) PrintSocketName(rest, sink);
  } else if (family == kInternetFamily && rest.size() >= kInternetOffset + kInternetBytes) {
    PrintInternetAddress(AF_INET, rest.substr(kInternetOffset), sink);
  } else if (family == kInternet6Family && rest.size() >= kInternet6Offset + kInternet6Bytes) {
    PrintInternetAddress(AF_INET6, rest.substr(kInternet6Offset), sink);
  }
}

// ---- Records and events ----

// Finds what SyscallTerm() is made of among the fields of one record.
class SyscallPair {
 public:
  void Add(const audit::Field& field) {
    if (field.place != audit::FieldPlace::kRecord) return;
    if (field.name == "arch" && !arch_) arch_ = field.value;
    if (field.name == "syscall" && !syscall_) syscall_ = field.value;
  }

  bool complete() const { return arch_ && syscall_; }

  std::optional<std::string> term() const {
    return complete() ? SyscallTerm(*arch_, *syscall_) : std::nullopt;
  }

 private:
  std::optional<std::string_view> arch_;
  std::optional<std::string_view> syscall_;
};

bool IsMatch(const HasTerm& term, std::string_view value) {
  if (term.match == TermMatch::kIs) return value == term.text;
  return value.find(term.text) != std::string_view::npos;
}

bool SyscallMatches(const HasTerm& term, const audit::Record& record) {
  audit::FieldReader reader(record.body);
  audit::Field field;
  SyscallPair pair;
  while (!pair.complete() && reader.Next(&field)) pair.Add(field);
  const std::optional<std::string> value = pair.term();
  return value && IsMatch(term, *value);
}

bool FieldMatches(const HasTerm& term, const audit::Record& record) {
  audit::FieldReader reader(record.body);
  audit::Field field;
  bool is_found = false;
  while (!is_found && reader.Next(&field)) {
    const std::span<const TermField> fed = TermFieldsOf(record.type, field.name, field.place);
    if (std::ranges::find(fed, term.field) == fed.end()) continue;
    ForEachTermValue(record.type, term.field, field,
                     [&](std::string_view value) { is_found = is_found || IsMatch(term, value); });
  }
  return is_found;
}

bool RecordMatches(const HasTerm& term, const audit::Record& record) {
  switch (term.field) {
    case TermField::kType:
      return IsMatch(term, record.type);
    case TermField::kSyscall:
      return SyscallMatches(term, record);
    default:
      return FieldMatches(term, record);
  }
}

}  // namespace

std::span<const TermField> TermFields() { return kTermFields; }

std::string_view TermFieldName(TermField field) {
  const auto* const found = std::ranges::find(kNamedFields, field, &NamedField::field);
  return found == kNamedFields.end() ? std::string_view() : found->name;
}

std::optional<TermField> ParseTermField(std::string_view name) {
  const auto* const found = std::ranges::find(kNamedFields, name, &NamedField::name);
  if (found == kNamedFields.end()) return std::nullopt;
  return found->field;
}

std::span<const TermField> TermFieldsOf(std::string_view record_type, std::string_view name,
                                        audit::FieldPlace place) {
  const Feed* const feed = FindFeed(name);
  if (feed == nullptr || (feed->applies != nullptr && !feed->applies(record_type))) return {};
  // What auditd has looked up says in other words what the record says. Keys are taken wherever
  // audit::KeyReader takes them.
  const bool is_enriched = place == audit::FieldPlace::kEnriched;
  if (feed->field != TermField::kKey && is_enriched != IsName(feed->field)) return {};
  if (feed->applies == HasSourceAddress && IsSocketAddress(record_type)) return kSocketFields;
  return {&feed->field, 1};
}

void ForEachTermValue(std::string_view record_type, TermField term_field, const audit::Field& field,
                      ValueSink sink) {
  if (audit::IsAbsent(field.value)) return;
  if (field.name == "saddr" && IsSocketAddress(record_type)) {
    ForEachSocketValue(term_field, field.value, sink);
    return;
  }
  std::string decoded;
  std::string_view value = audit::DecodeValue(record_type, field, &decoded);
  if (value.empty()) return;
  if (term_field == TermField::kKey) {
    std::string_view key;
    while (audit::TakeKey(&value, &key)) sink(key);
  } else if (term_field == TermField::kSuccess) {
    sink(Outcome(value));
  } else {
    sink(value);
  }
}

std::optional<std::string> SyscallTerm(std::string_view arch, std::string_view syscall) {
  if (audit::IsAbsent(arch) || audit::IsAbsent(syscall)) return std::nullopt;
  return absl::StrCat(absl::string_view(arch.data(), arch.size()), " ",
                      absl::string_view(syscall.data(), syscall.size()));
}

void ForEachTerm(const audit::Event& event,
                 absl::FunctionRef<void(TermField, std::string_view)> sink) {
  if (!event.node().empty()) sink(TermField::kNode, event.node());
  for (size_t index = 0; index < event.record_count(); ++index) {
    const audit::Record record = event.record(index);
    sink(TermField::kType, record.type);
    audit::FieldReader reader(record.body);
    audit::Field field;
    SyscallPair pair;
    while (reader.Next(&field)) {
      pair.Add(field);
      for (const TermField fed : TermFieldsOf(record.type, field.name, field.place)) {
        if (!IsIndexed(fed)) continue;
        ForEachTermValue(record.type, fed, field,
                         [&](std::string_view value) { sink(fed, value); });
      }
    }
    if (const std::optional<std::string> value = pair.term()) sink(TermField::kSyscall, *value);
  }
}

bool Matches(const HasTerm& term, const audit::Event& event) {
  if (term.field == TermField::kNode) return !event.node().empty() && IsMatch(term, event.node());
  for (size_t index = 0; index < event.record_count(); ++index) {
    if (RecordMatches(term, event.record(index))) return true;
  }
  return false;
}

}  // namespace query
