#include "query/sentence_text.h"

#include <cstddef>
#include <optional>
#include <string_view>

#include "query/append.h"
#include "query/local_time.h"

namespace query {

namespace {

// The word behind `name` in the meaning of a socket address. Empty if there is none.
std::string_view AddressPart(std::string_view address, std::string_view name) {
  const size_t begin = address.find(name);
  if (begin == std::string_view::npos) return "";
  const std::string_view part = address.substr(begin + name.size());
  const size_t end = part.find(' ');
  return end == std::string_view::npos ? "" : part.substr(0, end);
}

std::string_view ObjectName(const NormalField& object) {
  if (object.type != AUPARSE_TYPE_SOCKADDR) return object.text;
  const std::string_view address = AddressPart(object.text, "laddr=");
  if (!address.empty()) return address;
  const std::string_view family = AddressPart(object.text, "fam=");
  return family.empty() ? std::string_view(object.text) : family;
}

void AppendSubject(const NormalForm& form, std::string* text) {
  if (form.subject.has_value()) {
    text->append(form.subject->text == "unset" ? "system" : form.subject->text);
  }
  const bool acts_as_another = form.subject.has_value() && form.acting_subject.has_value() &&
                               form.subject->number != -2 && form.acting_subject->number != -1 &&
                               form.acting_subject->number != form.subject->number;
  if (acts_as_another) AppendAll(text, ", acting as ", form.acting_subject->text, ",");
}

}  // namespace

void AppendSentenceText(const EventPlace& place, const NormalForm& form, std::string* text) {
  if (place.node.empty()) {
    text->append("At ");
  } else {
    AppendAll(text, "On ", place.node, " at ");
  }
  AppendTime(LocalTime(place.stamp.time_ms, place.zone), "%T %x ", text);
  AppendSubject(form, text);
  if (form.success.has_value()) text->append(*form.success ? " successfully" : " unsuccessfully");
  AppendAll(text, " ", form.action.value_or("did-unknown"), " ");
  if (form.object.has_value()) AppendAll(text, ObjectName(*form.object), " ");
  if (form.second_object.has_value()) AppendAll(text, "to ", form.second_object->text, " ");
  // The end of a session needs no means.
  if (form.how.has_value() && form.action.has_value() && !form.action->starts_with('e')) {
    AppendAll(text, "using ", *form.how);
  }
  text->push_back('\n');
}

}  // namespace query
