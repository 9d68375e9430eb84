#include "storage/block_writer.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <xxhash.h>

#include "absl/strings/str_format.h"

#include "storage/coding.h"

namespace storage {

namespace {

// Beyond this many templates in a block, a host writes shapes that do not come back: their bodies
// are kept whole, and beyond twice as many their lines.
constexpr size_t kTemplatesMax = 1024;

// Templates that are remembered from one block to the next: those of a few hosts. Past it all are
// forgotten; each costs some kB.
constexpr size_t kTemplatesKnownMax = 4096;

// How many templates of one type are tried by matching before the record is split field by field.
constexpr size_t kTemplatesTriedMax = 4;

constexpr std::string_view kTypePrefix = "type=";

constexpr uint64_t kLateFlag = 1;
constexpr uint64_t kMalformedFlag = 2;

// Equal for records of one template, and for no others.
std::string ShapeKey(const RecordTemplate& shape) {
  std::string key(1, static_cast<char>(shape.kind));
  PutBytes(&key, shape.type);
  for (const std::string& literal : shape.literals) PutBytes(&key, literal);
  // Where a field stands depends on nothing but the literals, or nearly so: the tail byte can be
  // missing.
  for (const TemplateColumn& column : shape.columns) {
    key.push_back(static_cast<char>(column.place));
    PutVarint(&key, column.name.size());
  }
  return key;
}

void PutValues(const ValueDictionary& values, std::string* out) {
  PutVarint(out, values.size());
  for (uint32_t i = 0; i < values.size(); ++i) PutBytes(out, values.value(i));
}

void PutTemplate(const RecordTemplate& shape, uint32_t rows, std::string* out) {
  out->push_back(static_cast<char>(shape.kind));
  PutBytes(out, shape.type);
  PutVarint(out, rows);
  PutVarint(out, shape.columns.size());
  for (size_t i = 0; i < shape.columns.size(); ++i) {
    PutBytes(out, shape.literals[i]);
    PutVarint(out, shape.columns[i].name.size());
    out->push_back(static_cast<char>(shape.columns[i].place));
  }
  PutBytes(out, shape.literals.back());
}

void PutColumn(Coding coding, std::string_view column, std::string* directory,
               FrameWriter* frames) {
  directory->push_back(static_cast<char>(coding));
  PutVarint(directory, column.size());
  frames->Add(column);
}

void Extend(query::TimeRange* range, uint64_t time_ms) {
  *range = query::Hull(*range, {.from_ms = time_ms, .to_ms = time_ms});
}

}  // namespace

// A template and the values of the records that have it.
struct BlockWriter::Rows {
  RecordTemplate shape;
  std::vector<ColumnWriter> columns;
  TemplateSample sample;  // The last record.
  uint32_t count = 0;     // In this block.
  uint64_t number = 0;    // In this block, if count > 0.
  Rows* next = nullptr;   // What came behind it the last time.
};

BlockWriter::BlockWriter() = default;
BlockWriter::~BlockWriter() = default;

void BlockWriter::BeginEvent(const EventHead& head) {
  malformed_ = head.malformed;
  node_prefix_.clear();
  if (!head.node.empty()) node_prefix_.append("node=").append(head.node).push_back(' ');
  stamp_text_.clear();
  AppendStamp(head.time_ms, head.serial, &stamp_text_);
  times_.push_back(head.time_ms);
  serials_.push_back(head.serial);
  record_counts_.push_back(0);
  event_nodes_.push_back(nodes_.Intern(head.node));
  flags_.push_back((head.late ? kLateFlag : 0) | (head.malformed ? kMalformedFlag : 0));
  arrivals_.push_back(head.order.arrival);
  ranks_.push_back(head.order.rank);
  const uint64_t end_arrival = head.end.record == 0 ? head.order.arrival : head.end.arrival;
  end_arrivals_.push_back(end_arrival);
  end_records_.push_back(head.end.record);

  const bool is_first = summary_.event_count == 0;
  summary_.order_min = is_first ? head.order : std::min(summary_.order_min, head.order);
  summary_.order_max = is_first ? head.order : std::max(summary_.order_max, head.order);
  summary_.end_min = is_first ? end_arrival : std::min(summary_.end_min, end_arrival);
  Extend(&summary_.time, head.time_ms);
  if (head.malformed) ++summary_.malformed_count;
  const bool is_first_serial = summary_.event_count + 1 - summary_.malformed_count == 1;
  if (!head.malformed) {
    const uint32_t serial = head.serial;
    summary_.serial_min = is_first_serial ? serial : std::min(summary_.serial_min, serial);
    summary_.serial_max = is_first_serial ? serial : std::max(summary_.serial_max, serial);
  }
  ++summary_.event_count;
}

void BlockWriter::AddRecord(std::string_view line, const RecordOrigin& origin) {
  Rows* const rows = FindTemplate(line);
  if (rows->count == 0) {
    rows->number = used_.size();
    used_.push_back(rows);
  }
  // Values that are not set are the last ones again.
  for (const uint32_t column : changed_) {
    rows->columns[column].Set(rows->count, values_[column]);
  }
  ++rows->count;
  if (previous_ != nullptr) previous_->next = rows;
  previous_ = rows;

  templates_.push_back(rows->number);
  positions_.push_back(origin.position);
  received_.push_back(origin.received_ms);
  // Mostly that of the record before.
  const bool same_address =
      !record_addresses_.empty() && addresses_.size() == 1 && addresses_.value(0) == origin.address;
  record_addresses_.push_back(same_address ? 0 : addresses_.Intern(origin.address));
  ++record_counts_.back();

  const bool is_first = summary_.record_count == 0;
  summary_.position_min =
      is_first ? origin.position : std::min(summary_.position_min, origin.position);
  summary_.position_max =
      is_first ? origin.position : std::max(summary_.position_max, origin.position);
  Extend(&summary_.received, origin.received_ms);
  summary_.record_bytes += line.size() + 1;
  ++summary_.record_count;
}

// Sets values_ and changed_, too.
BlockWriter::Rows* BlockWriter::FindTemplate(std::string_view line) {
  std::string_view text = line;
  std::string_view type;
  if (!malformed_ && TakePrefix(&text, &type)) {
    Rows* rows = Match(type, text);
    if (rows == nullptr) rows = SplitAnew(type, text);
    if (rows != nullptr) {
      if (rows->count == 0 || !changed_.empty()) rows->sample.Set(rows->shape, text, values_);
      return rows;
    }
  }
  if (!malformed_) {
    const absl::StatusOr<audit::Record> record = audit::ParseRecord(line);
    ++odd_types_[record.ok() ? std::string(record->type) : std::string()];
  }
  values_.assign(1, line);
  changed_.assign(1, 0);
  return RowsFor(WholeLine());
}

// Takes all that the event and the type tell, if it is written as this class would write it.
bool BlockWriter::TakePrefix(std::string_view* line, std::string_view* type) const {
  std::string_view in = *line;
  if (!in.starts_with(node_prefix_)) return false;
  in.remove_prefix(node_prefix_.size());
  if (!in.starts_with(kTypePrefix)) return false;
  in.remove_prefix(kTypePrefix.size());
  const size_t end = in.find(' ');
  if (end == 0 || end == std::string_view::npos) return false;
  *type = in.substr(0, end);
  in.remove_prefix(end);
  if (!in.starts_with(stamp_text_)) return false;
  in.remove_prefix(stamp_text_.size());
  *line = in;
  return true;
}

// Tries the templates that the record is likely to have.
BlockWriter::Rows* BlockWriter::Match(std::string_view type, std::string_view text) {
  Rows* const expected = previous_ == nullptr ? nullptr : previous_->next;
  const auto matches = [&](const Rows& rows) {
    return rows.shape.kind == TemplateKind::kFields && rows.shape.type == type &&
           rows.sample.Match(rows.shape, text, &values_, &changed_);
  };
  if (expected != nullptr && matches(*expected)) return expected;
  const auto found = by_type_.find(absl::string_view(type.data(), type.size()));
  if (found == by_type_.end()) return nullptr;
  std::vector<Rows*>& candidates = found->second;
  const size_t tried = std::min(candidates.size(), kTemplatesTriedMax);
  for (size_t i = 0; i < tried; ++i) {
    if (candidates[i] == expected || !matches(*candidates[i])) continue;
    std::rotate(candidates.begin(), candidates.begin() + static_cast<ptrdiff_t>(i),
                candidates.begin() + static_cast<ptrdiff_t>(i) + 1);
    return candidates.front();
  }
  return nullptr;
}

// Null if the block has so many templates that the line is to be kept whole.
BlockWriter::Rows* BlockWriter::SplitAnew(std::string_view type, std::string_view text) {
  RecordTemplate shape = SplitIntoTemplate(type, text, &values_);
  changed_.resize(values_.size());
  std::iota(changed_.begin(), changed_.end(), 0);
  const auto known = by_shape_.find(ShapeKey(shape));
  if (known != by_shape_.end() && known->second->count > 0) return known->second;
  if (used_.size() >= 2 * kTemplatesMax) return nullptr;
  if (used_.size() >= kTemplatesMax) {
    values_.assign(1, text);
    changed_.assign(1, 0);
    shape = WholeBody(type);
  }
  return RowsFor(std::move(shape));
}

BlockWriter::Rows* BlockWriter::RowsFor(RecordTemplate shape) {
  const auto [known, is_new] = by_shape_.try_emplace(ShapeKey(shape), nullptr);
  if (!is_new) return known->second;
  known_.push_back(std::make_unique<Rows>());
  Rows* const rows = known_.back().get();
  known->second = rows;
  rows->shape = std::move(shape);
  rows->columns.resize(rows->shape.columns.size());
  std::vector<Rows*>& same_type = by_type_[rows->shape.type];
  same_type.insert(same_type.begin(), rows);
  return rows;
}

void BlockWriter::CountTypes() {
  std::map<std::string_view, uint32_t> types;
  for (const Rows* rows : used_) {
    if (rows->shape.kind != TemplateKind::kLine) types[rows->shape.type] += rows->count;
  }
  for (const auto& [type, records] : odd_types_) types[type] += records;
  if (summary_.malformed_count > 0) types[{}] += summary_.malformed_count;
  for (const auto& [type, records] : types) {
    summary_.types.push_back({.type = std::string(type), .records = records});
  }
}

EncodedBlock BlockWriter::Finish() {
  CountTypes();

  Packer packer;
  FrameWriter frames(packer);
  std::string directory;
  PutVarint(&directory, summary_.event_count);
  PutVarint(&directory, summary_.record_count);
  PutValues(nodes_, &directory);
  PutValues(addresses_, &directory);
  PutVarint(&directory, used_.size());
  for (const Rows* rows : used_) PutTemplate(rows->shape, rows->count, &directory);
  for (const std::vector<uint64_t>* numbers :
       {&times_, &serials_, &record_counts_, &event_nodes_, &flags_, &arrivals_, &ranks_,
        &templates_, &positions_, &received_, &record_addresses_, &end_arrivals_, &end_records_}) {
    std::string column;
    const Coding coding = EncodeNumbers(*numbers, &column);
    PutColumn(coding, column, &directory, &frames);
  }
  PutTemplates(&directory, &frames);
  std::vector<FrameSize> sizes;
  const std::string packed_frames = frames.Finish(&sizes);
  PutFrameSizes(sizes, &directory);

  EncodedBlock block;
  std::string packed_directory;
  const FrameSize directory_size = packer.Pack(directory, &packed_directory);
  PutVarint(&block.columns, directory_size.packed);
  PutVarint(&block.columns, directory_size.raw);
  block.columns.append(packed_directory);
  block.columns.append(packed_frames);
  summary_.columns_bytes = block.columns.size();
  summary_.columns_checksum = XXH3_64bits(block.columns.data(), block.columns.size());
  block.summary = std::move(summary_);
  Clear();
  return block;
}

// Appends the columns of all templates.
void BlockWriter::PutTemplates(std::string* directory, FrameWriter* frames) {
  std::string column;
  for (Rows* const rows : used_) {
    std::vector<size_t> dictionaries;  // Columns that others may share the codes of.
    for (size_t i = 0; i < rows->columns.size(); ++i) {
      rows->columns[i].Finish(rows->count);
      const auto same = std::ranges::find_if(dictionaries, [&](size_t earlier) {
        return rows->columns[i].HasCodesOf(rows->columns[earlier]);
      });
      const bool has_same = same != dictionaries.end();
      column.clear();
      const Coding coding = rows->columns[i].Encode(has_same, &column);
      if (coding == Coding::kDictionary) dictionaries.push_back(i);
      PutColumn(coding, column, directory, frames);
      if (coding == Coding::kSameCodes) PutVarint(directory, *same);
    }
  }
}

void BlockWriter::Clear() {
  summary_ = {};
  odd_types_.clear();
  nodes_.Clear();
  addresses_.Clear();
  for (std::vector<uint64_t>* numbers :
       {&times_, &serials_, &record_counts_, &event_nodes_, &flags_, &arrivals_, &ranks_,
        &templates_, &positions_, &received_, &record_addresses_, &end_arrivals_, &end_records_}) {
    numbers->clear();
  }
  for (Rows* const rows : used_) {
    for (ColumnWriter& column : rows->columns) column.Clear();
    rows->sample.Clear();
    rows->count = 0;
  }
  used_.clear();
  previous_ = nullptr;
  if (known_.size() > kTemplatesKnownMax) {
    by_type_.clear();
    by_shape_.clear();
    known_.clear();
  }
}

}  // namespace storage
