// The fields of a record: how the text behind the stamp falls into names and values.
//
//   body     := { blank | field } [ message { blank | field } ] [ 0x1d { blank | field } ]
//   message  := "msg='" { blank | field } "'"
//   field    := name "=" value | word
//   value    := '"' any but '"' '"' | "'" any but "'" "'" | bare
//   bare     := bytes up to a blank, e.g. a number, hex digits, (null), ?
//
// What real logs add to this:
// - subj=/usr/bin/x (enforce): the mode that AppArmor writes behind a context is part of the value.
// - subj==unconfined: the name ends at the first "=".
// - SADDR={ saddr_fam=inet laddr=10.0.0.1 lport=22 }: in the tail, braces and all in them are a
// value.
// - key=(null)ARCH=x86_64: the 0x1d can be missing; the tail then begins at a known name in
// capitals.
// - (hostname=?, addr=?): inside a message, the punctuation of old programs is blank.
// - avc:  denied  { read } for: words, fields without a name.
//
// Strings that an attacker can choose are written in quotes if they are harmless, else as hex
// digits without quotes. Only the name of a field tells hex from a number: see IsEncoded().

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "audit/record.h"

namespace audit {

// Where in its record a field stands. The same name may stand in more than one place.
enum class FieldPlace : uint8_t {
  kRecord,    // Written by the kernel, or by auditd for itself.
  kMessage,   // In msg='...': the claim of a program in user space.
  kEnriched,  // Behind 0x1d: names looked up by the auditd of the host, e.g. AUID="root".
};

// A field. All views point into the body that the reader was given.
struct Field {
  std::string_view separator;  // What stands between the field before and this one.
  std::string_view text;       // The whole field, e.g. `comm="ls"`. Never empty.
  std::string_view name;       // Empty for a word, e.g. `denied`.
  std::string_view value;      // As written, quotes included; the whole text of a word.
  FieldPlace place = FieldPlace::kRecord;
};

// Reads the fields of a body from front to back. Takes any bytes, allocates nothing and never
// fails: each byte of the body is in the separator or the text of one field, in order, or in
// trailing(). The body must outlive the reader and the fields.
class FieldReader {
 public:
  explicit FieldReader(std::string_view body);

  // Reads the next field. Returns false, and leaves *field alone, if there is none.
  bool Next(Field* field);

  // What stands behind the last field, once Next() has returned false.
  std::string_view trailing() const { return body_.substr(separator_begin_); }

 private:
  void SkipSeparators();
  bool OpenMessage();
  size_t FindValueEnd(std::string_view name, size_t begin);
  size_t FindBareValueEnd(std::string_view name, size_t begin);

  std::string_view body_;
  size_t position_ = 0;
  size_t separator_begin_ = 0;
  size_t tail_begin_;  // Of the 0x1d, or the size of the body.
  size_t limit_;       // Where the place ends: a closing quote, the 0x1d or the end.
  FieldPlace place_ = FieldPlace::kRecord;
};

// The first field of this name, in any place. Names are compared exactly, with their case.
std::optional<Field> FindField(std::string_view body, std::string_view name);

// Whether a value without quotes is hex digits that stand for text, in a record of this type:
// `name` is always, `a0` only in EXECVE. A socket address (saddr) is binary, so it is not.
bool IsEncoded(std::string_view record_type, std::string_view name);

// The meaning of a value: without its quotes; decoded if the field is encoded and all of it is
// pairs of hex digits; else as written, (null) and ? too. The result can hold any byte: NUL
// separates the arguments in a proctitle. What had to be decoded is a view of *decoded; all else
// one of the field's value, and *decoded is empty.
std::string_view DecodeValue(std::string_view record_type, const Field& field,
                             std::string* decoded);

// The reverse, as the kernel writes a text that may hold anything: in quotes, or as hex digits if a
// byte of it is no printable ASCII, a blank or a quote.
std::string EncodeValue(std::string_view text);

// Whether a value stands for "there is none": (null), (none), ? or nothing at all.
bool IsAbsent(std::string_view value);

// Removes the next key from the front of the decoded value of a key field: a record with more than
// one key has them in one field, hex-encoded, with 0x01 between them. Returns false if there is
// none.
bool TakeKey(std::string_view* keys, std::string_view* key);

// Reads the keys of a record, those that its audit rule was given with -k.
class KeyReader {
 public:
  // The record's bytes must outlive the reader.
  explicit KeyReader(const Record& record) : type_(record.type), fields_(record.body) {}
  KeyReader(const KeyReader&) = delete;
  KeyReader& operator=(const KeyReader&) = delete;

  // Reads the next key. Returns false if there is none. *key is valid until the next call.
  bool Next(std::string_view* key);

 private:
  bool LoadField();

  std::string_view type_;
  FieldReader fields_;
  std::string decoded_;    // The key field that is being read, if it had to be decoded,
  std::string_view keys_;  // and what is left of it.
};

}  // namespace audit
