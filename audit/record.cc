#include "audit/record.h"

#include <charconv>
#include <limits>
#include <string>

namespace audit {

namespace {

// The Take functions remove something from the front of *in. When it is not there
// they return false and leave *in alone.

bool TakeLiteral(std::string_view* in, std::string_view literal) {
  if (!in->starts_with(literal)) return false;
  in->remove_prefix(literal.size());
  return true;
}

// Takes a word of one character or more, and the space behind it.
bool TakeWord(std::string_view* in, std::string_view* word) {
  const size_t end = in->find(' ');
  if (end == 0 || end == std::string_view::npos) return false;
  *word = in->substr(0, end);
  in->remove_prefix(end + 1);
  return true;
}

// Takes decimal digits, no sign. Refuses a number that does not fit in *number.
template <typename Unsigned>
bool TakeNumber(std::string_view* in, Unsigned* number) {
  const auto [end, errc] = std::from_chars(in->data(), in->data() + in->size(), *number);
  if (errc != std::errc{}) return false;
  in->remove_prefix(static_cast<size_t>(end - in->data()));
  return true;
}

bool TakeStamp(std::string_view* in, Stamp* stamp) {
  uint64_t seconds = 0;
  uint16_t milliseconds = 0;
  if (!TakeNumber(in, &seconds) || !TakeLiteral(in, ".")) return false;
  if (!TakeNumber(in, &milliseconds) || !TakeLiteral(in, ":")) return false;
  if (!TakeNumber(in, &stamp->serial)) return false;
  if (milliseconds > 999) return false;
  if (seconds > (std::numeric_limits<uint64_t>::max() - 999) / 1000) return false;
  stamp->time_ms = seconds * 1000 + milliseconds;
  return true;
}

absl::Status Malformed(std::string_view part) {
  return absl::InvalidArgumentError("record: bad " + std::string(part));
}

}  // namespace

absl::StatusOr<Record> ParseRecord(std::string_view line) {
  if (line.size() > kRecordBytesMax) return Malformed("length");

  Record record;
  std::string_view in = line;
  if (TakeLiteral(&in, "node=") && !TakeWord(&in, &record.node)) return Malformed("node");
  if (!TakeLiteral(&in, "type=") || !TakeWord(&in, &record.type)) return Malformed("type");
  if (!TakeLiteral(&in, "msg=audit(") || !TakeStamp(&in, &record.stamp)) return Malformed("stamp");
  if (!TakeLiteral(&in, "):")) return Malformed("end of stamp");
  if (line.find('\n') != std::string_view::npos) return Malformed("newline");
  TakeLiteral(&in, " ");  // Absent when the body is empty, as in EOE records.
  record.body = in;
  return record;
}

}  // namespace audit
