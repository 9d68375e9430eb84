#include "query/report/record_layout.h"

#include <algorithm>
#include <limits>

#include "audit/record_type.h"
#include "query/attribute_source.h"
#include "query/report/event_class.h"

namespace query {

namespace {

using audit::Field;
using audit::FieldPlace;

constexpr size_t kFieldsMax = std::numeric_limits<int16_t>::max();

struct AttributeRole {
  Attribute attribute;
  Role role;
};

constexpr auto kAttributeRoles = std::to_array<AttributeRole>({
    {Attribute::kPid, Role::kPid},
    {Attribute::kUid, Role::kUid},
    {Attribute::kAuid, Role::kAuid},
    {Attribute::kSession, Role::kSession},
    {Attribute::kExe, Role::kExe},
    {Attribute::kComm, Role::kComm},
    {Attribute::kTerminal, Role::kTerminal},
    {Attribute::kHost, Role::kHost},
    {Attribute::kFile, Role::kFile},
    {Attribute::kCwd, Role::kCwd},
});

struct NamedRole {
  std::string_view name;
  Role role;
  bool is_enriched = false;
};

// Beside the attributes.
constexpr auto kNamedRoles = std::to_array<NamedRole>({
    {"success", Role::kSuccess},
    {"res", Role::kRes},
    {"result", Role::kResult},
    {"AUID", Role::kAuidName, true},
    {"SYSCALL", Role::kSyscallName, true},
});

class LayoutMaker {
 public:
  LayoutMaker(std::string_view type, std::span<const Field> fields, bool has_values)
      : fields_(fields.first(std::min(fields.size(), kFieldsMax))), has_values_(has_values) {
    layout_.kind = KindOf(type);
    layout_.type_number = audit::RecordTypeNumber(type);
    if (layout_.type_number) layout_.classes = EventClassesOf(*layout_.type_number);
    layout_.places.fill(-1);
    own_ = fields_;
    for (size_t i = 0; i < fields_.size(); ++i) {
      if (fields_[i].place != FieldPlace::kEnriched) continue;
      own_ = fields_.first(i);
      break;
    }
  }

  RecordLayout Make() {
    if (!has_values_ && DependsOnValues()) {
      layout_.needs_text = true;
      return layout_;
    }
    for (const auto& [attribute, role] : kAttributeRoles) {
      const AttributeSource* const source = FindSource(attribute, layout_.kind);
      if (source != nullptr) Place(role, *source);
    }
    for (const NamedRole& named : kNamedRoles) {
      SetPlace(named.role, named.is_enriched ? FindLookedUp(named.name) : FindOwnField(named.name));
    }
    if ((layout_.kind & (kSyscall | kSeccomp)) != 0) {
      SetPlace(Role::kArch, FindOwnField("arch"));
      SetPlace(Role::kSyscall, FindOwnField("syscall"));
    }
    if ((layout_.kind & kAnyUser) != 0) SetPlace(Role::kAccount, FindOwnField("acct"));
    if (layout_.kind == kPath && !own_.empty() && own_.back().name.ends_with("type")) {
      SetPlace(Role::kNameType, own_.size() - 1);
    }
    if (IsOwnUid()) SetPlace(Role::kUidName, FindLookedUp("UID"));
    SetPlace(Role::kKey, FindAny("key"));
    if (layout_.type_number && IsKeystrokes(*layout_.type_number)) {
      SetPlace(Role::kKeystrokes, FindOwnField("data"));
    }
    return layout_;
  }

 private:
  // An AVC record has words without names. Of LOGIN records with two auids one is new.
  bool DependsOnValues() const {
    if ((layout_.kind & (kAvc | kUserAvc | kLogin)) != 0) return true;
    size_t keys = 0;
    for (const Field& field : fields_) keys += field.name == "key" ? 1 : 0;
    return keys > 1;
  }

  // Whether the uid is that which auditd looks up: the first.
  bool IsOwnUid() const {
    const std::optional<size_t> first = FindOwnField("uid");
    return first && layout_.place(Role::kUid) == static_cast<int16_t>(*first);
  }

  void Place(Role role, const AttributeSource& source) {
    const Kind kind = layout_.kind;
    std::optional<size_t> found;
    if (kind == kLogin && source.name != "pid") {
      found = FindNew(own_, source.name);
    } else if (role == Role::kUid && (kind & kAnyUser) != 0) {
      found = FindUserUid(own_);
    } else {
      found = FindOwnField(source.name);
    }
    if (role == Role::kHost) {
      if (found && !source.otherwise.empty()) {
        SetPlace(Role::kOtherHost, FindOwnField(source.otherwise));
      }
    } else if (!found && !source.otherwise.empty()) {
      found = FindOwnField(source.otherwise);
    }
    SetPlace(role, found);
    if (source.merge == AttributeMerge::kFirst) layout_.first_wins |= SetOf(role);
  }

  std::optional<size_t> FindOwnField(std::string_view name) const {
    for (size_t i = 0; i < own_.size(); ++i) {
      if (own_[i].name == name) return i;
    }
    return std::nullopt;
  }

  std::optional<size_t> FindAny(std::string_view name) const {
    for (size_t i = 0; i < fields_.size(); ++i) {
      if (fields_[i].name == name) return i;
    }
    return std::nullopt;
  }

  std::optional<size_t> FindLookedUp(std::string_view name) const {
    for (size_t i = own_.size(); i < fields_.size(); ++i) {
      if (fields_[i].name == name) return i;
    }
    return std::nullopt;
  }

  void SetPlace(Role role, std::optional<size_t> place) {
    if (place) layout_.places[static_cast<size_t>(role)] = static_cast<int16_t>(*place);
  }

  const std::span<const Field> fields_;
  std::span<const Field> own_;
  const bool has_values_;
  RecordLayout layout_;
};

}  // namespace

RecordLayout LayOut(std::string_view type, std::span<const Field> fields) {
  return LayoutMaker(type, fields, false).Make();
}

RecordLayout LayOutRecord(std::string_view type, std::span<const Field> fields) {
  return LayoutMaker(type, fields, true).Make();
}

}  // namespace query
