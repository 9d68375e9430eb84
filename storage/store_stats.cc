#include <filesystem>
#include <limits>
#include <set>

#include "storage/block_store.h"
#include "storage/store_inspect.h"

namespace storage {

namespace {

namespace fs = std::filesystem;

// Files come and go while we look.
void AddFiles(const std::string& path, StoreStats* stats) {
  std::error_code gone;
  for (fs::recursive_directory_iterator entry(path, gone), end; !gone && entry != end;
       entry.increment(gone)) {
    std::error_code ignored;
    if (!entry->is_regular_file(ignored)) continue;
    const uint64_t bytes = entry->file_size(ignored);
    if (ignored) continue;
    stats->total_bytes += bytes;
    if (entry->path().extension() == ".log") stats->log_bytes += bytes;
  }
}

}  // namespace

absl::StatusOr<StoreStats> CollectStats(const StoreView& view, const WantedHosts& hosts,
                                        const std::string& store_path) {
  const Rocks& rocks = *view.rocks;
  rocksdb::ReadOptions options;
  options.snapshot = view.snapshot.get();
  StoreStats stats;
  std::set<Day> days;
  for (HostId host = 0; host < hosts.size(); ++host) {
    if (!hosts[host]) continue;
    ++stats.hosts;
    std::optional<Day> last_day;
    const absl::Status read = ForEachBlock(rocks, options, host, 0, std::numeric_limits<Day>::max(),
                                           [&](const BlockId& id, const BlockSummary& block) {
                                             if (last_day != id.day) ++stats.host_days;
                                             last_day = id.day;
                                             days.insert(id.day);
                                             ++stats.blocks;
                                             if (block.record_count < kBlockRecordsAim / 2)
                                               ++stats.small_blocks;
                                             stats.block_events += block.event_count;
                                             stats.block_records += block.record_count;
                                             stats.block_malformed += block.malformed_count;
                                             stats.block_text_bytes += block.record_bytes;
                                             return true;
                                           });
    if (!read.ok()) return read;
  }
  stats.days = days.size();
  for (const OpenEvents& open : view.open) {
    for (const std::shared_ptr<const OpenEvent>& event : open.events) {
      stats.open_records += event->event.record_count();
      stats.open_text_bytes += event->event.bytes() + event->event.record_count();
    }
  }
  stats.columns_bytes = TableBytes(rocks, rocks.columns);
  stats.summaries_bytes = TableBytes(rocks, rocks.summaries);
  stats.terms_bytes = TableBytes(rocks, rocks.terms);
  stats.tallies_bytes = TableBytes(rocks, rocks.tallies);
  stats.journal_bytes = TableBytes(rocks, rocks.journal);
  stats.meta_bytes = TableBytes(rocks, rocks.meta);
  AddFiles(store_path, &stats);
  return stats;
}

}  // namespace storage
