#include "query/attribute.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <vector>

#include "absl/container/inlined_vector.h"

#include "audit/field.h"
#include "base/number.h"
#include "query/attribute_source.h"
#include "query/record_kind.h"

namespace query {

namespace {

using audit::Field;
using audit::FieldPlace;
using audit::Record;
using ValueSink = absl::FunctionRef<void(std::string_view)>;

// ---- Fields ----

// The field of the record that `find` chooses among its own.
template <typename Find>
std::optional<Field> FindAmongOwn(const Record& record, const Find& find) {
  std::vector<Field> fields;
  ReadOwnFields(record.body, &fields);
  const std::optional<size_t> place = find(fields);
  return place ? std::optional(fields[*place]) : std::nullopt;
}

std::optional<Field> FindOfSource(const AttributeSource& source, Kind kind, const Record& record) {
  if (kind == kLogin && source.name != "pid") {
    return FindAmongOwn(record, [&](const auto& fields) { return FindNew(fields, source.name); });
  }
  if (source.attribute == Attribute::kUid && (kind & kAnyUser) != 0) {
    return FindAmongOwn(record, [](const auto& fields) { return FindUserUid(fields); });
  }
  std::optional<Field> found = FindOwn(record, source.name);
  // A host without a name has an address.
  const bool is_named = source.attribute != Attribute::kHost || !found || found->value != "?";
  if (source.otherwise.empty() || (found && is_named)) return found;
  if (source.attribute == Attribute::kHost && !found) return found;
  std::optional<Field> other = FindOwn(record, source.otherwise);
  return other ? other : found;
}

// ---- Values ----

TermField TermOf(Attribute attribute, const AttributeSource& source) {
  if (attribute == Attribute::kHost && source.name == "saddr") return TermField::kAddress;
  return TermFieldsOf(attribute)[0];
}

// ausearch cuts these off.
std::string_view Trim(Attribute attribute, Kind kind, std::string_view value) {
  switch (attribute) {
    case Attribute::kSubject:
    case Attribute::kObject:
      return value.substr(0, value.find(' '));  // AppArmor's mode stands behind it.
    case Attribute::kUuid:
      return value.substr(0, value.find(':'));
    case Attribute::kHost:
      return kind == kConnection ? value.substr(0, value.find(':')) : value;  // The port.
    default:
      return value;
  }
}

// Whether a text can begin in the directory in front of such a name and end in the name.
bool CanReachIntoDirectory(std::string_view text) {
  return text.ends_with('/') || text.find("/.") != std::string_view::npos;
}

// Gathers the values of one attribute, record by record.
class Collector {
 public:
  explicit Collector(Attribute attribute) : attribute_(attribute) {}

  // Whether the record tells the attribute.
  bool Add(const Record& record) {
    const Kind kind = KindOf(record.type);
    // That of the program, beside those of the machine that it has made.
    if (kind == kMachineId && attribute_ == Attribute::kSubject) AddContext(record);
    if (attribute_ == Attribute::kFile && ((kCwdRecord | kAnyUser) & kind) != 0) {
      AddDirectory(kind, record);
    }
    const AttributeSource* const source = FindSource(attribute_, kind);
    if (source == nullptr || (source->merge == AttributeMerge::kFirst && !values_.empty()))
      return false;
    const std::optional<Field> field = FindOfSource(*source, kind, record);
    if (!field) return false;
    if (source->merge == AttributeMerge::kLast) values_.clear();
    const auto keep = [&](std::string_view value) {
      values_.emplace_back(Trim(attribute_, kind, value));
      if (attribute_ == Attribute::kFile) Place(&values_.back());
    };
    if (audit::IsAbsent(field->value)) {
      keep(field->value);
    } else {
      ForEachTermValue(record.type, TermOf(attribute_, *source), *field, keep);
    }
    return true;
  }

  const absl::InlinedVector<std::string, 4>& values() const { return values_; }

 private:
  void AddDirectory(Kind kind, const Record& record) {
    const AttributeSource* const source = FindSource(Attribute::kCwd, kind);
    if (source->merge == AttributeMerge::kFirst && !directory_.empty()) return;
    if (const std::optional<Field> field = FindOwn(record, source->name)) {
      std::string decoded;
      directory_ = audit::DecodeValue(record.type, *field, &decoded);
    }
  }

  // An abstract socket has a zero in front of its name.
  void Place(std::string* file) const {
    if (file->starts_with('\0')) file->erase(0, 1);
    if (!directory_.empty() && IsBehindDirectory(*file)) *file = directory_ + "/" + *file;
  }

  void AddContext(const Record& record) {
    if (const std::optional<Field> field = FindOwn(record, "subj")) {
      values_.emplace_back(Trim(attribute_, kMachineId, field->value));
    }
  }

  const Attribute attribute_;
  absl::InlinedVector<std::string, 4> values_;
  std::string directory_;  // For kFile.
};

void ForEachKey(const audit::Event& event, ValueSink sink) {
  for (size_t index = 0; index < event.record_count(); ++index) {
    const Record record = event.record(index);
    audit::KeyReader keys(record);
    std::string_view key;
    while (keys.Next(&key)) sink(key);
  }
}

void ForEachContainer(const audit::Event& event, ValueSink sink) {
  for (size_t index = 0; index < event.record_count(); ++index) {
    const Record record = event.record(index);
    audit::FieldReader fields(record.body);
    Field field;
    while (fields.Next(&field)) {
      const auto fed = TermFieldsOf(record.type, field.name, field.place);
      if (fed.empty() || fed[0] != TermField::kContainer) continue;
      ForEachTermValue(record.type, TermField::kContainer, field, sink);
    }
  }
}

bool IsNumber(Attribute attribute) { return attribute <= Attribute::kExit; }

bool IsUnsigned(Attribute attribute) {
  return IsNumber(attribute) && attribute != Attribute::kExit;
}

// Kernels of different age write it in two ways.
constexpr std::string_view kUnset = "4294967295";
constexpr std::string_view kMinusOne = "-1";

bool IsMatch(const AttributeIs& is, std::string_view value) {
  if (is.match == TermMatch::kContains) return value.find(is.text) != std::string_view::npos;
  if (value == is.text) return true;
  return IsUnsigned(is.attribute) && is.text == kUnset && value == kMinusOne;
}

// ---- Names ----

// The field that auditd adds for a user or group: uid=0 becomes UID="root".
std::string_view EnrichedName(Attribute attribute) {
  switch (attribute) {
    case Attribute::kUid:
      return "UID";
    case Attribute::kEuid:
      return "EUID";
    case Attribute::kAuid:
      return "AUID";
    case Attribute::kGid:
      return "GID";
    default:
      return "EGID";
  }
}

struct NamedAttribute {
  Attribute attribute;
  std::string_view name;
};

constexpr auto kAttributeNames = std::to_array<NamedAttribute>({
    {Attribute::kPid, "pid"},
    {Attribute::kPpid, "ppid"},
    {Attribute::kUid, "uid"},
    {Attribute::kEuid, "euid"},
    {Attribute::kAuid, "auid"},
    {Attribute::kGid, "gid"},
    {Attribute::kEgid, "egid"},
    {Attribute::kSession, "session"},
    {Attribute::kExit, "exit"},
    {Attribute::kExe, "exe"},
    {Attribute::kComm, "comm"},
    {Attribute::kTerminal, "terminal"},
    {Attribute::kHost, "host"},
    {Attribute::kFile, "file"},
    {Attribute::kCwd, "cwd"},
    {Attribute::kKey, "key"},
    {Attribute::kSubject, "subject"},
    {Attribute::kObject, "object"},
    {Attribute::kUuid, "uuid"},
    {Attribute::kVm, "vm"},
    {Attribute::kContainer, "container"},
});

}  // namespace

std::string_view AttributeName(Attribute attribute) {
  return std::ranges::find(kAttributeNames, attribute, &NamedAttribute::attribute)->name;
}

std::optional<Attribute> ParseAttribute(std::string_view name) {
  const auto found = std::ranges::find(kAttributeNames, name, &NamedAttribute::name);
  if (found == kAttributeNames.end()) return std::nullopt;
  return found->attribute;
}

void ForEachValue(Attribute attribute, const audit::Event& event, ValueSink sink) {
  if (attribute == Attribute::kKey) {
    ForEachKey(event, sink);
    return;
  }
  if (attribute == Attribute::kContainer) {
    ForEachContainer(event, sink);
    return;
  }
  Collector collector(attribute);
  for (size_t index = 0; index < event.record_count(); ++index) {
    collector.Add(event.record(index));
  }
  for (const std::string& value : collector.values()) sink(value);
}

std::span<const TermField> TermFieldsOf(Attribute attribute) {
  static constexpr TermField kHostFields[] = {TermField::kHostName, TermField::kAddress};
  static constexpr TermField kFileFields[] = {TermField::kFile, TermField::kCwd};
  static constexpr std::array<TermField, 21> kFields = {
      TermField::kPid,       TermField::kPpid,   TermField::kUid,  TermField::kEuid,
      TermField::kAuid,      TermField::kGid,    TermField::kEgid, TermField::kSession,
      TermField::kExit,      TermField::kExe,    TermField::kComm, TermField::kTerminal,
      TermField::kAddress,   TermField::kFile,   TermField::kCwd,  TermField::kKey,
      TermField::kSubject,   TermField::kObject, TermField::kUuid, TermField::kVm,
      TermField::kContainer,
  };
  if (attribute == Attribute::kHost) return kHostFields;
  if (attribute == Attribute::kFile) return kFileFields;
  return {&kFields[static_cast<size_t>(attribute)], 1};
}

bool Matches(const AttributeIs& is, const audit::Event& event) {
  bool is_found = false;
  ForEachValue(is.attribute, event,
               [&](std::string_view value) { is_found = is_found || IsMatch(is, value); });
  return is_found;
}

bool MayMatch(const AttributeIs& is, std::string_view indexed_value) {
  // What was cut off may hold the text.
  if (indexed_value.size() >= kTermBytesMax) return true;
  if (is.attribute == Attribute::kFile && IsBehindDirectory(indexed_value) &&
      CanReachIntoDirectory(is.text)) {
    return true;
  }
  // A part of the term is enough where Trim() takes a part of it.
  const bool is_trimmed = is.attribute == Attribute::kSubject ||
                          is.attribute == Attribute::kObject || is.attribute == Attribute::kUuid ||
                          is.attribute == Attribute::kHost || is.attribute == Attribute::kFile;
  if (is_trimmed) return indexed_value.find(is.text) != std::string_view::npos;
  return IsMatch(is, indexed_value);
}

bool MayLackTerm(const AttributeIs& is) {
  if (is.attribute == Attribute::kKey || is.attribute == Attribute::kContainer) return false;
  return std::ranges::any_of(std::to_array<std::string_view>({"(null)", "(none)", "?", ""}),
                             [&](std::string_view value) { return IsMatch(is, value); });
}

bool IsLookup(const AttributeIs& is) {
  if (is.match != TermMatch::kIs || is.text.size() >= kTermBytesMax) return false;
  if (is.attribute == Attribute::kFile) return false;
  if (IsUnsigned(is.attribute) && is.text == kUnset) return false;
  return !MayLackTerm(is) && is.attribute != Attribute::kSubject &&
         is.attribute != Attribute::kObject && is.attribute != Attribute::kUuid &&
         is.attribute != Attribute::kHost;
}

std::optional<uint32_t> NumberOfEveryHost(std::string_view name) {
  if (name == "root") return 0;
  if (name == "unset") return std::numeric_limits<uint32_t>::max();
  return std::nullopt;
}

bool Matches(const NameIs& is, const audit::Event& event) {
  std::optional<bool> matches;
  Collector collector(is.attribute);
  for (size_t index = 0; index < event.record_count(); ++index) {
    const Record record = event.record(index);
    if (!collector.Add(record) || collector.values().empty()) continue;
    const auto enriched = audit::FindField(record.body, EnrichedName(is.attribute));
    if (enriched && enriched->place == FieldPlace::kEnriched) {
      std::string decoded;
      matches = audit::DecodeValue(record.type, *enriched, &decoded) == is.name;
      continue;
    }
    const auto number = base::ParseNumber<uint32_t>(collector.values()[0]);
    const std::optional<uint32_t> everywhere = NumberOfEveryHost(is.name);
    matches = number && (everywhere ? number == everywhere : number == is.number);
  }
  return matches.value_or(false);
}

}  // namespace query
