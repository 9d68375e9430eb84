#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "storage/block_store.h"
#include "storage/store_engine.h"

namespace storage {

namespace {

void AddTime(uint64_t from_ms, uint64_t to_ms, HostContents* contents) {
  contents->first_ms = std::min(contents->first_ms.value_or(from_ms), from_ms);
  contents->last_ms = std::max(contents->last_ms.value_or(to_ms), to_ms);
}

// Who has sent the last event of a block.
absl::Status ReadAddress(const StoreView& view, const rocksdb::ReadOptions& options,
                         const BlockId& id, std::string* address) {
  const auto block = LoadBlock(*view.rocks, options, id);
  if (!block.ok()) return block.status();
  const BlockReader& reader = *(*block)->reader;
  if (reader.event_count() == 0) return absl::OkStatus();
  *address = reader.origin(reader.first_record(reader.event_count() - 1)).address;
  return absl::OkStatus();
}

// `with_address`: no event comes behind those of the blocks.
absl::Status ReadBlocks(const StoreView& view, HostId host, bool with_address,
                        HostContents* contents) {
  rocksdb::ReadOptions options;
  options.snapshot = view.snapshot.get();
  std::optional<std::pair<EventOrder, BlockId>> last;
  const absl::Status read =
      ForEachBlock(*view.rocks, options, host, 0, std::numeric_limits<Day>::max(),
                   [&](const BlockId& id, const BlockSummary& block) {
                     contents->records += block.record_count;
                     contents->bytes += block.columns_bytes;
                     AddTime(block.time.from_ms, block.time.to_ms, contents);
                     if (!last || block.order_max > last->first) last = {block.order_max, id};
                     return true;
                   });
  if (!read.ok() || !last || !with_address) return read;
  return ReadAddress(view, options, last->second, &contents->address);
}

// Those that are complete come in their order, and the others behind them.
void AddOpen(const OpenEvents& open, HostContents* contents) {
  uint64_t received_ms = 0;
  for (const std::shared_ptr<const OpenEvent>& event : open.events) {
    const uint64_t time_ms = event->malformed ? event->received_ms : event->event.stamp().time_ms;
    contents->records += event->event.record_count();
    AddTime(time_ms, time_ms, contents);
    if (event->received_ms < received_ms) continue;
    received_ms = event->received_ms;
    contents->address = event->address;
  }
}

// A page of the hosts that match: their numbers, and a place in the list for each.
std::vector<HostId> TakePage(std::vector<std::optional<Identity>> matching,
                             const HostListRequest& request, HostList* list) {
  std::vector<HostId> ids;
  for (HostId id = 0; id < matching.size(); ++id) {
    const bool is_behind =
        request.after.empty() || (matching[id] && matching[id]->name > request.after);
    if (matching[id] && is_behind) ids.push_back(id);
  }
  std::ranges::stable_sort(ids, {},
                           [&](HostId id) -> const std::string& { return matching[id]->name; });
  const auto is_of_last_name = [&](size_t i) {
    return i > 0 && matching[ids[i]]->name == matching[ids[i - 1]]->name;
  };
  size_t count = std::min(ids.size(), request.hosts_max);
  while (count < ids.size() && is_of_last_name(count)) ++count;
  list->more = count < ids.size();
  ids.resize(count);
  for (const HostId id : ids) list->hosts.push_back({.host = *std::move(matching[id])});
  return ids;
}

absl::Status ReadContents(const StoreView& view, const std::vector<HostId>& ids,
                          const std::stop_token& stop, HostList* list) {
  absl::flat_hash_map<HostId, const OpenEvents*> open;
  for (const OpenEvents& of_host : view.open) open[of_host.host] = &of_host;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (stop.stop_requested()) return absl::CancelledError("hosts: cancelled");
    const auto of_host = open.find(ids[i]);
    HostContents& contents = list->hosts[i].contents.emplace();
    const absl::Status read = ReadBlocks(view, ids[i], of_host == open.end(), &contents);
    if (!read.ok()) return read;
    if (of_host != open.end()) AddOpen(*of_host->second, &contents);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<HostList> EventStore::Engine::ListHosts(const HostListRequest& request) const {
  HostList list;
  std::vector<HostId> ids;
  if (request.with_contents) {
    absl::StatusOr<Moment> moment =
        Look(request.host_patterns, request.stop, request.visible_hosts);
    if (!moment.ok()) return moment.status();
    ids = TakePage(std::move(moment->hosts), request, &list);
    const absl::Status read = ReadContents(moment->view, ids, request.stop, &list);
    if (!read.ok()) return read;
  }
  const std::lock_guard lock(mutex_);
  if (!request.with_contents) {
    ids = TakePage(hosts_.Matching(request.host_patterns, request.visible_hosts), request, &list);
  }
  // After a disk error the numbers may be those of other hosts by now.
  for (size_t i = 0; i < ids.size(); ++i) {
    if (hosts_.identity(ids[i]) != list.hosts[i].host) continue;
    const auto lost = lost_.find(ids[i]);
    if (lost != lost_.end()) list.hosts[i].losses = lost->second;
    if (ids[i] >= pace_.size()) continue;
    const HostPace pace = pace_[ids[i]].At(options_.now_ms());
    if (pace.last_received_ms > 0) list.hosts[i].pace = pace;
  }
  return list;
}

}  // namespace storage
