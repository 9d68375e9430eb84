// Tallies that anybody may have written: whatever the bytes are, they are refused or read, and
// nothing outside of them is.
//
//   input := what stands between the version and the checksum
//
// Both are made to fit, so that they keep nothing out.

#include <string>
#include <xxhash.h>

#include "query/report/summary.h"
#include "storage/block_tally.h"
#include "storage/coding.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string bytes = "\x01" + fuzz::Input(data, size);
  storage::PutFixed64(&bytes, XXH3_64bits(bytes.data(), bytes.size()));
  auto stored = storage::StoredTally::Open(bytes);
  fuzz::Check(stored.ok() || absl::IsDataLoss(stored.status()));
  if (!stored.ok()) return 0;
  query::EventTally tally;
  fuzz::Check(!stored->node() || stored->node()->size() <= bytes.size());
  const absl::Status added =
      stored->AddTo(7, {}, query::kAllTallyLists | query::kSerialsToo, &tally);
  fuzz::Check(added.ok() || absl::IsDataLoss(added));
  query::ReportNames names({.interpret = true});
  query::SummarizeAll(tally, {});
  tally.serials().missing();
  for (const query::ReportKind kind :
       {query::ReportKind::kEvent, query::ReportKind::kUser, query::ReportKind::kSyscall,
        query::ReportKind::kPid, query::ReportKind::kFile}) {
    query::SummarizeList(kind, tally, {}, names);
  }
  return 0;
}
