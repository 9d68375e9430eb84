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

// Appends what every record of an event has behind its type: " msg=audit(1626611363.720:12):".
void AppendStamp(uint64_t time_ms, uint32_t serial, std::string* text);

// The templates of kBody and kLine.
RecordTemplate WholeBody(std::string_view type);
RecordTemplate WholeLine();

// The template of a record. `text` is what stands behind "):". Sets *values to views into it.
RecordTemplate SplitIntoTemplate(std::string_view type, std::string_view text,
                                 std::vector<std::string_view>* values);

// A record of a template that others are compared with: most values come back.
class TemplateSample {
 public:
  // Takes a record: `values` are views into `text`, as SplitIntoTemplate() gives them.
  void Set(const RecordTemplate& shape, std::string_view text,
           const std::vector<std::string_view>& values);

  // Splits `text` by the template, if SplitIntoTemplate() would split it alike; much faster than
  // that. It may return false for text that does have the template. Else sets *values to a view
  // into `text` for each column, and *changed to the columns whose values are not the sample's.
  bool Match(const RecordTemplate& shape, std::string_view text,
             std::vector<std::string_view>* values, std::vector<uint32_t>* changed) const;

  bool is_set() const { return is_set_; }
  void Clear() { is_set_ = false; }

 private:
  struct Place {
    uint32_t begin;
    uint32_t end;
  };

  bool is_set_ = false;
  std::string text_;
  std::vector<Place> places_;  // Of the values in text_.
};

}  // namespace storage
