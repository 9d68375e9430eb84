#include "query/event_text.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/strings/str_format.h"
#include "absl/time/civil_time.h"

#include "audit/record_type.h"

namespace query {

namespace {

// Begins the fields that auditd has added to a record.
constexpr char kEnrichedTail = '\x1d';

// The words of ctime(3), which knows no locale.
constexpr std::string_view kWeekdays[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
constexpr std::string_view kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

void AppendTime(uint64_t time_ms, const absl::TimeZone& zone, std::string* text) {
  const absl::Time time = absl::FromUnixSeconds(static_cast<int64_t>(time_ms / 1000));
  const absl::CivilSecond civil = absl::ToCivilSecond(time, zone);
  absl::StrAppendFormat(text, "%s %s %2d %02d:%02d:%02d %d",
                        kWeekdays[static_cast<size_t>(absl::GetWeekday(civil))],
                        kMonths[civil.month() - 1], civil.day(), civil.hour(), civil.minute(),
                        civil.second(), civil.year());
}

}  // namespace

void AppendRawText(const audit::Event& event, std::string* text) {
  for (size_t index = 0; index < event.record_count(); ++index) {
    text->append(event.line(index));
    text->push_back('\n');
  }
}

void AppendDefaultText(const audit::Event& event, const absl::TimeZone& zone, EscapeMode escape,
                       std::string* text) {
  text->append("----\ntime->");
  AppendTime(event.stamp().time_ms, zone, text);
  text->push_back('\n');
  for (size_t index = event.record_count(); index > 0; --index) {
    const audit::Record record = event.record(index - 1);
    const std::string_view line = event.line(index - 1);
    const std::string_view written = line.substr(0, line.find(kEnrichedTail));
    const auto type = audit::RecordTypeNumber(record.type);
    const bool is_from_daemon = type && audit::IsFromDaemon(*type);
    if (is_from_daemon) {
      AppendWithoutControls(written, escape, text);
    } else {
      AppendEscaped(written, escape, text);
    }
    text->push_back('\n');
    if (is_from_daemon) break;
  }
}

}  // namespace query
