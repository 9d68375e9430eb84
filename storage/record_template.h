// The shape of a record: everything but the values of its fields.
//
//   type=PATH msg=audit(1.000:7): item=0 name="/etc" inode=12 nametype=NORMAL
//
// has the template PATH, " item=" _ " name=" _ " inode=" _ " nametype=" _ "", and the values 0,
// "/etc", 12, NORMAL. The literals and the values in turn are the record, byte for byte, behind its
// prefix, which the event's node and stamp give. Hosts write a few dozen templates over and over,
// so a block holds each once, and its values as columns.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "audit/field.h"

namespace storage {

enum class TemplateKind : uint8_t {
  kFields = 0,  // A column for each field.
  kBody = 1,    // One column: the body as it is. For records that would make too many columns.
  kLine = 2,    // One column: the line as it is. It has no prefix, or writes it in an odd way.
};

struct TemplateColumn {
  std::string name;  // Of the field; empty for a body or a line.
  audit::FieldPlace place = audit::FieldPlace::kRecord;
};

struct RecordTemplate {
  TemplateKind kind = TemplateKind::kFields;
  std::string type = {};                   // As the record names it. Empty for kLine.
  std::vector<std::string> literals = {};  // Around the values: one more than columns.
  std::vector<TemplateColumn> columns = {};
};

// A record with more fields is stored as kBody.
inline constexpr size_t kTemplateColumnsMax = 256;

// The templates of kBody and kLine.
RecordTemplate WholeBody(std::string_view type);
RecordTemplate WholeLine();

// The template of a record. `text` is what stands behind "):". Sets *values to views into it.
RecordTemplate SplitIntoTemplate(std::string_view type, std::string_view text,
                                 std::vector<std::string_view>* values);

// Splits `text` by a template of kind kFields, if SplitIntoTemplate() would split it alike; much
// faster than that. It may return false for text that does have the template. `last` are the values
// of another record of the template, as many as columns: a value that is equal to the last one is
// given as a view into `last`, any other as a view into `text`.
bool MatchTemplate(const RecordTemplate& shape, std::string_view text,
                   const std::vector<std::string_view>& last,
                   std::vector<std::string_view>* values);

}  // namespace storage
