#include "query/normal_form.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "audit/record.h"
#include "audit/record_type.h"
#include "query/append.h"
#include "query/encoded_value.h"
#include "query/enriched_tail.h"

namespace query {

namespace {

constexpr int kConfigChange = 1305;
constexpr int kUserLogin = 1112;
constexpr int kCwd = 1307;
constexpr int kEndOfEvent = 1320;

// Any stamp that the library takes for one. The real one, and the node, are longer than it reads
// from some hosts; they are known without it.
constexpr std::string_view kStamp = " msg=audit(1000000000.000:1): ";

const char* OrEmpty(const char* text) { return text == nullptr ? "" : text; }

// The part of a body that the library reads without harm. It stops at a NUL byte anyway, and never
// frees the directories of a CWD record but the last.
std::string_view HarmlessPart(int record_type, std::string_view body) {
  constexpr std::string_view kDirectory = "cwd=";
  body = body.substr(0, body.find('\0'));
  if (record_type != kCwd) return body;
  const size_t first = body.find(kDirectory);
  if (first == std::string_view::npos) return body;
  return body.substr(0, body.find(kDirectory, first + kDirectory.size()));
}

// Removes "." and ".." and what ".." leaves, without a look at any disk.
std::string NormalPath(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const std::string_view part = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(path.size(), part.size() + 1));
    if (part == "..") {
      if (!parts.empty()) parts.pop_back();
    } else if (!part.empty() && part != ".") {
      parts.push_back(part);
    }
  }
  std::string normal;
  for (const std::string_view part : parts) AppendAll(&normal, "/", part);
  return normal.empty() ? "/" : normal;
}

// Reads the event at which a parser stands.
class EventReading {
 public:
  EventReading(const NormalizerOptions& options, auparse_state_t* state, FieldInterpreter& fields)
      : options_(options), state_(state), fields_(fields) {}

  NormalForm Read();

 private:
  using Seek = int(auparse_state_t*);

  std::optional<NormalField> ReadField(Seek* seek);
  std::optional<NormalField> ReadObject(Seek* seek, const NormalForm& form);
  std::string ReadLabel(Seek* first, Seek* next, std::string_view name);
  std::string ReadSubjectKind();
  std::optional<bool> ReadSuccess();
  std::optional<std::string> ReadText(const char* text);
  std::string ReadPath(std::string_view value);
  std::string_view FindInRecord(const char* name);
  NormalField ReadCurrentField();

  const NormalizerOptions& options_;
  auparse_state_t* const state_;
  FieldInterpreter& fields_;
};

NormalForm EventReading::Read() {
  NormalForm form;
  form.record_type = auparse_get_type(state_);
  form.record_type_name = OrEmpty(auparse_get_type_name(state_));
  const normalize_option_t depth = options_.labels ? NORM_OPT_ALL : NORM_OPT_NO_ATTRS;
  form.failed = auparse_normalize(state_, depth) != 0;
  if (form.failed) return form;
  form.kind = OrEmpty(auparse_normalize_get_event_kind(state_));
  form.session = ReadField(auparse_normalize_session);
  form.subject = ReadField(auparse_normalize_subject_primary);
  form.acting_subject = ReadField(auparse_normalize_subject_secondary);
  form.subject_kind = ReadSubjectKind();
  form.action = ReadText(auparse_normalize_get_action(state_));
  form.success = ReadSuccess();
  form.object = ReadObject(auparse_normalize_object_primary, form);
  form.object_detail = ReadField(auparse_normalize_object_secondary);
  form.second_object = ReadObject(auparse_normalize_object_primary2, form);
  form.object_kind = OrEmpty(auparse_normalize_object_kind(state_));
  form.how = ReadText(auparse_normalize_how(state_));
  form.key = ReadField(auparse_normalize_key);
  if (options_.labels) {
    form.subject_label = ReadLabel(auparse_normalize_subject_first_attribute,
                                   auparse_normalize_subject_next_attribute, "subj");
    form.object_label = ReadLabel(auparse_normalize_object_first_attribute,
                                  auparse_normalize_object_next_attribute, "obj");
  }
  return form;
}

// A key of less than two hex digits has no value for the library.
NormalField EventReading::ReadCurrentField() {
  const char* const name = auparse_get_field_name(state_);
  const char* const value = auparse_get_field_str(state_);
  NormalField field;
  if (name == nullptr || value == nullptr) return field;
  field.type = auparse_get_field_type(state_);
  field.number = auparse_get_field_int(state_);

  EnrichedTail tail;
  tail.Read(OrEmpty(auparse_get_record_interpretations(state_)));
  RecordContext context;
  context.record_type = auparse_get_type(state_);
  context.tail = &tail;
  const bool is_argument = field.type >= AUPARSE_TYPE_A0 && field.type <= AUPARSE_TYPE_A3;
  if (is_argument || field.type == AUPARSE_TYPE_SYSCALL) {
    const unsigned place = auparse_get_field_num(state_);
    context.arch = FindInRecord("arch");
    context.syscall = FindInRecord("syscall");
    context.arguments = {FindInRecord("a0"), FindInRecord("a1"), FindInRecord("a2"),
                         FindInRecord("a3")};
    auparse_goto_field_num(state_, place);
  }
  std::string meaning;
  fields_.Append(context, field.type, name, value, &meaning);
  // Even what separates keys.
  fields_.AppendWritten(meaning, &field.text);
  return field;
}

std::string_view EventReading::FindInRecord(const char* name) {
  auparse_first_field(state_);
  do {
    const char* const field_name = auparse_get_field_name(state_);
    if (field_name != nullptr && field_name == std::string_view(name)) {
      return OrEmpty(auparse_get_field_str(state_));
    }
  } while (auparse_next_field(state_) == 1);
  return "";
}

std::optional<NormalField> EventReading::ReadField(Seek* seek) {
  if (seek(state_) != 1) return std::nullopt;
  return ReadCurrentField();
}

std::optional<NormalField> EventReading::ReadObject(Seek* seek, const NormalForm& form) {
  std::optional<NormalField> object = ReadField(seek);
  if (!object.has_value()) return object;
  const char* const name = OrEmpty(auparse_get_field_name(state_));
  const bool is_setting = form.action == "set" || form.action == "seccomp-logging";
  if (object->type == AUPARSE_TYPE_ESCAPED_FILE) {
    object->text.clear();
    fields_.AppendDecoded(ReadPath(OrEmpty(auparse_get_field_str(state_))), &object->text);
  } else if (seek == auparse_normalize_object_primary && is_setting &&
             auparse_get_type(state_) == kConfigChange) {
    object->text.clear();
    fields_.AppendWritten(name, &object->text);
  }
  return object;
}

// The name of a file, from the root if the event says where its process stood.
std::string EventReading::ReadPath(std::string_view value) {
  std::string name = DecodeValue(value);
  if (name.starts_with('/')) {
    return name.find("..") != std::string::npos ? NormalPath(name) : name;
  }
  std::optional<std::string> directory;
  const unsigned records = auparse_get_num_records(state_);
  for (unsigned index = 0; index < records; ++index) {
    if (auparse_goto_record_num(state_, index) != 1 || auparse_get_type(state_) != kCwd) continue;
    const std::string_view cwd = FindInRecord("cwd");
    if (!cwd.empty()) directory = DecodeValue(cwd);
  }
  if (!directory.has_value()) return name;
  if (directory->starts_with('.')) return Concatenate(*directory, "/", name);
  return NormalPath(Concatenate(*directory, "/", name));
}

std::string EventReading::ReadLabel(Seek* first, Seek* next, std::string_view name) {
  if (first(state_) != 1) return "";
  do {
    if (OrEmpty(auparse_get_field_name(state_)) == name) return ReadCurrentField().text;
  } while (next(state_) == 1);
  return "";
}

std::string EventReading::ReadSubjectKind() {
  // The library has looked up the name of an account on this machine.
  if (!options_.local_names && auparse_normalize_subject_primary(state_) == 1 &&
      auparse_get_type(state_) == kUserLogin &&
      OrEmpty(auparse_get_field_name(state_)) == std::string_view("acct")) {
    return ReadCurrentField().text == "root" ? "privileged-acct" : "unknown-acct";
  }
  return OrEmpty(auparse_normalize_subject_kind(state_));
}

std::optional<bool> EventReading::ReadSuccess() {
  const std::optional<NormalField> result = ReadField(auparse_normalize_get_results);
  if (!result.has_value()) return std::nullopt;
  return result->text == "yes" || result->text.starts_with("suc") ||
         (result->type == AUPARSE_TYPE_SECCOMP && result->text == "allow");
}

// The library has escaped most, but not all of its texts.
std::optional<std::string> EventReading::ReadText(const char* text) {
  if (text == nullptr) return std::nullopt;
  std::string escaped;
  fields_.AppendWritten(text, &escaped);
  return escaped;
}

}  // namespace

Normalizer::Normalizer(const NormalizerOptions& options)
    : options_(options), library_(options.escape_mode) {}

std::vector<NormalForm> Normalizer::Normalize(const audit::Event& event, FieldInterpreter& fields) {
  if (event.record_count() == 0) return {};
  lines_.clear();
  for (size_t index = 0; index < event.record_count(); ++index) {
    const audit::Record record = event.record(index);
    const int type = FieldInterpreter::TypeNumber(record.type);
    AppendAll(&lines_, "type=", type < 0 ? std::string("UNKNOWN") : std::to_string(type), kStamp,
              HarmlessPart(type, record.body), "\n");
  }
  std::vector<NormalForm> forms;
  library_.Load(lines_);
  auparse_state_t* const state = library_.state();
  while (auparse_next_event(state) > 0) {
    forms.push_back(EventReading(options_, state, fields).Read());
  }
  // The library drops an AVC record whose permissions are longer than it expects.
  const audit::Record first = event.record(0);
  const int first_type = FieldInterpreter::TypeNumber(first.type);
  if (forms.empty() && first_type >= 0 && first_type != kEndOfEvent) {
    NormalForm& form = forms.emplace_back();
    form.failed = true;
    form.record_type_name = audit::RecordTypeName(static_cast<uint32_t>(first_type));
  }
  return forms;
}

}  // namespace query
