// Who did what to what, and how it ended: an event in the same few words, whatever its records.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "audit/event.h"
#include "query/auparse_buffer.h"
#include "query/field_interpreter.h"

namespace query {

// A field that plays a part in the event.
struct NormalField {
  int type = 0;      // One of AUPARSE_TYPE_*.
  int number = -1;   // The value, where it is a decimal number.
  std::string text;  // Its meaning, escaped.
};

// What is not known is absent. All texts are escaped.
struct NormalForm {
  bool failed = false;  // Nothing is known but the type.
  int record_type = -1;
  std::string record_type_name;  // Of the first record. Empty if not known.
  std::string kind;
  std::optional<NormalField> session;
  std::optional<NormalField> subject;
  std::optional<NormalField> acting_subject;
  std::string subject_kind;
  std::string subject_label;
  std::optional<std::string> action;
  std::optional<bool> success;
  std::optional<NormalField> object;
  std::optional<NormalField> object_detail;
  std::optional<NormalField> second_object;
  std::string object_label;
  std::string object_kind;
  std::optional<std::string> how;
  std::optional<NormalField> key;
};

struct NormalizerOptions {
  EscapeMode escape_mode = EscapeMode::kTty;
  bool local_names = false;
  // Fills subject_label and object_label. Makes labels the objects of AVC records without others.
  bool labels = false;
};

// Uses the rules of libauparse. One thread at a time in a process: see auparse_buffer.h.
class Normalizer {
 public:
  explicit Normalizer(const NormalizerOptions& options);

  // One form as a rule. More if records follow what should be the last of an event, and none for
  // one that consists of an EOE record only.
  std::vector<NormalForm> Normalize(const audit::Event& event, FieldInterpreter& fields);

 private:
  const NormalizerOptions options_;
  AuparseBuffer library_;
  std::string lines_;  // What the library is given. Kept for its memory.
};

}  // namespace query
