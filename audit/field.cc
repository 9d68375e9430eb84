#include "audit/field.h"

#include <algorithm>
#include <array>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace audit {

namespace {

constexpr char kTailByte = 0x1d;
constexpr char kKeySeparator = 0x01;
constexpr std::string_view kMessageOpening = "msg='";
constexpr std::string_view kClosingBrace = " }";

// The names that auditd gives to what it looked up: the fields that hold users, groups, system
// calls and addresses, in capitals. Only these are believed without the 0x1d in front of them.
constexpr auto kEnrichedNames = std::to_array<std::string_view>(
    {"ARCH",    "AUID",    "EGID",      "EUID",      "FSGID", "FSUID",   "GID",
     "ID",      "IGID",    "INODE_GID", "INODE_UID", "IUID",  "NEW_GID", "OAUID",
     "OBJ_GID", "OBJ_UID", "OGID",      "OLD-AUID",  "OUID",  "SADDR",   "SAUID",
     "SGID",    "SUID",    "SYSCALL",   "UID"});

// The fields whose writers quote harmless text and hex-encode the rest.
constexpr auto kEncodedNames = std::to_array<std::string_view>({"acct",
                                                                "apparmor",
                                                                "cgroup",
                                                                "cmd",
                                                                "comm",
                                                                "cwd",
                                                                "data",
                                                                "denied_mask",
                                                                "device",
                                                                "dir",
                                                                "exe",
                                                                "file",
                                                                "grp",
                                                                "info",
                                                                "invalid_context",
                                                                "key",
                                                                "name",
                                                                "new-chardev",
                                                                "new-disk",
                                                                "new-fs",
                                                                "new-net",
                                                                "new-rng",
                                                                "new_group",
                                                                "ocomm",
                                                                "old-chardev",
                                                                "old-disk",
                                                                "old-fs",
                                                                "old-net",
                                                                "old-rng",
                                                                "operation",
                                                                "path",
                                                                "proctitle",
                                                                "profile",
                                                                "requested_mask",
                                                                "root_dir",
                                                                "sw",
                                                                "vm",
                                                                "watch"});

bool IsDigit(char byte) { return byte >= '0' && byte <= '9'; }

bool IsCapital(char byte) { return byte >= 'A' && byte <= 'Z'; }

// The value of a hex digit, or -1.
int HexValue(char byte) {
  if (IsDigit(byte)) return byte - '0';
  if (byte >= 'A' && byte <= 'F') return byte - 'A' + 10;
  if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
  return -1;
}

bool IsHexText(std::string_view value) {
  return !value.empty() && value.size() % 2 == 0 &&
         std::all_of(value.begin(), value.end(), [](char byte) { return HexValue(byte) >= 0; });
}

void AppendHexText(std::string_view value, std::string* out) {
  for (size_t i = 0; i + 1 < value.size(); i += 2) {
    out->push_back(static_cast<char>(HexValue(value[i]) << 4 | HexValue(value[i + 1])));
  }
}

// "a0", "a12" and, for an argument that was split, "a1[0]".
bool IsArgumentName(std::string_view name) {
  if (name.size() < 2 || name[0] != 'a' || !IsDigit(name[1])) return false;
  name.remove_prefix(1);
  while (!name.empty() && IsDigit(name.front())) name.remove_prefix(1);
  return name.empty() || (name.front() == '[' && name.back() == ']');
}

// AppArmor writes the mode behind these: " (enforce)".
bool HasMode(std::string_view name) { return name == "subj" || name == "obj"; }

// What does not begin a field: in a message, the punctuation of old programs neither.
bool IsSeparator(char byte, FieldPlace place) {
  if (byte == ' ' || byte == kTailByte) return true;
  return place == FieldPlace::kMessage && (byte == '(' || byte == ')' || byte == ',');
}

bool IsEnrichedName(std::string_view name) {
  return std::find(kEnrichedNames.begin(), kEnrichedNames.end(), name) != kEnrichedNames.end();
}

// How many bytes at the end of `text` are the longest of the enriched names, 0 if none is there.
size_t EnrichedNameAtEnd(std::string_view text) {
  size_t longest = 0;
  for (const std::string_view name : kEnrichedNames) {
    if (text.ends_with(name)) longest = std::max(longest, name.size());
  }
  return longest;
}

}  // namespace

FieldReader::FieldReader(std::string_view body)
    : body_(body), tail_begin_(std::min(body.find(kTailByte), body.size())), limit_(tail_begin_) {}

bool FieldReader::Next(Field* field) {
  SkipSeparators();
  while (OpenMessage()) SkipSeparators();
  if (position_ == body_.size()) return false;

  const size_t begin = position_;
  size_t name_end = begin;
  while (name_end < limit_ && body_[name_end] != ' ' && body_[name_end] != kTailByte &&
         body_[name_end] != '=') {
    ++name_end;
  }
  field->separator = body_.substr(separator_begin_, begin - separator_begin_);
  if (name_end == limit_ || body_[name_end] != '=' || name_end == begin) {
    // A word; one that begins with "=" goes on to the next separator.
    const size_t end = FindBareValueEnd({}, name_end);
    field->name = {};
    field->value = body_.substr(begin, end - begin);
    position_ = end;
  } else {
    field->name = body_.substr(begin, name_end - begin);
    const bool without_tail_byte = place_ == FieldPlace::kRecord && IsCapital(body_[begin]) &&
                                   tail_begin_ == body_.size() && IsEnrichedName(field->name);
    if (without_tail_byte) place_ = FieldPlace::kEnriched;
    position_ = FindValueEnd(field->name, name_end + 1);
    field->value = body_.substr(name_end + 1, position_ - name_end - 1);
  }
  field->text = body_.substr(begin, position_ - begin);
  field->place = place_;
  separator_begin_ = position_;
  return true;
}

// Skips blanks, and enters the next place where one ends.
void FieldReader::SkipSeparators() {
  for (;;) {
    while (position_ < limit_ && IsSeparator(body_[position_], place_)) ++position_;
    if (position_ < limit_ || position_ == body_.size()) return;
    if (place_ == FieldPlace::kMessage && position_ < tail_begin_) {
      ++position_;  // The closing quote.
      place_ = FieldPlace::kRecord;
      limit_ = tail_begin_;
    } else {
      place_ = FieldPlace::kEnriched;
      limit_ = body_.size();
    }
  }
}

// Steps into msg='...', which ends at the last quote before the tail: what programs write into
// it may hold quotes itself.
bool FieldReader::OpenMessage() {
  if (place_ != FieldPlace::kRecord ||
      !body_.substr(position_, limit_ - position_).starts_with(kMessageOpening)) {
    return false;
  }
  position_ += kMessageOpening.size();
  const size_t closing = body_.substr(0, tail_begin_).rfind('\'');
  limit_ = closing >= position_ ? closing : tail_begin_;
  place_ = FieldPlace::kMessage;
  return true;
}

size_t FieldReader::FindValueEnd(std::string_view name, size_t begin) {
  if (begin < limit_ && (body_[begin] == '"' || body_[begin] == '\'')) {
    const size_t closing = body_.substr(0, limit_).find(body_[begin], begin + 1);
    if (closing != std::string_view::npos) return closing + 1;
  }
  if (place_ == FieldPlace::kEnriched && begin < limit_ && body_[begin] == '{') {
    const size_t closing = body_.find(kClosingBrace, begin);
    if (closing != std::string_view::npos) return closing + kClosingBrace.size();
  }
  return FindBareValueEnd(name, begin);
}

size_t FieldReader::FindBareValueEnd(std::string_view name, size_t begin) {
  size_t end = begin;
  for (; end < limit_ && body_[end] != ' ' && body_[end] != kTailByte; ++end) {
    if (body_[end] != '=' || place_ != FieldPlace::kRecord || tail_begin_ != body_.size()) continue;
    const size_t name_bytes = EnrichedNameAtEnd(body_.substr(begin, end - begin));
    if (name_bytes > 0 && name_bytes < end - begin) return end - name_bytes;
  }
  if (place_ == FieldPlace::kMessage) {
    const std::string_view value = body_.substr(begin, end - begin);
    if (value.size() > 1 && value.back() == ',') return end - 1;
    if (value.size() > 1 && value.back() == ')' && value.front() != '(') return end - 1;
  }
  if (HasMode(name) && body_.substr(end, limit_ - end).starts_with(" (")) {
    const size_t closing = body_.substr(0, limit_).find_first_of(" )", end + 2);
    if (closing != std::string_view::npos && body_[closing] == ')') end = closing + 1;
  }
  return end;
}

std::optional<Field> FindField(std::string_view body, std::string_view name) {
  FieldReader reader(body);
  Field field;
  while (reader.Next(&field)) {
    if (field.name == name) return field;
  }
  return std::nullopt;
}

bool IsEncoded(std::string_view record_type, std::string_view name) {
  static const absl::flat_hash_set<std::string_view> names(kEncodedNames.begin(),
                                                           kEncodedNames.end());
  return names.contains(name) || (record_type == "EXECVE" && IsArgumentName(name));
}

std::string_view DecodeValue(std::string_view record_type, const Field& field,
                             std::string* decoded) {
  decoded->clear();
  std::string_view value = field.value;
  if (!field.name.empty() && !value.empty() && (value[0] == '"' || value[0] == '\'')) {
    const char quote = value[0];
    value.remove_prefix(1);
    if (value.ends_with(quote)) value.remove_suffix(1);
    return value;
  }
  if (!IsHexText(value) || !IsEncoded(record_type, field.name)) return value;
  AppendHexText(value, decoded);
  return *decoded;
}

std::string EncodeValue(std::string_view text) {
  const bool is_odd = std::ranges::any_of(
      text, [](unsigned char byte) { return byte <= ' ' || byte == '"' || byte >= 0x7f; });
  if (!is_odd) return absl::StrCat("\"", absl::string_view(text.data(), text.size()), "\"");
  return absl::AsciiStrToUpper(absl::BytesToHexString({text.data(), text.size()}));
}

bool IsAbsent(std::string_view value) {
  return value.empty() || value == "(null)" || value == "(none)" || value == "?";
}

bool TakeKey(std::string_view* keys, std::string_view* key) {
  while (keys->starts_with(kKeySeparator)) keys->remove_prefix(1);
  *key = keys->substr(0, keys->find(kKeySeparator));
  keys->remove_prefix(key->size());
  return !key->empty();
}

bool KeyReader::Next(std::string_view* key) {
  while (!TakeKey(&keys_, key)) {
    if (!LoadField()) return false;
  }
  return true;
}

// Decodes the next key field. Returns false if there is none.
bool KeyReader::LoadField() {
  Field field;
  while (fields_.Next(&field)) {
    if (field.name != "key" || IsAbsent(field.value)) continue;
    keys_ = DecodeValue(type_, field, &decoded_);
    return true;
  }
  return false;
}

}  // namespace audit
