#include "cli/store.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "absl/time/time.h"

#include "storage/event_store.h"

namespace cli {

namespace {

double Each(uint64_t bytes, uint64_t count) {
  return count == 0 ? 0 : static_cast<double>(bytes) / static_cast<double>(count);
}

}  // namespace

absl::Status PrintStoreStats(const std::string& store, std::ostream& output) {
  const auto opened = storage::EventStore::OpenForReading(store);
  if (!opened.ok()) return opened.status();
  const absl::StatusOr<storage::StoreStats> stats = (*opened)->Stats();
  if (!stats.ok()) return stats.status();
  const auto line = [&output](const char* name, uint64_t value, const std::string& more = {}) {
    output << absl::StrFormat("%-22s %15d%s\n", name, value, more);
  };
  line("hosts", stats->hosts);
  line("days", stats->days, absl::StrFormat("  (%d of single hosts)", stats->host_days));
  line("blocks", stats->blocks,
       absl::StrFormat("  (%d small; %.0f records each)", stats->small_blocks,
                       Each(stats->block_records, stats->blocks)));
  line("events in blocks", stats->block_events);
  line("records in blocks", stats->block_records,
       absl::StrFormat("  (%d malformed)", stats->block_malformed));
  line("records in no block", stats->open_records);
  const uint64_t records = stats->block_records + stats->open_records;
  const uint64_t text_bytes = stats->block_text_bytes + stats->open_text_bytes;
  line("bytes of text", text_bytes,
       absl::StrFormat("  (%.1f a record)", Each(text_bytes, records)));
  line("bytes on disk", stats->total_bytes,
       absl::StrFormat("  (%.2f a record)", Each(stats->total_bytes, records)));
  line("  columns", stats->columns_bytes);
  line("  summaries", stats->summaries_bytes);
  line("  terms", stats->terms_bytes);
  line("  tallies", stats->tallies_bytes);
  line("  journal", stats->journal_bytes);
  line("  meta", stats->meta_bytes);
  line("  write-ahead log", stats->log_bytes);
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> CheckStore(const std::string& store, std::ostream& output) {
  const auto opened = storage::EventStore::OpenForReading(store);
  if (!opened.ok()) return opened.status();
  uint64_t found = 0;
  const absl::Status checked = (*opened)->Check({}, [&](const std::string& what) {
    output << what << '\n';
    ++found;
  });
  if (!checked.ok()) return checked;
  return found;
}

absl::Status ExportStore(const std::string& store, const std::vector<std::string>& host_patterns,
                         const query::TimeRange& time, std::ostream& output) {
  const auto opened = storage::EventStore::OpenForReading(store);
  if (!opened.ok()) return opened.status();
  const absl::Status exported = (*opened)->Export({.host_patterns = host_patterns, .time = time},
                                                  [&output](const storage::ExportedRecord& record) {
                                                    output << record.line << '\n';
                                                    return output.good();
                                                  });
  output.flush();
  if (!exported.ok()) return exported;
  return output.good() ? absl::OkStatus() : absl::UnavailableError("cannot write");
}

absl::StatusOr<uint64_t> ParseExportTime(const std::string& text) {
  absl::Time time;
  std::string error;
  for (const char* form : {"%Y-%m-%d", "%Y-%m-%dT%H:%M:%E*S", absl::RFC3339_full}) {
    if (absl::ParseTime(form, text, &time, &error) && time >= absl::UnixEpoch()) {
      return static_cast<uint64_t>(absl::ToUnixMillis(time));
    }
  }
  return absl::InvalidArgumentError("not a time: " + text);
}

}  // namespace cli
