#include "query/interpreter.h"

#include "query/csv_text.h"
#include "query/field_interpreter.h"
#include "query/interpreted_text.h"
#include "query/normal_form.h"
#include "query/sentence_text.h"

namespace query {

namespace {

CsvColumns ExtraColumns(const InterpreterOptions& options) {
  return {.keys = options.extra_keys,
          .labels = options.extra_labels,
          .second_object = options.extra_obj2,
          .time = options.extra_time};
}

}  // namespace

struct Interpreter::Parts {
  InterpreterOptions options;
  FieldInterpreter fields;
  Normalizer csv_normalizer;
  Normalizer sentence_normalizer;
};

std::string CsvHeader(const InterpreterOptions& options) {
  return CsvHeaderText(ExtraColumns(options));
}

Interpreter::Interpreter(const InterpreterOptions& options)
    : parts_(new Parts{.options = options,
                       .fields = FieldInterpreter(options.escape_mode, options.local_names),
                       .csv_normalizer = Normalizer({.escape_mode = options.escape_mode,
                                                     .local_names = options.local_names,
                                                     .labels = options.extra_labels}),
                       .sentence_normalizer = Normalizer({.escape_mode = options.escape_mode,
                                                          .local_names = options.local_names})}) {}

Interpreter::~Interpreter() = default;

void Interpreter::AppendInterpreted(const audit::Event& event, std::string* text) {
  AppendInterpretedText(event, parts_->options.zone, parts_->fields, text);
}

void Interpreter::AppendCsv(const audit::Event& event, std::string* text) {
  std::string node;
  parts_->fields.AppendDecoded(event.node(), &node);
  for (const NormalForm& form : parts_->csv_normalizer.Normalize(event, parts_->fields)) {
    AppendCsvText({.node = node, .stamp = event.stamp(), .zone = parts_->options.zone}, form,
                  ExtraColumns(parts_->options), text);
  }
}

void Interpreter::AppendSentence(const audit::Event& event, std::string* text) {
  std::string node;
  parts_->fields.AppendDecoded(event.node(), &node);
  for (const NormalForm& form : parts_->sentence_normalizer.Normalize(event, parts_->fields)) {
    AppendSentenceText({.node = node, .stamp = event.stamp(), .zone = parts_->options.zone}, form,
                       text);
  }
}

}  // namespace query
