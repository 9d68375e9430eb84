#include "storage/block_reader.h"

#include <algorithm>
#include <xxhash.h>

#include "absl/strings/str_cat.h"

#include "storage/coding.h"

namespace storage {

namespace {

// The columns that every block has, in their order; the last two are not in blocks of format 4.
enum FixedColumn {
  kTime,  // Of events.
  kSerial,
  kRecordCount,
  kNode,
  kFlags,
  kArrival,
  kRank,
  kTemplate,  // Of records.
  kPosition,
  kReceived,
  kAddress,
  kEndArrival,  // Of events.
  kEndRecord,
};

bool IsOfRecords(size_t column) { return column >= kTemplate && column <= kAddress; }

constexpr uint64_t kLateFlag = 1;
constexpr uint64_t kMalformedFlag = 2;

// No record makes more columns; see record_template.h.
constexpr uint32_t kColumnsMax = kTemplateColumnsMax;

// Far more than the assembler's limits allow to be written.
constexpr uint32_t kRecordsMax = 1U << 24;

absl::Status Damaged(std::string_view part) {
  return absl::DataLossError(absl::StrCat("block: bad ", std::string(part)));
}

bool TakeValues(std::string_view* in, std::vector<std::string_view>* values) {
  uint32_t count = 0;
  if (!TakeVarint32(in, &count) || count > in->size()) return false;
  values->resize(count);
  return std::ranges::all_of(*values, [in](std::string_view& one) { return TakeBytes(in, &one); });
}

}  // namespace

absl::StatusOr<std::unique_ptr<BlockReader>> BlockReader::Open(const BlockSummary& summary,
                                                               std::string_view columns) {
  if (columns.size() != summary.columns_bytes ||
      XXH3_64bits(columns.data(), columns.size()) != summary.columns_checksum) {
    return absl::DataLossError("block: the columns do not have the summary's checksum");
  }
  std::unique_ptr<BlockReader> reader(new BlockReader());
  reader->has_ends_ = summary.has_ends;
  if (!reader->ReadDirectory(columns)) return Damaged("directory");
  if (reader->event_count_ != summary.event_count ||
      reader->record_count_ != summary.record_count) {
    return Damaged("count of events or records");
  }
  const absl::Status indexed = reader->IndexRecords();
  if (!indexed.ok()) return indexed;
  return reader;
}

bool BlockReader::ReadDirectory(std::string_view columns) {
  FrameSize size;
  if (!TakeVarint(&columns, &size.packed) || !TakeVarint(&columns, &size.raw)) return false;
  if (size.packed > columns.size()) return false;
  if (!Unpack(columns.substr(0, size.packed), size, &directory_)) return false;
  columns.remove_prefix(size.packed);
  memory_bytes_ += directory_.size();
  std::string_view in = directory_;
  if (!TakeVarint32(&in, &event_count_) || !TakeVarint32(&in, &record_count_)) return false;
  if (record_count_ > kRecordsMax || event_count_ > record_count_) return false;
  return TakeValues(&in, &nodes_) && TakeValues(&in, &addresses_) && TakeTemplates(&in) &&
         TakeEntries(&in) && PlaceColumns(&in, columns) && in.empty();
}

bool BlockReader::TakeTemplates(std::string_view* in) {
  uint32_t count = 0;
  if (!TakeVarint32(in, &count) || count > in->size()) return false;
  templates_.resize(count);
  size_t first_column = fixed_columns();
  uint64_t rows = 0;
  for (BlockTemplate& one : templates_) {
    if (!TakeTemplate(in, &one)) return false;
    one.first_column = first_column;
    first_column += one.shape.columns.size();
    rows += one.rows;
  }
  return rows == record_count_;
}

bool BlockReader::TakeTemplate(std::string_view* in, BlockTemplate* one) {
  uint8_t kind = 0;
  std::string_view bytes;
  uint32_t columns = 0;
  if (!TakeByte(in, static_cast<uint8_t>(TemplateKind::kLine), &kind)) return false;
  one->shape.kind = static_cast<TemplateKind>(kind);
  if (!TakeBytes(in, &bytes) || !TakeVarint32(in, &one->rows)) return false;
  one->shape.type = bytes;
  if (!TakeVarint32(in, &columns) || columns > kColumnsMax || columns > in->size()) return false;
  one->shape.columns.resize(columns);
  for (TemplateColumn& column : one->shape.columns) {
    uint32_t name_bytes = 0;
    uint8_t place = 0;
    if (!TakeBytes(in, &bytes) || !TakeVarint32(in, &name_bytes)) return false;
    if (!TakeByte(in, static_cast<uint8_t>(audit::FieldPlace::kEnriched), &place)) return false;
    column.place = static_cast<audit::FieldPlace>(place);
    one->shape.literals.emplace_back(bytes);
    if (name_bytes == 0) continue;
    // The literal ends with the name and "=".
    if (name_bytes >= bytes.size()) return false;
    column.name = bytes.substr(bytes.size() - 1 - name_bytes, name_bytes);
  }
  if (!TakeBytes(in, &bytes)) return false;
  one->shape.literals.emplace_back(bytes);
  return true;
}

bool BlockReader::TakeEntries(std::string_view* in) {
  for (size_t i = 0; i < fixed_columns(); ++i) {
    if (!TakeEntry(in, IsOfRecords(i) ? record_count_ : event_count_, i)) return false;
    const Coding coding = entries_.back().coding;
    if (coding != Coding::kNumbers && coding != Coding::kStride) return false;
  }
  for (const BlockTemplate& one : templates_) {
    for (size_t i = 0; i < one.shape.columns.size(); ++i) {
      if (!TakeEntry(in, one.rows, one.first_column)) return false;
      const Coding coding = entries_.back().coding;
      if (coding == Coding::kNumbers || coding == Coding::kStride) return false;
    }
  }
  return true;
}

bool BlockReader::TakeEntry(std::string_view* in, uint32_t rows, size_t first_of_template) {
  uint8_t coding = 0;
  Entry entry{.rows = rows};
  if (!TakeByte(in, static_cast<uint8_t>(Coding::kStride), &coding)) return false;
  entry.coding = static_cast<Coding>(coding);
  if (!TakeVarint(in, &entry.bytes)) return false;
  if (entry.coding == Coding::kSameCodes) {
    uint32_t same = 0;
    if (!TakeVarint32(in, &same)) return false;
    entry.same = first_of_template + same;
    if (entry.same >= entries_.size()) return false;
    if (entries_[entry.same].coding != Coding::kDictionary) return false;
  }
  entries_.push_back(std::move(entry));
  return true;
}

size_t BlockReader::fixed_columns() const { return has_ends_ ? kEndRecord + 1 : kAddress + 1; }

bool BlockReader::PlaceColumns(std::string_view* in, std::string_view packed_frames) {
  if (!frames_.Open(in, packed_frames)) return false;
  for (Entry& entry : entries_) {
    if (!frames_.PlaceNext(entry.bytes, &entry.place)) return false;
  }
  return frames_.IsAllPlaced();
}

// Finds the records of each event, and each record's row in the columns of its template.
absl::Status BlockReader::IndexRecords() {
  for (size_t i = 0; i < fixed_columns(); ++i) {
    const auto read = ReadColumn(i);
    if (!read.ok()) return read.status();
  }
  first_records_.assign(1, 0);
  for (uint32_t event = 0; event < event_count_; ++event) {
    const uint64_t count = entries_[kRecordCount].column.Number(event);
    if (count == 0 || count > record_count_ - first_records_.back()) {
      return Damaged("count of an event's records");
    }
    first_records_.push_back(first_records_.back() + static_cast<uint32_t>(count));
    if (entries_[kNode].column.Number(event) >= nodes_.size()) return Damaged("node");
    if (entries_[kSerial].column.Number(event) > UINT32_MAX) return Damaged("serial");
    if (entries_[kRank].column.Number(event) > UINT32_MAX) return Damaged("rank");
    if (has_ends_ && entries_[kEndRecord].column.Number(event) > count) return Damaged("end");
  }
  if (first_records_.back() != record_count_) return Damaged("count of records");
  std::vector<uint32_t> rows(templates_.size(), 0);
  template_of_.resize(record_count_);
  row_of_.resize(record_count_);
  for (uint32_t record = 0; record < record_count_; ++record) {
    const uint64_t number = entries_[kTemplate].column.Number(record);
    if (number >= templates_.size()) return Damaged("number of a template");
    if (rows[number] == templates_[number].rows) return Damaged("rows of a template");
    if (entries_[kAddress].column.Number(record) >= addresses_.size()) return Damaged("address");
    template_of_[record] = static_cast<uint32_t>(number);
    row_of_[record] = rows[number]++;
  }
  memory_bytes_ += sizeof(uint32_t) * (event_count_ + 2 * size_t{record_count_});
  return absl::OkStatus();
}

absl::StatusOr<const Column*> BlockReader::ReadColumn(size_t column) {
  Entry& entry = entries_[column];
  if (entry.is_read) return &entry.column;
  const std::optional<std::string_view> bytes = frames_.Read(entry.place);
  if (!bytes) return Damaged("frame");
  const Column* same = nullptr;
  if (entry.coding == Coding::kSameCodes) {
    const auto read = ReadColumn(entry.same);
    if (!read.ok()) return read.status();
    same = *read;
  }
  if (!entry.column.Decode(entry.coding, entry.rows, *bytes, same)) {
    return Damaged(absl::StrCat("column ", column));
  }
  entry.is_read = true;
  return &entry.column;
}

EventHead BlockReader::head(uint32_t event) const {
  const auto number = [&](FixedColumn column) { return entries_[column].column.Number(event); };
  EventEnd end{.arrival = number(kArrival)};
  if (has_ends_) {
    end = {.arrival = number(kEndArrival), .record = static_cast<uint32_t>(number(kEndRecord))};
  }
  return {.time_ms = number(kTime),
          .serial = static_cast<uint32_t>(number(kSerial)),
          .order = {.arrival = number(kArrival), .rank = static_cast<uint32_t>(number(kRank))},
          .end = end,
          .node = nodes_[number(kNode)],
          .late = (number(kFlags) & kLateFlag) != 0,
          .malformed = (number(kFlags) & kMalformedFlag) != 0};
}

RecordOrigin BlockReader::origin(uint32_t record) const {
  const auto number = [&](FixedColumn column) { return entries_[column].column.Number(record); };
  return {.position = number(kPosition),
          .received_ms = number(kReceived),
          .address = addresses_[number(kAddress)]};
}

absl::Status BlockReader::AppendLine(uint32_t event, uint32_t record, std::string* line) {
  const BlockTemplate& one = templates_[template_of_[record]];
  const RecordTemplate& shape = one.shape;
  if (shape.kind != TemplateKind::kLine) {
    const EventHead of = head(event);
    if (!of.node.empty()) line->append("node=").append(of.node).push_back(' ');
    line->append("type=").append(shape.type);
    AppendStamp(of.time_ms, of.serial, line);
  }
  for (size_t i = 0; i < shape.columns.size(); ++i) {
    const absl::StatusOr<const Column*> column = ReadColumn(one.first_column + i);
    if (!column.ok()) return column.status();
    line->append(shape.literals[i]);
    line->append((*column)->Value(row_of_[record], &scratch_));
  }
  line->append(shape.literals.back());
  return absl::OkStatus();
}

absl::StatusOr<audit::Event> BlockReader::ReadEvent(uint32_t event) {
  const EventHead of = head(event);
  audit::Event found(std::string(of.node), {.time_ms = of.time_ms, .serial = of.serial});
  if (of.late) found.MarkLate();
  std::string line;
  for (uint32_t record = first_records_[event]; record < first_records_[event + 1]; ++record) {
    line.clear();
    const absl::Status read = AppendLine(event, record, &line);
    if (!read.ok()) return read;
    if (!audit::ParseRecord(line).ok()) return Damaged("record");
    found.Add(line, origin(record).position);
  }
  return found;
}

}  // namespace storage
