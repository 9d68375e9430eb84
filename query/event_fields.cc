#include "query/event_fields.h"

#include <cstddef>
#include <string>

#include "query/enriched_tail.h"

namespace query {

namespace {

constexpr char kEnrichedTail = '\x1d';

constexpr std::string_view kArguments[] = {"a0", "a1", "a2", "a3"};

// What meanings of fields depend on, wherever in the record it stands.
void ReadContext(const audit::Record& record, RecordContext* context) {
  context->record_type = FieldInterpreter::TypeNumber(record.type);
  audit::FieldReader reader(record.body);
  for (audit::Field field; reader.Next(&field);) {
    if (field.place != audit::FieldPlace::kRecord) continue;
    if (field.name == "arch") context->arch = field.value;
    if (field.name == "syscall") context->syscall = field.value;
    for (size_t i = 0; i < std::size(kArguments); ++i) {
      if (field.name == kArguments[i]) context->arguments[i] = field.value;
    }
  }
}

}  // namespace

void ForEachField(const audit::Record& record, FieldInterpreter& fields,
                  absl::FunctionRef<void(const FieldMeaning&)> sink) {
  EnrichedTail tail;
  const size_t tail_begin = record.body.find(kEnrichedTail);
  if (tail_begin != std::string_view::npos) tail.Read(record.body.substr(tail_begin + 1));
  RecordContext context;
  context.tail = &tail;
  ReadContext(record, &context);
  std::string meaning;
  audit::FieldReader reader(record.body);
  for (audit::Field field; reader.Next(&field);) {
    meaning.clear();
    const int type = fields.FindFieldType(context.record_type, field.name, field.value);
    if (field.name.empty() || field.place == audit::FieldPlace::kEnriched) {
      fields.AppendWritten(field.value, &meaning);
    } else {
      fields.Append(context, type, field.name, field.value, &meaning);
    }
    sink({.place = field.place, .name = field.name, .value = field.value, .meaning = meaning});
  }
}

}  // namespace query
