// Records: the parts of an accepted line are in it, in order, and can be written again; and
// whatever records arrive, the assembler gives each of them back once, as it was.

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_format.h"

#include "audit/assembler.h"
#include "audit/record.h"
#include "audit/record_type.h"
#include "tests/fuzz/fuzz.h"

namespace {

using fuzz::Check;

// Stamps may have leading zeros, so the text of a record is not always the same when it is
// written again. Its meaning is.
void CheckWrittenAgain(const audit::Record& record) {
  std::string text;
  if (!record.node.empty()) absl::StrAppendFormat(&text, "node=%s ", record.node);
  absl::StrAppendFormat(&text, "type=%s msg=audit(%d.%03d:%d): %s", record.type,
                        record.stamp.time_ms / 1000, record.stamp.time_ms % 1000,
                        record.stamp.serial, record.body);
  const auto again = audit::ParseRecord(text);
  if (text.size() > audit::kRecordBytesMax) return;
  Check(again.ok());
  Check(again->node == record.node && again->type == record.type);
  Check(again->stamp == record.stamp && again->body == record.body);
}

bool CheckRecord(std::string_view line) {
  const auto record = audit::ParseRecord(line);
  if (!record.ok()) {
    Check(record.status().code() == absl::StatusCode::kInvalidArgument);
    return false;
  }
  Check(!record->type.empty());
  Check(line.ends_with(record->body));
  CheckWrittenAgain(*record);
  const auto type = audit::RecordTypeNumber(record->type);
  if (type.has_value()) {
    Check(audit::RecordTypeNumber(audit::RecordTypeName(*type)) == type);
  }
  return true;
}

// Small limits, so that small inputs reach them.
void CheckAssembler(std::vector<std::string> lines) {
  audit::Assembler assembler({.events_max = 8, .bytes_max = 2048});
  std::vector<std::string> out;
  const auto take = [&] {
    while (const auto event = assembler.Take()) {
      Check(event->record_count() > 0);
      for (size_t i = 0; i < event->record_count(); ++i) {
        Check(event->record(i).node == event->node());
        Check(event->record(i).stamp == event->stamp());
        out.emplace_back(event->line(i));
      }
    }
  };
  for (const std::string& line : lines) {
    assembler.Add(line, *audit::ParseRecord(line));
    take();
  }
  assembler.Flush();
  take();
  std::sort(lines.begin(), lines.end());
  std::sort(out.begin(), out.end());
  Check(lines == out);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input = fuzz::Input(data, size);
  CheckRecord(input);
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < input.size();) {
    const size_t end = std::min(input.find('\n', begin), input.size());
    const std::string line = input.substr(begin, end - begin);
    if (CheckRecord(line)) lines.push_back(line);
    begin = end + 1;
  }
  CheckAssembler(lines);
  return 0;
}
