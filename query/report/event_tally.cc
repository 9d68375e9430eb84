#include "query/report/event_tally.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/str_cat.h"

#include "audit/record_type.h"
#include "query/report/event_class.h"

namespace query {

namespace {

constexpr uint32_t kNoNumber = UINT32_MAX;
constexpr uint32_t kUnset = UINT32_MAX;

// aureport's "nobody has told".
constexpr std::string_view kUntold = "-2";

// Debian's Abseil has a view of its own.
absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }

bool IsCountedSyscall(const FactText& syscall) {
  return !syscall.is_absent() && syscall.text != "0" && !syscall.text.starts_with('-');
}

// The record's auid is not asked, as in aureport.
std::optional<std::string> AuthUser(const EventFacts& facts) {
  if (!IsAuthentication(facts)) return std::nullopt;
  if (!facts.account.is_absent()) return AccountValue(facts.account.text);
  return UserValue(std::nullopt, facts.auid_name);
}

std::optional<std::string> LoginUser(const EventFacts& facts) {
  if ((facts.classes & kIsLogin) == 0) return std::nullopt;
  const bool is_known = facts.auid && static_cast<int32_t>(*facts.auid) >= 0;
  if (!is_known && !facts.account.is_absent()) return AccountValue(facts.account.text);
  return UserValue(facts.auid, facts.auid_name);
}

}  // namespace

RoleSet RolesOf(TallyLists lists) {
  struct Row {
    TallyList list;
    RoleSet roles;
  };
  static constexpr Row kRows[] = {
      {TallyList::kTypes, 0},
      {TallyList::kUsers, SetOf(Role::kAuid) | SetOf(Role::kAuidName)},
      {TallyList::kTerminals, SetOf(Role::kTerminal)},
      {TallyList::kHosts, SetOf(Role::kHost) | SetOf(Role::kOtherHost)},
      {TallyList::kExes, SetOf(Role::kExe)},
      {TallyList::kComms, SetOf(Role::kComm)},
      {TallyList::kFiles, SetOf(Role::kFile) | SetOf(Role::kCwd)},
      {TallyList::kKeys, SetOf(Role::kKey)},
      {TallyList::kPids, SetOf(Role::kPid)},
      {TallyList::kSyscalls,
       SetOf(Role::kSyscall) | SetOf(Role::kArch) | SetOf(Role::kSyscallName)},
      {TallyList::kAvcObjects, 0},
      {TallyList::kAuthUsers, SetOf(Role::kAccount) | SetOf(Role::kAuidName)},
      {TallyList::kLoginUsers, SetOf(Role::kAccount) | SetOf(Role::kAuid) | SetOf(Role::kAuidName)},
  };
  // The outcome decides which lists an event is in.
  RoleSet roles = kOutcomeRoles;
  for (const Row& row : kRows) {
    if ((lists & SetOf(row.list)) != 0) roles |= row.roles;
  }
  return roles;
}

std::string TypeValue(uint32_t classes, std::string_view type) {
  return absl::StrCat(absl::Hex(classes), " ", ToAbsl(type));
}

std::string UserValue(std::optional<uint32_t> auid, FactText name) {
  std::string value(kUntold);
  if (auid) value = absl::StrCat(static_cast<int32_t>(*auid));
  if (!name.is_absent()) absl::StrAppend(&value, " ", ToAbsl(name.text));
  return value;
}

std::string AccountValue(std::string_view account) { return absl::StrCat("=", ToAbsl(account)); }

std::string SyscallValue(const EventFacts& facts) {
  std::string value(facts.arch.is_absent() ? "-" : facts.arch.text);
  absl::StrAppend(&value, " ", ToAbsl(facts.syscall.text));
  if (!facts.syscall_name.is_absent()) {
    absl::StrAppend(&value, " ", ToAbsl(facts.syscall_name.text));
  }
  return value;
}

uint32_t ValueTally::NumberOf(std::string_view value) {
  const auto next = static_cast<uint32_t>(entries_.size());
  const auto [found, is_new] = numbers_.try_emplace(ToAbsl(value), next);
  if (is_new) {
    entries_.push_back({.value = found->first});
    text_bytes_ += value.size();
  }
  return found->second;
}

void ValueTally::Add(std::string_view value, uint64_t count, const OrderKey& first) {
  Entry& entry = entries_[NumberOf(value)];
  entry.first = entry.count == 0 ? first : std::min(entry.first, first);
  entry.count += count;
}

void ValueTally::Add(const FactText& text, const OrderKey& place) {
  if (text.code == FactText::kNoCode) return Add(text.text, 1, place);
  if (by_code_.size() <= text.code) by_code_.resize(size_t{text.code} + 1, kNoNumber);
  uint32_t& number = by_code_[text.code];
  if (number == kNoNumber) number = NumberOf(text.text);
  Entry& entry = entries_[number];
  entry.first = entry.count == 0 ? place : std::min(entry.first, place);
  ++entry.count;
}

void EventTally::Add(const EventFacts& facts, const OrderKey& place, TallyLists lists) {
  auto& counts = lists_[static_cast<size_t>(facts.outcome)];
  const auto is_asked = [&](TallyList list) { return (lists & SetOf(list)) != 0; };
  const auto of = [&](TallyList list) -> ValueTally& { return counts[static_cast<size_t>(list)]; };
  const auto add_text = [&](TallyList list, const FactText& text, const OrderKey& at) {
    if (is_asked(list) && !text.is_absent()) of(list).Add(text, at);
  };
  if (is_asked(TallyList::kTypes)) {
    of(TallyList::kTypes).Add(TypeValue(facts.classes, facts.type), 1, place);
  }
  if (is_asked(TallyList::kUsers) && facts.auid) {
    of(TallyList::kUsers).Add(UserValue(facts.auid, facts.auid_name), 1, place);
  }
  add_text(TallyList::kTerminals, facts.terminal, place);
  add_text(TallyList::kHosts, facts.host, place);
  add_text(TallyList::kExes, facts.exe, place);
  add_text(TallyList::kComms, facts.comm, place);
  OrderKey of_value = place;
  const auto add_one_of_many = [&](TallyList list, const FactText& text) {
    add_text(list, text, of_value);
    ++of_value.back();
  };
  for (const FileFact& file : facts.files) add_one_of_many(TallyList::kFiles, file.name);
  for (const FactText& key : facts.keys) add_one_of_many(TallyList::kKeys, key);
  for (const AccessVector& vector : facts.access_vectors) {
    if (vector.granted) add_one_of_many(TallyList::kAvcObjects, vector.object);
  }
  if (is_asked(TallyList::kPids) && facts.pid && *facts.pid != kUnset) {
    char digits[16];
    const auto end = std::to_chars(digits, digits + sizeof(digits), *facts.pid).ptr;
    of(TallyList::kPids).Add(std::string_view(digits, static_cast<size_t>(end - digits)), 1, place);
  }
  if (is_asked(TallyList::kSyscalls) && IsCountedSyscall(facts.syscall)) {
    of(TallyList::kSyscalls).Add(SyscallValue(facts), 1, place);
  }
  if (is_asked(TallyList::kAuthUsers)) {
    if (const auto user = AuthUser(facts)) of(TallyList::kAuthUsers).Add(*user, 1, place);
  }
  if (is_asked(TallyList::kLoginUsers)) {
    if (const auto user = LoginUser(facts)) of(TallyList::kLoginUsers).Add(*user, 1, place);
  }
}

void EventTally::Notice(const EventFacts& facts, const OrderKey& place, TallyLists lists) {
  const Edge edge{.place = place, .time_ms = facts.time_ms};
  AddNoticed(edge, edge, facts.time_ms);
  // auditd counts its own.
  const bool is_counted = !facts.type_number || !audit::IsFromDaemon(*facts.type_number);
  if ((lists & kSerialsToo) != 0 && is_counted) serials_.Add(facts.serial, facts.time_ms);
}

void EventTally::AddNoticed(const Edge& first, const Edge& last, uint64_t latest_ms) {
  if (!first_ || first.place < first_->place) first_ = first;
  if (!last_ || last.place >= last_->place) last_ = last;
  latest_ms_ = std::max(latest_ms_, latest_ms);
}

void EventTally::AddSerials(const SerialRuns& serials) {
  for (const SerialRuns::Run& run : serials.runs()) serials_.Add(run);
}

size_t EventTally::memory_bytes() const {
  size_t bytes = serials_.runs().size() * sizeof(SerialRuns::Run);
  for (const auto& lists : lists_) {
    for (const ValueTally& list : lists) bytes += list.memory_bytes();
  }
  return bytes;
}

void EventTally::ForgetCodes() {
  for (auto& lists : lists_) {
    for (ValueTally& list : lists) list.ForgetCodes();
  }
}

}  // namespace query
