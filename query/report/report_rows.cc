#include "query/report/report_rows.h"

#include <auparse.h>
#include <linux/audit.h>

#include "absl/strings/str_cat.h"

#include "audit/record_type.h"
#include "query/field_interpreter.h"
#include "query/report/event_class.h"

namespace query {

namespace {

constexpr uint32_t kUnset = UINT32_MAX;

// What aureport has where a session is not told.
constexpr uint32_t kUntoldSession = UINT32_MAX - 1;

RoleSet RolesOf(ReportField field) {
  switch (field) {
    case ReportField::kAuid:
      return SetOf(Role::kAuid) | SetOf(Role::kAuidName);
    case ReportField::kAccountOrUid:
      return SetOf(Role::kAccount) | SetOf(Role::kUid) | SetOf(Role::kUidName);
    case ReportField::kLoginUser:
      return SetOf(Role::kAccount) | SetOf(Role::kAuid) | SetOf(Role::kAuidName);
    case ReportField::kAccount:
      return SetOf(Role::kAccount);
    case ReportField::kHost:
      return SetOf(Role::kHost) | SetOf(Role::kOtherHost);
    case ReportField::kTerminal:
      return SetOf(Role::kTerminal);
    case ReportField::kExe:
      return SetOf(Role::kExe);
    case ReportField::kExeOrComm:
      return SetOf(Role::kExe) | SetOf(Role::kComm);
    case ReportField::kComm:
      return SetOf(Role::kComm);
    case ReportField::kFile:
      return SetOf(Role::kFile) | SetOf(Role::kCwd) | SetOf(Role::kNameType);
    case ReportField::kSyscall:
      return SetOf(Role::kSyscall) | SetOf(Role::kArch) | SetOf(Role::kSyscallName);
    case ReportField::kPid:
      return SetOf(Role::kPid);
    case ReportField::kKey:
      return SetOf(Role::kKey);
    case ReportField::kSession:
      return SetOf(Role::kSession);
    case ReportField::kKeystrokes:
      return SetOf(Role::kKeystrokes);
    default:
      return 0;
  }
}

const FactText* FirstFile(const EventFacts& facts) {
  if (facts.files.size() == 1) return &facts.files[0].name;
  for (const FileFact& file : facts.files) {
    if (!file.is_parent) return &file.name;
  }
  return nullptr;
}

std::string_view OutcomeText(Outcome outcome) {
  switch (outcome) {
    case Outcome::kUnset:
      return "unset";
    case Outcome::kFailed:
      return "no";
    case Outcome::kSucceeded:
      return "yes";
  }
  return "";
}

}  // namespace

// Keystrokes by the rules of libauparse.
class ReportRowMaker::Keystrokes {
 public:
  explicit Keystrokes(std::mutex* libauparse) : libauparse_(libauparse) {}

  std::string Interpret(std::string_view data) {
    std::unique_lock<std::mutex> lock;
    if (libauparse_ != nullptr) lock = std::unique_lock(*libauparse_);
    std::string text;
    RecordContext context;
    context.record_type = AUDIT_TTY;
    fields_.Append(context, AUPARSE_TYPE_TTY_DATA, "data", data, &text);
    return text;
  }

 private:
  std::mutex* const libauparse_;
  FieldInterpreter fields_{EscapeMode::kTty, false};
};

RoleSet RolesOfRows(ReportKind kind) {
  RoleSet roles = kOutcomeRoles;
  for (const ReportColumn& column : DefinitionOf(kind).columns) roles |= RolesOf(column.field);
  if (kind == ReportKind::kUser) roles |= SetOf(Role::kUid);
  return roles;
}

uint32_t ClassesOfRows(ReportKind kind) {
  switch (kind) {
    case ReportKind::kAvc:
      return kAvcClasses;
    case ReportKind::kMac:
      return kMacClasses;
    case ReportKind::kIntegrity:
      return kIsIntegrity;
    case ReportKind::kVirtualization:
      return kIsVirtualization;
    case ReportKind::kConfig:
      return kConfigClasses;
    case ReportKind::kAuthentication:
      return kIsAuthentication | kIsUserManagement;
    case ReportKind::kLogin:
      return kIsLogin;
    case ReportKind::kAccount:
      return kAccountClasses;
    case ReportKind::kAnomalies:
      return kAnomalyClasses | kIsSeccomp;
    case ReportKind::kResponse:
      return kIsResponse;
    case ReportKind::kCrypto:
      return kCryptoClasses;
    default:
      return 0;
  }
}

ReportRowMaker::ReportRowMaker(ReportKind kind, ReportNames& names, std::mutex* libauparse)
    : definition_(DefinitionOf(kind)), names_(names) {
  if (kind == ReportKind::kTty) keystrokes_ = std::make_unique<Keystrokes>(libauparse);
}

ReportRowMaker::~ReportRowMaker() = default;

bool ReportRowMaker::IsAbout(const EventFacts& facts) const {
  switch (definition_.kind) {
    case ReportKind::kAuthentication:
      return IsAuthentication(facts);
    case ReportKind::kFile:
      return !facts.files.empty();
    case ReportKind::kHost:
      return !facts.host.is_absent();
    case ReportKind::kPid:
      return facts.pid && static_cast<int32_t>(*facts.pid) >= 0;
    case ReportKind::kSyscall:
      return !facts.syscall.is_absent() && facts.syscall.text != "0";
    case ReportKind::kTerminal:
      return !facts.terminal.is_absent();
    case ReportKind::kUser:
      return facts.uid && *facts.uid != kUnset;
    case ReportKind::kExe:
      return !facts.exe.is_absent();
    case ReportKind::kComm:
      return !facts.comm.is_absent();
    case ReportKind::kKey:
      return !facts.keys.empty();
    case ReportKind::kTty:
      return facts.type_number && IsKeystrokes(*facts.type_number);
    default: {
      const uint32_t classes = ClassesOfRows(definition_.kind);
      return classes == 0 || (facts.classes & classes) != 0;
    }
  }
}

bool ReportRowMaker::Make(const EventFacts& facts, std::string_view host,
                          absl::FunctionRef<bool(const ReportRow&)> sink) {
  if (!IsAbout(facts)) return true;
  const auto make_one = [&](const AccessVector* vector) {
    cells_.clear();
    texts_used_ = 0;
    for (const ReportColumn& column : definition_.columns) {
      cells_.push_back(Cell(column, facts, vector));
    }
    return sink({.time_ms = facts.time_ms, .host = host, .cells = cells_});
  };
  if (definition_.kind != ReportKind::kAvc) return make_one(nullptr);
  bool has_verdict = false;
  for (const AccessVector& vector : facts.access_vectors) {
    if (!vector.granted) continue;
    has_verdict = true;
    if (!make_one(&vector)) return false;
  }
  // A message of the cache itself: a policy was loaded.
  if (!has_verdict && !facts.access_vectors.empty()) {
    return make_one(&facts.access_vectors.back());
  }
  return true;
}

ReportCell ReportRowMaker::Cell(const ReportColumn& column, const EventFacts& facts,
                                const AccessVector* vector) {
  const auto text = [&](const FactText& fact) -> ReportCell {
    if (fact.is_absent()) return {.text = column.absent, .is_known = false};
    return {.text = fact.text};
  };
  const auto number = [&](std::optional<uint32_t> value, uint32_t otherwise) -> ReportCell {
    return {.text = Keep(absl::StrCat(value.value_or(otherwise))),
            .is_known = value.has_value(),
            .is_number = true};
  };
  switch (column.field) {
    case ReportField::kSerial:
      return number(facts.serial, 0);
    case ReportField::kType:
      // A host that does not know the type has written its number.
      if (!facts.type_number) return {.text = facts.type};
      return {.text = Keep(audit::RecordTypeName(*facts.type_number))};
    case ReportField::kAuid:
      return AccountCell(facts, facts.auid, facts.auid_name, false);
    case ReportField::kSuccess:
      return {.text = OutcomeText(facts.outcome), .is_known = facts.outcome != Outcome::kUnset};
    case ReportField::kAccountOrUid:
      // aureport takes a uid that is not told for one that is not set.
      if (facts.uid || !facts.account.is_absent()) {
        return AccountCell(facts, facts.uid, facts.uid_name, true);
      }
      return {.text = Keep(std::string(names_.User(kUnset, {}))), .is_known = false};
    case ReportField::kLoginUser:
      return AccountCell(facts, facts.auid, facts.auid_name, facts.outcome == Outcome::kFailed);
    case ReportField::kAccount:
      return text(facts.account);
    case ReportField::kHost:
      return text(facts.host);
    case ReportField::kTerminal:
      return text(facts.terminal);
    case ReportField::kExe:
      return text(facts.exe);
    case ReportField::kExeOrComm:
      return text(facts.exe.is_absent() ? facts.comm : facts.exe);
    case ReportField::kComm:
      return text(facts.comm);
    case ReportField::kFile: {
      const FactText* const file = FirstFile(facts);
      return file == nullptr ? text({}) : text(*file);
    }
    case ReportField::kSyscall:
      return {
          .text = Keep(std::string(names_.Syscall(facts.arch, facts.syscall, facts.syscall_name))),
          .is_known = !facts.syscall.is_absent() || !facts.syscall_name.is_absent(),
          .is_number = !names_.interprets()};
    case ReportField::kPid:
      return number(facts.pid, kUnset);
    case ReportField::kKey:
      return text(facts.keys.empty() ? FactText() : facts.keys[0]);
    case ReportField::kSession:
      return number(facts.session, kUntoldSession);
    case ReportField::kKeystrokes:
      if (facts.keystrokes.is_absent()) return {.text = "", .is_known = false};
      return {.text = Keep(keystrokes_->Interpret(facts.keystrokes.text))};
    case ReportField::kAvcSubject:
      return text(vector->subject);
    case ReportField::kAvcClass:
      return text(vector->object_class);
    case ReportField::kAvcPermission:
      return text(vector->permissions);
    case ReportField::kAvcObject:
      return text(vector->object);
    case ReportField::kAvcResult:
      if (!vector->granted) return {.text = "unset", .is_known = false};
      return {.text = *vector->granted ? "granted" : "denied"};
  }
  return {};
}

ReportCell ReportRowMaker::AccountCell(const EventFacts& facts, std::optional<uint32_t> uid,
                                       const FactText& name, bool is_account) {
  if (is_account && !facts.account.is_absent()) return {.text = facts.account.text};
  return {.text = Keep(std::string(names_.User(uid, name))),
          .is_known = uid.has_value(),
          .is_number = !names_.interprets(),
          .unnamed_user = names_.UnnamedUser(uid, name)};
}

std::string_view ReportRowMaker::Keep(std::string text) {
  // Reserved for all columns: views into it stay valid for a row.
  if (texts_.empty()) texts_.resize(definition_.columns.size());
  std::string& kept = texts_[texts_used_++];
  kept = std::move(text);
  return kept;
}

}  // namespace query
