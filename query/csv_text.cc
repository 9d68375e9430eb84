#include "query/csv_text.h"

#include <cstdlib>
#include <ctime>
#include <optional>
#include <string_view>

#include "absl/strings/str_format.h"

#include "query/append.h"
#include "query/local_time.h"

namespace query {

namespace {

void AppendColumn(std::string_view value, std::string* text) { AppendAll(text, value, ","); }

void AppendColumn(const std::optional<NormalField>& field, std::string* text) {
  AppendColumn(field.has_value() ? std::string_view(field->text) : "", text);
}

void AppendTimeColumns(const EventPlace& place, const std::tm& time, std::string* text) {
  for (const char* const format : {"%Y,", "%m,", "%d,", "%u,", "%k,"}) {
    AppendTime(time, format, text);
  }
  const absl::TimeZone::CivilInfo civil =
      place.zone.At(absl::FromUnixSeconds(static_cast<int64_t>(place.stamp.time_ms / 1000)));
  const int minutes = std::abs(civil.offset) / 60;
  absl::StrAppendFormat(text, "%u,%c%02d:%02d,", place.stamp.time_ms % 1000,
                        civil.offset >= 0 ? '+' : '-', minutes / 60, minutes % 60);
}

std::string_view SubjectName(const std::optional<NormalField>& subject) {
  if (!subject.has_value()) return "";
  return subject->text == "unset" ? "system" : std::string_view(subject->text);
}

std::string_view ResultName(const std::optional<bool>& success) {
  if (!success.has_value()) return "";
  return *success ? "success" : "failed";
}

}  // namespace

std::string CsvHeaderText(const CsvColumns& columns) {
  return Concatenate("NODE,EVENT,DATE,TIME,",
                     columns.time ? "YEAR,MONTH,DAY,WEEKDAY,HOUR,MILLI,GMT_OFFSET," : "",
                     "SERIAL_NUM,EVENT_KIND,SESSION,SUBJ_PRIME,SUBJ_SEC,SUBJ_KIND,",
                     columns.labels ? "SUBJ_LABEL," : "", "ACTION,RESULT,OBJ_PRIME,OBJ_SEC,",
                     columns.second_object ? "OBJ2," : "", columns.labels ? "OBJ_LABEL," : "",
                     "OBJ_KIND,HOW", columns.keys ? ",KEY" : "", "\n");
}

void AppendCsvText(const EventPlace& place, const NormalForm& form, const CsvColumns& columns,
                   std::string* text) {
  AppendColumn(place.node, text);
  AppendColumn(form.record_type_name, text);
  const std::tm time = LocalTime(place.stamp.time_ms, place.zone);
  AppendTime(time, "%x,", text);
  AppendTime(time, "%T,", text);
  if (columns.time) AppendTimeColumns(place, time, text);
  AppendColumn(std::to_string(place.stamp.serial), text);
  if (form.failed) {
    // One less than there are columns if a second object was asked for, as in the real tool.
    AppendAll(text, ",,,,,,,,,", columns.labels ? ",," : "", columns.keys ? "," : "", "\n");
    return;
  }
  AppendColumn(form.kind.empty() ? "unknown" : form.kind, text);
  AppendColumn(form.session, text);
  AppendColumn(SubjectName(form.subject), text);
  AppendColumn(form.acting_subject, text);
  AppendColumn(form.subject_kind, text);
  if (columns.labels) AppendColumn(form.subject_label, text);
  AppendColumn(form.action.value_or("did-unknown"), text);
  AppendColumn(ResultName(form.success), text);
  AppendColumn(form.object, text);
  AppendColumn(form.object_detail, text);
  if (columns.second_object) AppendColumn(form.second_object, text);
  if (columns.labels) AppendColumn(form.object_label, text);
  AppendColumn(form.object_kind, text);
  text->append(form.how.value_or(""));
  if (columns.keys) AppendAll(text, ",", form.key.has_value() ? form.key->text : "");
  text->push_back('\n');
}

}  // namespace query
