#include "client-plugin/enricher.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <libaudit.h>
#include <optional>
#include <span>

#include "absl/strings/str_cat.h"

#include "audit/field.h"
#include "client-plugin/socket_address.h"

namespace client_plugin {

namespace {

constexpr char kSeparator = '\x1d';

// auditd's buffer, and how much of it has to be free for one more field.
constexpr size_t kBufferBytes = MAX_AUDIT_MESSAGE_LENGTH + 255;
constexpr size_t kRoomBytesMin = 24;

// The calls that i386 makes through socketcall(2) and ipc(2), by their number, which is the
// first argument.
constexpr std::string_view kSocketCalls[] = {"",           "socket",   "bind",        "connect",
                                             "listen",     "accept",   "getsockname", "getpeername",
                                             "socketpair", "send",     "recv",        "sendto",
                                             "recvfrom",   "shutdown", "setsockopt",  "getsockopt",
                                             "sendmsg",    "recvmsg",  "accept4",     "recvmmsg",
                                             "sendmmsg"};
constexpr std::string_view kIpcCalls[] = {
    "", "semop", "semget", "semctl", "semtimedop", "",       "",      "", "",
    "", "",      "msgsnd", "msgrcv", "msgget",     "msgctl", "",      "", "",
    "", "",      "",       "shmat",  "shmdt",      "shmget", "shmctl"};

// A number as strtoul(3) reads it: what does not begin with one is 0. None if it is too large.
std::optional<uint64_t> ReadNumber(std::string_view text, int base) {
  uint64_t number = 0;
  const char* const text_end = text.data() + text.size();
  const auto [end, errc] = std::from_chars(text.data(), text_end, number, base);
  if (errc == std::errc{} && end == text_end) return number;
  errno = 0;
  number = std::strtoul(std::string(text).c_str(), nullptr, base);
  if (errno != 0) return std::nullopt;
  return number;
}

// What stands around the values of old programs goes.
std::string_view TrimPunctuation(std::string_view value) {
  for (const char mark : {':', ',', '\''}) {
    if (value.ends_with(mark)) value.remove_suffix(1);
  }
  if (value.ends_with(')') && value != "(none)" && value != "(null)") value.remove_suffix(1);
  return value;
}

// The names of fields with users and groups, without the "uid" and "gid" that they end with. What
// stands in most records is what is looked for first.
bool IsUserPrefix(std::string_view prefix) {
  constexpr std::string_view kLong[] = {"fs", "oa", "sa", "obj_", "old-a", "inode_"};
  if (prefix.empty()) return true;
  if (prefix.size() == 1) return std::string_view("aesoi").find(prefix[0]) != prefix.npos;
  return std::ranges::find(kLong, prefix) != std::end(kLong);
}

bool IsGroupPrefix(std::string_view prefix) {
  constexpr std::string_view kLong[] = {"fs", "obj_", "new_", "inode_"};
  if (prefix.empty()) return true;
  if (prefix.size() == 1) return std::string_view("esoi").find(prefix[0]) != prefix.npos;
  return std::ranges::find(kLong, prefix) != std::end(kLong);
}

bool IsAboutGroups(uint16_t message_type) {
  return message_type == AUDIT_ADD_GROUP || message_type == AUDIT_GRP_MGMT ||
         message_type == AUDIT_DEL_GROUP;
}

// Whether names are others from this record on.
bool AddsNames(uint16_t message_type) {
  return message_type == AUDIT_ADD_USER || message_type == AUDIT_ADD_GROUP;
}

// Whether names are others behind this record.
bool TakesNames(uint16_t message_type) {
  return message_type == AUDIT_USER_MGMT || message_type == AUDIT_DEL_USER ||
         message_type == AUDIT_DEL_GROUP || message_type == AUDIT_GRP_MGMT;
}

void MakeUpper(std::string* text, size_t begin) {
  for (size_t at = begin; at < text->size(); ++at) {
    char& letter = (*text)[at];
    if (letter >= 'a' && letter <= 'z') letter = static_cast<char>(letter - 'a' + 'A');
  }
}

// Appends "WHAT(TEXT)".
void AppendCall(std::string_view what, std::string_view text, std::string* line) {
  line->append(what);
  line->append("(");
  line->append(text);
  line->append(")");
}

}  // namespace

struct Enricher::Field {
  std::string_view name;
  std::string_view value;
  size_t number = 0;  // From 1 on, which is the type. The stamp has none.
};

// Splits a record as auparse does, into what stands between blanks and has a "=".
class Enricher::FieldReader {
 public:
  explicit FieldReader(std::string_view raw) : rest_(raw) {}

  // False, if there is no other.
  bool Next(Field* field) {
    while (!rest_.empty()) {
      std::string_view word = rest_.substr(0, rest_.find(' '));
      rest_.remove_prefix(std::min(rest_.size(), word.size() + 1));
      size_t equals = word.find('=');
      if (equals == word.npos) continue;
      if (equals == 3 && word.starts_with("msg=")) {
        if (word.substr(4).starts_with('a')) continue;  // The stamp: msg=audit(
        if (word.substr(4).starts_with('\'')) {
          word.remove_prefix(5);
          equals = word.find('=');
          if (equals == word.npos) continue;
        }
      }
      if (equals + 1 == word.size()) continue;
      field->name = word.substr(0, equals);
      field->value = word.substr(equals + 1);
      if (field->name.starts_with('(')) field->name.remove_prefix(1);
      field->number = ++number_;
      return true;
    }
    return false;
  }

 private:
  std::string_view rest_;
  size_t number_ = 0;
};

Enricher::Enricher(NameCache& names) : names_(names), native_machine_(audit_detect_machine()) {}

void Enricher::Append(uint16_t message_type, std::string* line) {
  if (message_type == AUDIT_EOE || message_type == AUDIT_TRUSTED_APP) return;
  names_.Refresh();
  if (AddsNames(message_type)) names_.Forget();
  tail_.clear();
  machine_ = -1;
  syscall_ = -1;
  AppendFields(message_type, *line);
  line->append(tail_);
  if (TakesNames(message_type)) names_.Forget();
}

void Enricher::AppendFields(uint16_t message_type, std::string_view raw) {
  size_t room = kBufferBytes - std::min(raw.size(), kBufferBytes);
  FieldReader reader(raw.substr(0, raw.find(kSeparator)));
  for (Field field; room > kRoomBytesMin && reader.Next(&field);) {
    const Meaning meaning = MeaningOf(message_type, field.name);
    if (meaning == Meaning::kNone) continue;
    field.value = TrimPunctuation(field.value);
    const size_t begin = tail_.size();
    if (begin == 0) {
      tail_ += kSeparator;
      --room;
    } else {
      tail_ += ' ';
    }
    const size_t name_begin = tail_.size();
    tail_ += field.name;
    MakeUpper(&tail_, name_begin);
    tail_ += '=';
    AppendMeaning(meaning, field, reader);
    if (tail_.size() - name_begin + 2 >= room) {
      tail_.resize(std::max<size_t>(begin, 1));
    } else {
      room -= tail_.size() - std::max<size_t>(begin, 1);
    }
  }
}

Enricher::Meaning Enricher::MeaningOf(uint16_t message_type, std::string_view field_name) {
  if (field_name.ends_with("id")) {
    if (message_type == AUDIT_EXECVE && field_name.starts_with('a')) return Meaning::kNone;
    if (field_name == "id") return IsAboutGroups(message_type) ? Meaning::kGroup : Meaning::kUser;
    if (field_name.size() < 3) return Meaning::kNone;
    const std::string_view prefix = field_name.substr(0, field_name.size() - 3);
    switch (field_name[prefix.size()]) {
      case 'u':
        return IsUserPrefix(prefix) ? Meaning::kUser : Meaning::kNone;
      case 'g':
        return IsGroupPrefix(prefix) ? Meaning::kGroup : Meaning::kNone;
      default:
        return Meaning::kNone;
    }
  }
  if (field_name == "syscall") return Meaning::kSyscall;
  if (field_name == "arch") {
    return message_type == AUDIT_EXECVE ? Meaning::kNone : Meaning::kArch;
  }
  if (field_name == "saddr") {
    // In these two it is an address of IP in the usual notation.
    const bool is_text = message_type == AUDIT_AVC || message_type == AUDIT_NETFILTER_PKT;
    return is_text ? Meaning::kNone : Meaning::kSocketAddress;
  }
  return Meaning::kNone;
}

void Enricher::AppendMeaning(Meaning meaning, const Field& field, const FieldReader& rest) {
  switch (meaning) {
    case Meaning::kUser:
    case Meaning::kGroup:
      return AppendName(meaning, field.value);
    case Meaning::kArch:
      return AppendArch(field);
    case Meaning::kSyscall:
      return AppendSyscall(field, rest);
    case Meaning::kSocketAddress:
      return AppendSocketAddress(field.value, &tail_);
    case Meaning::kNone:
      break;
  }
}

void Enricher::AppendName(Meaning meaning, std::string_view value) {
  const std::optional<uint64_t> number = ReadNumber(value, 10);
  if (!number) {
    tail_ += audit::EncodeValue("conversion error(" + std::string(value) + ")");
    return;
  }
  const auto id = static_cast<uint32_t>(*number);
  tail_ += meaning == Meaning::kUser ? names_.User(id) : names_.Group(id);
}

void Enricher::AppendArch(const Field& field) {
  const std::optional<uint64_t> elf = ReadNumber(field.value, 16);
  const int machine = elf ? audit_elf_to_machine(static_cast<unsigned>(*elf)) : -1;
  if (field.number == 2 || field.number == 11) machine_ = machine;
  if (!elf) {
    AppendCall("conversion error", field.value, &tail_);
    tail_ += ' ';
  } else if (machine < 0) {
    AppendCall("unknown-elf-type", field.value, &tail_);
  } else if (const char* const name = audit_machine_to_name(machine); name != nullptr) {
    tail_ += name;
  } else {
    absl::StrAppend(&tail_, "unknown-machine-type(", machine, ")");
  }
}

void Enricher::AppendSyscall(const Field& field, FieldReader rest) {
  if (field.number == 3 || field.number == 12) {
    const std::optional<uint64_t> number = ReadNumber(field.value, 10);
    syscall_ = number ? static_cast<int>(*number) : -1;
  }
  const int machine = machine_ < 0 ? native_machine_ : machine_;
  const char* const found = audit_syscall_to_name(syscall_, machine);
  if (found == nullptr) {
    absl::StrAppend(&tail_, "unknown-syscall(", syscall_, ")");
    return;
  }
  const std::string_view name = found;
  tail_ += name;
  const bool is_socket_call = name == "socketcall";
  if (!is_socket_call && name != "ipc") return;
  // Which one it is, the first argument says.
  for (Field argument; rest.Next(&argument);) {
    if (argument.number != 6 || argument.name != "a0") continue;
    const std::optional<uint64_t> call = ReadNumber(TrimPunctuation(argument.value), 16);
    std::span<const std::string_view> calls = kIpcCalls;
    if (is_socket_call) calls = kSocketCalls;
    if (call && *call < calls.size() && !calls[*call].empty()) {
      AppendCall({}, calls[*call], &tail_);
    }
    return;
  }
}

}  // namespace client_plugin
