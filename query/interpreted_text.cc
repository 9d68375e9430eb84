#include "query/interpreted_text.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/strings/str_format.h"

#include "audit/record.h"
#include "audit/record_type.h"
#include "query/append.h"
#include "query/enriched_tail.h"
#include "query/local_time.h"

namespace query {

namespace {

constexpr char kEnrichedTail = '\x1d';

// Separates keys that an audit rule has several of.
constexpr char kKeySeparator = '\x01';

constexpr int kDaemonFirst = 1200;
constexpr int kSyscall = 1300;
constexpr int kSeccomp = 1326;

// Walks over the text of one record as the real tool does, who looks for "=" and takes what is
// around it for a field. Differs from audit::FieldReader where that matters for what is printed.
class RecordWalk {
 public:
  RecordWalk(int type, const EnrichedTail& tail, FieldInterpreter& fields, std::string* text)
      : fields_(fields), text_(text) {
    context_.record_type = type;
    context_.tail = &tail;
  }

  // `rest` begins behind the stamp's parenthesis.
  void Append(std::string_view rest);

 private:
  struct Value {
    std::string_view text;
    bool before_comma = false;
    // Where the walk goes on. Nowhere, if the value went to the end of the record.
    std::string_view rest = {};
  };

  Value TakeValue(std::string_view name, std::string_view in);
  void AppendField(std::string_view name, const Value& value);
  void AppendMeaning(int type, std::string_view name, const Value& value);
  bool KnowsSyscall() const {
    return context_.record_type == kSyscall || context_.record_type == kSeccomp;
  }

  FieldInterpreter& fields_;
  std::string* text_;
  RecordContext context_;
};

// The value of " a0=" and the like.
std::string_view FindArgument(std::string_view record, std::string_view assignment) {
  const size_t begin = record.find(assignment);
  if (begin == std::string_view::npos) return "";
  const std::string_view value = record.substr(begin + assignment.size());
  return value.substr(0, value.find(' '));
}

void RecordWalk::Append(std::string_view rest) {
  if (context_.record_type == kSyscall) {
    context_.arguments = {FindArgument(rest, " a0="), FindArgument(rest, " a1="),
                          FindArgument(rest, " a2="), FindArgument(rest, " a3=")};
  }
  bool found_any = false;
  bool after_comma = false;
  for (size_t equals = rest.find('='); equals != std::string_view::npos; equals = rest.find('=')) {
    found_any = true;
    after_comma = false;
    const size_t blank = rest.substr(0, equals).rfind(' ');
    std::string_view name = rest.substr(0, equals);
    if (blank != std::string_view::npos) name.remove_prefix(blank);
    fields_.AppendWritten(rest.substr(0, equals + 1), text_);
    rest.remove_prefix(equals + 1);
    // Its fields follow.
    if (name == "msg") continue;

    if (name.starts_with('\'')) name.remove_prefix(1);
    const Value value = TakeValue(name, rest);
    AppendField(name, value);
    after_comma = value.before_comma;
    rest = value.rest;
  }
  // Words without a name are printed if there are no others, or behind a comma; and with a newline
  // of their own.
  if (after_comma || (!found_any && !rest.empty())) {
    fields_.AppendDecoded(rest, text_);
    text_->push_back('\n');
  }
}

RecordWalk::Value RecordWalk::TakeValue(std::string_view name, std::string_view in) {
  if (in.starts_with('\'') || in.starts_with('"')) {
    const size_t end = in.find(in.front(), 1);
    if (end == std::string_view::npos) return {.text = in};
    // What stands behind the quote is a blank, mostly.
    return {.text = in.substr(0, end + 1), .rest = in.substr(std::min(in.size(), end + 2))};
  }
  const size_t comma = in.find(',');
  const size_t blank = in.find(' ');
  if (comma < blank) {
    // The categories of a label have commas. So have values of user space, where it ends a field.
    const int type = fields_.FindFieldType(context_.record_type, name,
                                           blank == std::string_view::npos ? in : in.substr(blank));
    if (type != AUPARSE_TYPE_MAC_LABEL) {
      return {.text = in.substr(0, comma), .before_comma = true, .rest = in.substr(comma + 1)};
    }
  }
  if (blank == std::string_view::npos) return {.text = in};
  return {.text = in.substr(0, blank), .rest = in.substr(blank + 1)};
}

void RecordWalk::AppendField(std::string_view name, const Value& value) {
  name.remove_prefix(std::min(name.size(), name.find_first_not_of(" (")));
  Value trimmed = value;
  if (name == "acct" && trimmed.text.ends_with(':')) trimmed.text.remove_suffix(1);
  if (name == "arch") context_.arch = trimmed.text;
  if (name == "syscall" && context_.syscall.empty()) context_.syscall = trimmed.text;
  AppendMeaning(fields_.FindFieldType(context_.record_type, name, trimmed.text), name, trimmed);
}

void RecordWalk::AppendMeaning(int type, std::string_view name, const Value& value) {
  if (type == AUPARSE_TYPE_UNCLASSIFIED) {
    fields_.AppendWritten(value.text, text_);
    text_->push_back(value.before_comma ? ',' : ' ');
    return;
  }
  const size_t begin = text_->size();
  fields_.Append(context_, type, name, value.text, text_);
  if (name == "key") {
    for (size_t end = text_->find(kKeySeparator, begin); end != std::string::npos;
         end = text_->find(kKeySeparator, end)) {
      text_->replace(end, 1, " key=");
    }
  }
  if (type != AUPARSE_TYPE_TTY_DATA) text_->push_back(' ');
}

void AppendRecord(std::string_view line, const audit::Record& record, std::string_view time,
                  FieldInterpreter& fields, std::string* text) {
  const std::optional<uint32_t> type = audit::RecordTypeNumber(record.type);
  if (!record.node.empty()) {
    text->append("node=");
    fields.AppendWritten(record.node, text);
    text->push_back(' ');
  }
  text->append("type=");
  fields.AppendWritten(type.has_value() ? audit::RecordTypeName(*type) : record.type, text);
  AppendAll(text, " msg=audit(", time, ") ");

  const size_t body_begin = static_cast<size_t>(record.body.data() - line.data());
  const std::string_view rest = line.substr(line.substr(0, body_begin).rfind(')') + 1);
  const size_t tail_begin = rest.find(kEnrichedTail);
  EnrichedTail tail;
  if (tail_begin != std::string_view::npos) tail.Read(rest.substr(tail_begin + 1));
  RecordWalk walk(FieldInterpreter::TypeNumber(record.type), tail, fields, text);
  walk.Append(rest.substr(0, tail_begin));
  text->push_back('\n');
}

}  // namespace

void AppendInterpretedText(const audit::Event& event, const absl::TimeZone& zone,
                           FieldInterpreter& fields, std::string* text) {
  text->append("----\n");
  const audit::Stamp stamp = event.stamp();
  std::string time;
  AppendTime(LocalTime(stamp.time_ms, zone), "%x %T", &time);
  absl::StrAppendFormat(&time, ".%03u:%u", stamp.time_ms % 1000, stamp.serial);

  for (size_t index = event.record_count(); index > 0; --index) {
    const audit::Record record = event.record(index - 1);
    AppendRecord(event.line(index - 1), record, time, fields, text);
    const int type = FieldInterpreter::TypeNumber(record.type);
    if (type >= kDaemonFirst && type < kSyscall && index == event.record_count()) break;
  }
}

}  // namespace query
