// Makes a block out of events: splits records into templates and values, gathers the values by
// column, and compresses the columns. storage/README.md has the format.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"

#include "storage/block.h"
#include "storage/column.h"
#include "storage/frames.h"
#include "storage/record_template.h"
#include "storage/value_dictionary.h"

namespace storage {

// One writer makes many blocks, one after the other: it remembers templates and keeps its memory.
// For one thread at a time.
class BlockWriter {
 public:
  BlockWriter();
  BlockWriter(const BlockWriter&) = delete;
  BlockWriter& operator=(const BlockWriter&) = delete;
  ~BlockWriter();

  // Begins the next event; its records follow. Events come in their order.
  void BeginEvent(const EventHead& head);

  // Adds a record of the event: any bytes, of which a malformed event has one. A line is stored by
  // columns if its node and stamp are those of the event, else as it is.
  void AddRecord(std::string_view line, const RecordOrigin& origin);

  uint32_t event_count() const { return summary_.event_count; }
  uint32_t record_count() const { return summary_.record_count; }

  // The block of the events since the last Finish(); there must be one. Begins the next block.
  EncodedBlock Finish();

 private:
  struct Rows;

  Rows* FindTemplate(std::string_view line);
  Rows* SplitAnew(std::string_view type, std::string_view text);
  Rows* RowsFor(RecordTemplate shape);
  Rows* Match(std::string_view type, std::string_view text);
  bool TakePrefix(std::string_view* line, std::string_view* type) const;
  void CountTypes();
  void PutTemplates(std::string* directory, FrameWriter* frames);
  void Clear();

  // Templates, of this block and of earlier ones.
  std::vector<std::unique_ptr<Rows>> known_;
  absl::flat_hash_map<std::string, Rows*> by_shape_;
  absl::flat_hash_map<std::string, std::vector<Rows*>> by_type_;  // The last ones used first.
  std::vector<Rows*> used_;                                       // By this block, numbered.
  Rows* previous_ = nullptr;                                      // Of the record before.
  std::vector<std::string_view> values_;                          // Of the record being added.
  std::vector<uint32_t> changed_;  // The columns whose value is not that of the row before.

  // The event being added: what its records have behind "type=NAME", and in front of it.
  std::string node_prefix_;
  std::string stamp_text_;
  bool malformed_ = false;

  BlockSummary summary_;
  absl::flat_hash_map<std::string, uint32_t> odd_types_;  // Of whole lines that are not malformed.
  ValueDictionary nodes_;
  ValueDictionary addresses_;

  // The columns of events, and those of records.
  std::vector<uint64_t> times_, serials_, record_counts_, event_nodes_, flags_, arrivals_, ranks_;
  std::vector<uint64_t> end_arrivals_, end_records_;
  std::vector<uint64_t> templates_, positions_, received_, record_addresses_;
};

}  // namespace storage
