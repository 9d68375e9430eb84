#include "cli/event_printer.h"

#include <utility>

#include "audit/record_type.h"
#include "query/event_text.h"

namespace cli {

namespace {

// What is printed at once.
constexpr size_t kOutputBytes = 1 << 16;

bool IsOnlyEndMark(const audit::Event& event) {
  if (event.record_count() != 1) return false;
  const auto type = audit::RecordTypeNumber(event.record(0).type);
  return type && audit::IsEndMark(*type);
}

query::InterpreterOptions InterpreterOptionsOf(const query::AusearchOptions& options,
                                               const absl::TimeZone& zone) {
  return {.escape_mode = options.escape,
          .local_names = options.local_names,
          .extra_keys = options.extra_keys,
          .extra_labels = options.extra_labels,
          .extra_obj2 = options.extra_obj2,
          .extra_time = options.extra_time,
          .zone = zone};
}

}  // namespace

EventPrinter::EventPrinter(const query::AusearchOptions& options, const absl::TimeZone& zone)
    : options_(options),
      zone_(zone),
      interpreter_options_(InterpreterOptionsOf(options, zone)),
      interpreter_(interpreter_options_) {}

EventPrinter::~EventPrinter() { Flush(); }

bool EventPrinter::Print(const audit::Event& event, const query::EventOrigin& origin) {
  if (IsOnlyEndMark(event)) return true;
  switch (options_.format) {
    case query::EventFormat::kDefault:
      query::AppendDefaultText(event, zone_, options_.escape, &text_);
      break;
    case query::EventFormat::kRaw:
      query::AppendRawText(event, &text_);
      break;
    case query::EventFormat::kInterpret:
      interpreter_.AppendInterpreted(event, &text_);
      break;
    case query::EventFormat::kCsv:
      if (printed_ == 0) text_ += query::CsvHeader(interpreter_options_);
      interpreter_.AppendCsv(event, &text_);
      break;
    case query::EventFormat::kText:
      interpreter_.AppendSentence(event, &text_);
      break;
    case query::EventFormat::kJson:
      query::AppendJson(event, origin, &text_);
      break;
  }
  return Finish();
}

bool EventPrinter::PrintLine(std::string_view line) {
  text_.append(line).push_back('\n');
  return Finish();
}

bool EventPrinter::Finish() {
  ++printed_;
  const bool at_once = options_.line_buffered || options_.follow;
  if ((at_once || text_.size() >= kOutputBytes) && !HandOver()) return false;
  return !options_.just_one && printed_ != options_.limit;
}

bool EventPrinter::HandOver() {
  if (text_.empty()) return true;
  std::string next;
  next.reserve(text_.capacity());
  return writer_.Write(std::exchange(text_, std::move(next)));
}

bool EventPrinter::Flush() { return HandOver() && writer_.Flush(); }

}  // namespace cli
