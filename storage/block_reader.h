// Reads a block: all of it, some of its events, or some of its columns.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "audit/event.h"
#include "storage/block.h"
#include "storage/column.h"
#include "storage/frames.h"
#include "storage/record_template.h"

namespace storage {

// A template and how many records of the block have it.
struct BlockTemplate {
  RecordTemplate shape;
  uint32_t rows = 0;
  size_t first_column = 0;  // For BlockReader::ReadColumn(); its other columns follow.
};

// Unpacks frames when they are first needed. Damage of any kind is kDataLoss, never a crash: the
// bytes may come from anywhere. For one thread at a time.
class BlockReader {
 public:
  // `columns` must outlive the reader. Checks them against the summary's checksum.
  static absl::StatusOr<std::unique_ptr<BlockReader>> Open(const BlockSummary& summary,
                                                           std::string_view columns);

  BlockReader(const BlockReader&) = delete;
  BlockReader& operator=(const BlockReader&) = delete;

  uint32_t event_count() const { return event_count_; }
  uint32_t record_count() const { return record_count_; }

  // `event` is below event_count(). Views are valid as long as the reader.
  EventHead head(uint32_t event) const;

  // The records of an event are those from first_record(event) to first_record(event + 1).
  uint32_t first_record(uint32_t event) const { return first_records_[event]; }

  // Where and when a record came. `record` is below record_count().
  RecordOrigin origin(uint32_t record) const;

  // Appends the line of a record. Unpacks the columns of its template.
  absl::Status AppendLine(uint32_t event, uint32_t record, std::string* line);

  // An event that is not malformed, with the records' positions as tags.
  absl::StatusOr<audit::Event> ReadEvent(uint32_t event);

  const std::vector<BlockTemplate>& templates() const { return templates_; }

  // The template of a record, and its row in the columns of that template.
  uint32_t template_of(uint32_t record) const { return template_of_[record]; }
  uint32_t row_of(uint32_t record) const { return row_of_[record]; }

  // One column of a template: `column` counts from its first_column. Valid as long as the reader.
  absl::StatusOr<const Column*> ReadColumn(size_t column);

  // What has been unpacked, in bytes.
  size_t memory_bytes() const { return memory_bytes_ + frames_.memory_bytes(); }

 private:
  struct Entry {
    Coding coding = Coding::kConstant;
    size_t same = 0;  // The column whose codes it has.
    uint32_t rows = 0;
    uint64_t bytes = 0;
    FrameReader::Place place = {};
    bool is_read = false;
    Column column = {};
  };

  BlockReader() = default;
  bool ReadDirectory(std::string_view columns);
  bool TakeTemplates(std::string_view* in);
  bool TakeTemplate(std::string_view* in, BlockTemplate* one);
  bool TakeEntries(std::string_view* in);
  bool TakeEntry(std::string_view* in, uint32_t rows, size_t first_of_template);
  size_t fixed_columns() const;
  bool PlaceColumns(std::string_view* in, std::string_view packed_frames);
  absl::Status IndexRecords();

  bool has_ends_ = false;
  uint32_t event_count_ = 0;
  uint32_t record_count_ = 0;
  std::string directory_;
  std::vector<std::string_view> nodes_;
  std::vector<std::string_view> addresses_;
  std::vector<BlockTemplate> templates_;
  std::vector<Entry> entries_;  // The columns of events, of records, then of templates.
  FrameReader frames_;
  size_t memory_bytes_ = 0;

  std::vector<uint32_t> first_records_;  // One more than events.
  std::vector<uint32_t> template_of_;
  std::vector<uint32_t> row_of_;
  std::string scratch_;
};

}  // namespace storage
