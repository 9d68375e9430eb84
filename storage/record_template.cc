#include "storage/record_template.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace storage {

namespace {

constexpr size_t kNoEnd = std::string_view::npos;
constexpr char kTailByte = '\x1d';

// Where a bare value may end, or what makes FieldReader look closer: see audit/field.cc. A value
// with one of these inside is left to FieldReader.
constexpr std::array<bool, 256> EndsBareValue() {
  std::array<bool, 256> ends{};
  for (const unsigned char byte : {' ', '\x1d', '\'', '=', ',', '(', ')'}) ends[byte] = true;
  return ends;
}
constexpr std::array<bool, 256> kEndsBareValue = EndsBareValue();

// How many bytes at the front of `text` are a value, or kNoEnd if only FieldReader can tell.
size_t ValueBytes(std::string_view text, audit::FieldPlace place) {
  if (!text.empty()) {
    if (text[0] == '"') {
      const size_t end = text.find('"', 1);
      // Quotes and tail bytes inside of a value can move the end of the whole message or body.
      if (end == kNoEnd || text.substr(0, end).find_first_of("'\x1d") != kNoEnd) return kNoEnd;
      return end + 1;
    }
    if (text[0] == '\'') return kNoEnd;
    if (text[0] == '{' && place == audit::FieldPlace::kEnriched) {
      const size_t end = text.find(" }");
      if (end == kNoEnd || text.substr(0, end).find_first_of("'\x1d") != kNoEnd) return kNoEnd;
      return end + 2;
    }
  }
  size_t end = 0;
  while (end < text.size() && !kEndsBareValue[static_cast<unsigned char>(text[end])]) ++end;
  if (end == text.size() || text[end] == ' ' || text[end] == kTailByte) return end;
  if (place != audit::FieldPlace::kMessage) return kNoEnd;
  // The quote that ends the message is its last one.
  if (text[end] == '\'') return text.find('\'', end + 1) == kNoEnd ? end : kNoEnd;
  // In a message "a=x, b=" has the value "x", but "a=, b=" has ",", and "a=x,y b=" has "x,y".
  const bool is_punctuation = text[end] == ',' || text[end] == ')';
  const bool ends_here = end + 1 == text.size() || text[end + 1] == ' ';
  return is_punctuation && end > 0 && ends_here ? end : kNoEnd;
}

// Whether a value ends where it does whatever follows. An opening without its end makes FieldReader
// look for the end in all the rest.
bool EndsByItself(std::string_view value) {
  if (value.empty()) return true;
  if (value[0] == '"' || value[0] == '\'') return value.size() > 1 && value.back() == value[0];
  return value[0] != '{' || value.ends_with(" }");
}

// How many bytes at the front are the same in both.
size_t CommonPrefix(std::string_view a, std::string_view b) {
  const size_t limit = std::min(a.size(), b.size());
  size_t same = 0;
  for (; same + sizeof(uint64_t) <= limit; same += sizeof(uint64_t)) {
    uint64_t of_a = 0;
    uint64_t of_b = 0;
    std::memcpy(&of_a, a.data() + same, sizeof(of_a));
    std::memcpy(&of_b, b.data() + same, sizeof(of_b));
    if (of_a != of_b) break;
  }
  while (same < limit && a[same] == b[same]) ++same;
  return same;
}

}  // namespace

void AppendStamp(uint64_t time_ms, uint32_t serial, std::string* text) {
  std::array<char, 20> digits;
  const auto append = [&](uint64_t number) {
    text->append(digits.data(), std::to_chars(digits.begin(), digits.end(), number).ptr);
  };
  text->append(" msg=audit(");
  append(time_ms / 1000);
  // Three digits, behind a point.
  append(1000 + time_ms % 1000);
  (*text)[text->size() - 4] = '.';
  text->push_back(':');
  append(serial);
  text->append("):");
}

RecordTemplate WholeBody(std::string_view type) {
  return {.kind = TemplateKind::kBody,
          .type = std::string(type),
          .literals = {"", ""},
          .columns = {TemplateColumn()}};
}

RecordTemplate WholeLine() {
  return {.kind = TemplateKind::kLine, .literals = {"", ""}, .columns = {TemplateColumn()}};
}

RecordTemplate SplitIntoTemplate(std::string_view type, std::string_view text,
                                 std::vector<std::string_view>* values) {
  RecordTemplate shape{.type = std::string(type)};
  values->clear();
  // As ParseRecord(): one blank behind the stamp belongs to the prefix.
  const bool has_blank = text.starts_with(' ');
  const std::string_view body = text.substr(has_blank ? 1 : 0);
  std::string literal(has_blank ? " " : "");
  audit::FieldReader reader(body);
  audit::Field field;
  while (reader.Next(&field)) {
    literal.append(field.separator);
    if (field.name.empty()) {
      literal.append(field.text);
      continue;
    }
    if (values->size() == kTemplateColumnsMax) {
      values->assign(1, text);
      return WholeBody(type);
    }
    literal.append(field.name).push_back('=');
    shape.literals.push_back(std::move(literal));
    shape.columns.push_back({.name = std::string(field.name), .place = field.place});
    values->push_back(field.value);
    literal.clear();
  }
  literal.append(reader.trailing());
  shape.literals.push_back(std::move(literal));
  return shape;
}

void TemplateSample::Set(const RecordTemplate& shape, std::string_view text,
                         const std::vector<std::string_view>& values) {
  is_set_ = shape.kind == TemplateKind::kFields &&
            std::ranges::all_of(values, [](std::string_view value) { return EndsByItself(value); });
  if (!is_set_) return;
  text_ = text;
  places_.clear();
  for (const std::string_view value : values) {
    const auto begin = static_cast<uint32_t>(value.data() - text.data());
    places_.push_back({.begin = begin, .end = begin + static_cast<uint32_t>(value.size())});
  }
}

bool TemplateSample::Match(const RecordTemplate& shape, std::string_view text,
                           std::vector<std::string_view>* values,
                           std::vector<uint32_t>* changed) const {
  if (!is_set_) return false;
  const std::string_view sample = text_;
  values->clear();
  changed->clear();
  size_t in_text = 0;
  size_t in_sample = 0;
  for (;;) {
    // Up to here both are alike, values and literals.
    const size_t same = CommonPrefix(text.substr(in_text), sample.substr(in_sample));
    const size_t sample_end = in_sample + same;
    const bool is_end = sample_end == sample.size() && in_text + same == text.size();
    // A value is the sample's if the literal behind it is there, too: then the same ends it.
    while (values->size() < places_.size()) {
      const size_t column = values->size();
      const Place& place = places_[column];
      if (place.end + shape.literals[column + 1].size() > sample_end) break;
      if (column + 1 == places_.size() && !is_end) break;
      values->push_back(text.substr(in_text + (place.begin - in_sample), place.end - place.begin));
    }
    if (values->size() == places_.size()) return is_end;
    const auto column = static_cast<uint32_t>(values->size());
    const Place& place = places_[column];
    if (sample_end < place.begin) return false;  // A literal differs.
    const size_t begin = in_text + (place.begin - in_sample);
    const size_t bytes = ValueBytes(text.substr(begin), shape.columns[column].place);
    if (bytes == kNoEnd) return false;
    values->push_back(text.substr(begin, bytes));
    changed->push_back(column);
    in_text = begin + bytes;
    in_sample = place.end;
  }
}

}  // namespace storage
