#include "storage/record_template.h"

#include <array>

namespace storage {

namespace {

constexpr size_t kNoEnd = std::string_view::npos;

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
  // In a message "a=, b=" has the value ",", while "a=x, b=" has "x".
  if (text.starts_with(',') || text.starts_with(')')) return kNoEnd;
  size_t end = 0;
  while (end < text.size() && !kEndsBareValue[static_cast<unsigned char>(text[end])]) ++end;
  return end;
}

// Whether a value ends where it does whatever follows. An opening without its end makes FieldReader
// look for the end in all the rest.
bool EndsByItself(std::string_view value) {
  if (value.empty()) return true;
  if (value[0] == '"' || value[0] == '\'') return value.size() > 1 && value.back() == value[0];
  return value[0] != '{' || value.ends_with(" }");
}

}  // namespace

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

bool MatchTemplate(const RecordTemplate& shape, std::string_view text,
                   const std::vector<std::string_view>& last,
                   std::vector<std::string_view>* values) {
  const size_t columns = shape.columns.size();
  if (!text.starts_with(shape.literals[0])) return false;
  text.remove_prefix(shape.literals[0].size());
  values->resize(columns);
  for (size_t i = 0; i < columns; ++i) {
    const std::string_view literal = shape.literals[i + 1];
    const bool is_end = i + 1 == columns;
    const auto literal_follows = [&](size_t bytes) {
      const std::string_view rest = text.substr(bytes);
      return is_end ? rest == literal : rest.starts_with(literal);
    };
    // The value was split off in this place before, and what ends it is the same.
    if (!last[i].empty() && text.starts_with(last[i]) && literal_follows(last[i].size()) &&
        EndsByItself(last[i])) {
      (*values)[i] = last[i];
      text.remove_prefix(last[i].size() + literal.size());
      continue;
    }
    const size_t bytes = ValueBytes(text, shape.columns[i].place);
    if (bytes == kNoEnd || !literal_follows(bytes)) return false;
    (*values)[i] = text.substr(0, bytes);
    text.remove_prefix(bytes + literal.size());
  }
  return columns > 0 || text.empty();
}

}  // namespace storage
