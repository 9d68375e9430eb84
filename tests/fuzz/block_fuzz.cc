// Blocks that anybody may have written: whatever the bytes are, they are refused or read, and
// nothing outside of them is.
//
//   input := event_count varint | record_count varint | columns
//
// The summary is made to fit, so that its checksum keeps nothing out.

#include <string>
#include <string_view>
#include <xxhash.h>

#include "storage/block_reader.h"
#include "storage/block_tally.h"
#include "storage/block_terms.h"
#include "storage/coding.h"
#include "tests/fuzz/fuzz.h"

namespace {

using fuzz::Check;

void CheckSummary(std::string_view bytes) {
  const auto summary = storage::DecodeSummary(bytes);
  if (summary.ok()) Check(storage::EncodeSummary(*summary) == bytes);
}

void ReadAll(storage::BlockReader& reader) {
  std::string line;
  for (uint32_t event = 0; event < reader.event_count(); ++event) {
    const auto read = reader.ReadEvent(event);
    Check(read.ok() || absl::IsDataLoss(read.status()));
    const uint32_t end = reader.first_record(event + 1);
    for (uint32_t record = reader.first_record(event); record < end; ++record) {
      line.clear();
      const absl::Status appended = reader.AppendLine(event, record, &line);
      Check(appended.ok() || absl::IsDataLoss(appended));
      reader.origin(record);
    }
  }
  const auto terms = storage::CountTerms(reader);
  Check(terms.ok() || absl::IsDataLoss(terms.status()));
  const auto tally = storage::EncodeTallyOf(reader);
  Check(tally.ok() ? storage::StoredTally::Open(*tally).ok() : absl::IsDataLoss(tally.status()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input = fuzz::Input(data, size);
  CheckSummary(input);
  std::string_view columns = input;
  storage::BlockSummary summary;
  if (!storage::TakeVarint32(&columns, &summary.event_count) ||
      !storage::TakeVarint32(&columns, &summary.record_count)) {
    return 0;
  }
  summary.columns_bytes = columns.size();
  summary.columns_checksum = XXH3_64bits(columns.data(), columns.size());
  const auto reader = storage::BlockReader::Open(summary, columns);
  Check(reader.ok() || absl::IsDataLoss(reader.status()));
  if (reader.ok()) ReadAll(**reader);
  return 0;
}
