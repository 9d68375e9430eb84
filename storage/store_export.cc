#include <algorithm>
#include <map>
#include <utility>

#include "storage/block_store.h"
#include "storage/store_inspect.h"

namespace storage {

namespace {

// Gives the records of one host in the order in which they came. Blocks hold them by event, and
// events overlap, so the records of a block wait until no block that begins before them is left.
class HostExport {
 public:
  HostExport(const StoreView& view, HostId host, const Identity& identity,
             const ExportRequest& request, const std::function<bool(const ExportedRecord&)>& sink)
      : view_(view), host_(host), identity_(identity), request_(request), sink_(sink) {
    options_.snapshot = view.snapshot.get();
  }

  // False once the sink wants no more.
  absl::StatusOr<bool> Run() {
    std::vector<std::pair<uint64_t, BlockId>> blocks;  // By their first record.
    const absl::Status read =
        ForEachBlock(*view_.rocks, options_, host_, DayOf(request_.time.from_ms),
                     DayOf(request_.time.to_ms), [&](const BlockId& id, const BlockSummary& block) {
                       if (!query::Intersection(block.time, request_.time).empty()) {
                         blocks.emplace_back(block.position_min, id);
                       }
                       return true;
                     });
    if (!read.ok()) return read;
    std::ranges::sort(blocks);
    AddOpen();
    for (const auto& [first_position, id] : blocks) {
      if (request_.stop.stop_requested()) return absl::CancelledError("export: cancelled");
      if (!GiveUpTo(first_position)) return false;
      const absl::Status added = AddBlock(id);
      if (!added.ok()) return added;
    }
    return GiveUpTo(std::numeric_limits<uint64_t>::max());
  }

 private:
  void AddOpen() {
    for (const OpenEvents& open : view_.open) {
      if (open.host != host_) continue;
      for (const std::shared_ptr<const OpenEvent>& event : open.events) {
        if (!request_.time.Contains(event->event.stamp().time_ms)) continue;
        for (size_t i = 0; i < event->event.record_count(); ++i) {
          waiting_.emplace(event->event.tag(i), event->event.line(i));
        }
      }
    }
  }

  absl::Status AddBlock(const BlockId& id) {
    const auto block = LoadBlock(*view_.rocks, options_, id);
    if (!block.ok()) return block.status();
    BlockReader& reader = *(*block)->reader;
    std::string line;
    for (uint32_t event = 0; event < reader.event_count(); ++event) {
      if (!request_.time.Contains(reader.head(event).time_ms)) continue;
      const uint32_t end = reader.first_record(event + 1);
      for (uint32_t record = reader.first_record(event); record < end; ++record) {
        line.clear();
        const absl::Status read = reader.AppendLine(event, record, &line);
        if (!read.ok()) return AtBlock(id, read);
        waiting_.emplace(reader.origin(record).position, line);
      }
    }
    return absl::OkStatus();
  }

  bool GiveUpTo(uint64_t position) {
    while (!waiting_.empty() && waiting_.begin()->first < position) {
      if (!sink_({.host = identity_, .line = waiting_.begin()->second})) return false;
      waiting_.erase(waiting_.begin());
    }
    return true;
  }

  const StoreView& view_;
  const HostId host_;
  const Identity& identity_;
  const ExportRequest& request_;
  const std::function<bool(const ExportedRecord&)>& sink_;
  rocksdb::ReadOptions options_;
  std::map<uint64_t, std::string> waiting_;  // By position.
};

}  // namespace

absl::Status ExportRecords(const StoreView& view, const WantedHosts& hosts,
                           const ExportRequest& request,
                           const std::function<bool(const ExportedRecord&)>& sink) {
  for (HostId host = 0; host < hosts.size(); ++host) {
    if (!hosts[host]) continue;
    const absl::StatusOr<bool> more = HostExport(view, host, *hosts[host], request, sink).Run();
    if (!more.ok()) return more.status();
    if (!*more) break;
  }
  return absl::OkStatus();
}

}  // namespace storage
