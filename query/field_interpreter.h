// What the value of a field means, by the tables of libauparse: flags of a syscall's arguments,
// modes, socket addresses, names of users.

#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"

#include "query/auparse_buffer.h"
#include "query/enriched_tail.h"
#include "query/escape.h"

namespace query {

// What else of a record the meaning of its fields depends on. All as written; empty if not there.
struct RecordContext {
  int record_type = -1;
  std::string_view arch;
  std::string_view syscall;
  std::array<std::string_view, 4> arguments;  // a0 to a3.
  const EnrichedTail* tail = nullptr;
};

// Gives the library nothing but values that it reads safely, one at a time, and remembers its
// answers. What is encoded (names of files, of programs, keys) it decodes by itself.
class FieldInterpreter {
 public:
  FieldInterpreter(EscapeMode mode, bool local_names);

  // The number of a type of records, -1 for one that the library does not know.
  static int TypeNumber(std::string_view record_type_name);

  // The class of a field, one of AUPARSE_TYPE_* of <auparse-defs.h>. It depends on the value for
  // few fields only.
  int FindFieldType(int record_type, std::string_view name, std::string_view value);

  // Appends the meaning of a field of this class, escaped. A field of no known meaning is its
  // value.
  void Append(const RecordContext& context, int field_type, std::string_view name,
              std::string_view value, std::string* text);

  // Appends a name that was decoded, escaped.
  void AppendDecoded(std::string_view decoded, std::string* text) const;

  // Appends text that needs no decoding: only control bytes are escaped.
  void AppendWritten(std::string_view written, std::string* text) const;

 private:
  bool AppendFromTail(const RecordContext& context, int field_type, std::string_view name,
                      std::string* text);
  bool AppendOwn(int field_type, std::string_view value, std::string* text);
  void AppendKeys(std::string_view value, std::string* text) const;
  void AppendId(std::string_view value, int base, std::string* text) const;
  // The meanings of a0 to a3.
  using Arguments = std::array<std::string, 4>;

  const Arguments& FindArguments(const RecordContext& context);
  void AppendAnswer(const RecordContext& context, int field_type, std::string_view name,
                    std::string_view value, std::string* text);
  void BeginQuestion(const RecordContext& context);
  std::string AskLibrary(const RecordContext& context, std::string_view name,
                         std::string_view value);
  Arguments AskForArguments(const RecordContext& context);

  const EscapeMode mode_;
  const bool local_names_;
  AuparseBuffer library_;
  absl::flat_hash_map<std::string, int> field_types_;
  absl::flat_hash_map<std::string, std::string> meanings_;
  absl::flat_hash_map<std::string, Arguments> arguments_;  // By arch, syscall and all four.
  Arguments forgotten_arguments_;  // Of a question too long to be remembered.
  std::string lines_;              // What the library is asked. Kept for its memory.
  std::string key_;                // The same for keys of the maps.
};

}  // namespace query
