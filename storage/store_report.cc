#include "storage/store_report.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_format.h"

#include "storage/block_store.h"
#include "storage/block_tally.h"
#include "storage/store_search.h"

namespace storage {

namespace {

absl::Status Cancelled() { return absl::CancelledError("report: cancelled"); }

// The event of the record that came first, as far as it can be told: positions are counted by host,
// so it is that of the host whose first event is the first one of all.
class FirstRecord {
 public:
  FirstRecord(const StoreView& view, const std::vector<std::optional<Identity>>& hosts,
              const std::stop_token& stop)
      : view_(view), hosts_(hosts), stop_(stop) {
    options_.snapshot = view.snapshot.get();
  }

  absl::StatusOr<std::optional<uint64_t>> Find() {
    for (HostId host = 0; host < hosts_.size(); ++host) {
      if (!hosts_[host]) continue;
      if (stop_.stop_requested()) return Cancelled();
      const absl::Status looked = LookAtBlocks(host);
      if (!looked.ok()) return looked;
    }
    for (const OpenEvents& open : view_.open) LookAtOpen(open);
    if (first_of_hosts_.empty()) return std::nullopt;
    First& first = std::ranges::min_element(first_of_hosts_, {}, [](const auto& one) {
                     return one.second.order;
                   })->second;
    if (!first.is_read) {
      const absl::Status read = Read(&first);
      if (!read.ok()) return read;
    }
    return first.time_ms;
  }

 private:
  // Of a host, or of a block of it.
  struct First {
    EventOrder order = {};
    uint64_t position = std::numeric_limits<uint64_t>::max();
    BlockId block = {};    // That holds it,
    bool is_read = false;  // unless this is known:
    uint64_t time_ms = 0;  // its time.
  };

  absl::Status LookAtBlocks(HostId host) {
    absl::Status status = absl::OkStatus();
    const absl::Status read = ForEachBlock(
        *view_.rocks, options_, host, 0, std::numeric_limits<Day>::max(),
        [&](const BlockId& id, const BlockSummary& block) {
          if (stop_.stop_requested()) status = Cancelled();
          if (!status.ok()) return false;
          if (block.event_count == block.malformed_count) return true;
          First first{.order = block.order_min, .position = block.position_min, .block = id};
          const auto kept = first_of_hosts_.find(host);
          const bool may_be_first = kept == first_of_hosts_.end() ||
                                    first.position < kept->second.position ||
                                    first.order < kept->second.order;
          if (!may_be_first) return true;
          // The summary counts malformed records, which are in no event.
          if (block.malformed_count > 0) status = Read(&first);
          if (status.ok()) Keep(host, first);
          return status.ok();
        });
    return read.ok() ? status : read;
  }

  void LookAtOpen(const OpenEvents& open) {
    if (open.host >= hosts_.size() || !hosts_[open.host]) return;
    for (const std::shared_ptr<const OpenEvent>& one : open.events) {
      if (one->malformed) continue;
      Keep(open.host, {.order = one->order,
                       .position = one->event.tag(0),
                       .block = {},
                       .is_read = true,
                       .time_ms = one->event.stamp().time_ms});
    }
  }

  // The lowest order of the host, and the time of the lowest position.
  void Keep(HostId host, const First& first) {
    First& kept = first_of_hosts_.try_emplace(host, first).first->second;
    const EventOrder lowest = std::min(kept.order, first.order);
    if (first.position < kept.position) kept = first;
    kept.order = lowest;
  }

  // Sets all of *first but its block, from the block.
  absl::Status Read(First* first) const {
    const auto block = LoadBlock(*view_.rocks, options_, first->block);
    if (!block.ok()) return block.status();
    BlockReader& reader = *(*block)->reader;
    std::optional<First> found;
    for (uint32_t event = 0; event < reader.event_count(); ++event) {
      const EventHead head = reader.head(event);
      if (head.malformed) continue;
      const uint64_t position = reader.origin(reader.first_record(event)).position;
      if (!found) found = First{.order = head.order, .block = first->block, .is_read = true};
      found->order = std::min(found->order, head.order);
      if (position >= found->position) continue;
      found->position = position;
      found->time_ms = head.time_ms;
    }
    if (!found) return absl::DataLossError(ToText(first->block) + " has no events");
    *first = *found;
    return absl::OkStatus();
  }

  const StoreView& view_;
  const std::vector<std::optional<Identity>>& hosts_;
  const std::stop_token& stop_;
  rocksdb::ReadOptions options_;
  absl::flat_hash_map<HostId, First> first_of_hosts_;
};

class Tallier {
 public:
  Tallier(const StoreView& view, const std::vector<std::optional<Identity>>& hosts,
          const TallyRequest& request, const std::function<bool(const FoundTally&)>& sink)
      : view_(view), hosts_(hosts), request_(request), sink_(sink) {
    options_.snapshot = view.snapshot.get();
    for (const OpenEvents& open : view.open) open_[open.host].push_back(&open);
  }

  absl::Status Run() {
    auto tally = std::make_unique<query::EventTally>();
    for (HostId host = 0; host < hosts_.size(); ++host) {
      if (!hosts_[host]) continue;
      if (request_.stop.stop_requested()) return Cancelled();
      const absl::Status added = AddHost(host, tally.get());
      if (!added.ok()) return added;
      if (!request_.by_host) continue;
      if (!sink_({.host = &*hosts_[host], .tally = *tally})) break;
      tally = std::make_unique<query::EventTally>();
    }
    if (!request_.by_host) {
      absl::StatusOr<std::optional<uint64_t>> first_ms = std::nullopt;
      if (request_.with_first_record) first_ms = FirstRecord(view_, hosts_, request_.stop).Find();
      if (!first_ms.ok()) return first_ms.status();
      sink_({.host = nullptr, .tally = *tally, .first_record_ms = *first_ms});
    }
    if (request_.explanation != nullptr) *request_.explanation = explanation_;
    return absl::OkStatus();
  }

 private:
  absl::Status AddHost(HostId host, query::EventTally* tally) {
    const query::TimeRange& time = request_.filter.time;
    if (time.empty()) return absl::OkStatus();
    absl::Status added = absl::OkStatus();
    const absl::Status read =
        ForEachBlock(*view_.rocks, options_, host, DayOf(time.from_ms), DayOf(time.to_ms),
                     [&](const BlockId& id, const BlockSummary& block) {
                       added = AddBlock(id, block, tally);
                       if (added.ok()) added = CheckGoesOn(*tally);
                       return added.ok();
                     });
    if (!read.ok()) return read;
    if (!added.ok()) return added;
    const auto found = open_.find(host);
    if (found == open_.end()) return absl::OkStatus();
    for (const OpenEvents* const open : found->second) {
      added = AddOpen(*open, tally);
      if (!added.ok()) return added;
    }
    return absl::OkStatus();
  }

  absl::Status CheckGoesOn(const query::EventTally& tally) const {
    if (request_.stop.stop_requested()) return Cancelled();
    if (tally.memory_bytes() <= request_.memory_bytes_max) return absl::OkStatus();
    return absl::ResourceExhaustedError(absl::StrFormat(
        "report: its values take more than %d MB: ask for less time, or fewer hosts",
        request_.memory_bytes_max >> 20));
  }

  absl::Status AddBlock(const BlockId& id, const BlockSummary& block, query::EventTally* tally) {
    const query::TimeRange common = query::Intersection(block.time, request_.filter.time);
    if (common.empty() || block.event_count == block.malformed_count) return absl::OkStatus();
    if (common == block.time && request_.filter.FitsTallies()) {
      const absl::StatusOr<bool> is_added = AddStored(id, tally);
      if (!is_added.ok()) return is_added.status();
      if (*is_added) return absl::OkStatus();
    }
    ++explanation_.blocks_read;
    const auto loaded = LoadBlock(*view_.rocks, options_, id);
    if (!loaded.ok()) return loaded.status();
    const absl::Status added =
        AddBlockTo(*(*loaded)->reader, id.host, request_.filter, request_.lists, tally);
    return added.ok() ? added : AtBlock(id, added);
  }

  // False if the stored tally cannot tell.
  absl::StatusOr<bool> AddStored(const BlockId& id, query::EventTally* tally) {
    const absl::StatusOr<std::string> bytes = LoadTally(*view_.rocks, options_, id);
    if (absl::IsNotFound(bytes.status())) return false;
    if (!bytes.ok()) return bytes.status();
    absl::StatusOr<StoredTally> stored = StoredTally::Open(*bytes);
    if (absl::IsUnimplemented(stored.status())) return false;
    if (!stored.ok()) return AtBlock(id, stored.status());
    query::TallyLists lists = request_.lists;
    const std::vector<std::string>& nodes = request_.filter.nodes;
    if (!nodes.empty()) {
      if (!stored->node()) return false;
      // Events without a node pass no filter of nodes.
      const bool is_wanted =
          !stored->node()->empty() && std::ranges::find(nodes, *stored->node()) != nodes.end();
      if (!is_wanted) lists &= query::kSerialsToo;
    }
    ++explanation_.blocks_added;
    const absl::Status added = stored->AddTo(id.host, request_.filter, lists, tally);
    if (!added.ok()) return AtBlock(id, added);
    return true;
  }

  absl::Status AddOpen(const OpenEvents& open, query::EventTally* tally) {
    constexpr uint64_t kCheckEvery = 1024;
    for (const std::shared_ptr<const OpenEvent>& one : open.events) {
      if (one->malformed || !request_.filter.time.Contains(one->event.stamp().time_ms)) continue;
      if (++explanation_.open_events % kCheckEvery == 0) {
        const absl::Status goes_on = CheckGoesOn(*tally);
        if (!goes_on.ok()) return goes_on;
      }
      const query::EventFacts& facts = query::FactsOf(one->event, &builder_);
      const query::OrderKey place = KeyOf(one->order, open.host);
      tally->Notice(facts, place, request_.lists);
      if (request_.filter.Matches(facts)) tally->Add(facts, place, request_.lists);
    }
    return CheckGoesOn(*tally);
  }

  const StoreView& view_;
  const std::vector<std::optional<Identity>>& hosts_;
  const TallyRequest& request_;
  const std::function<bool(const FoundTally&)>& sink_;
  rocksdb::ReadOptions options_;
  absl::flat_hash_map<HostId, std::vector<const OpenEvents*>> open_;
  ReportExplanation explanation_;
  query::EventFactsBuilder builder_;
};

}  // namespace

absl::Status TallyEvents(const StoreView& view, const std::vector<std::optional<Identity>>& hosts,
                         const TallyRequest& request,
                         const std::function<bool(const FoundTally&)>& sink) {
  return Tallier(view, hosts, request, sink).Run();
}

absl::Status ReadFactsOf(const StoreView& view, const std::vector<std::optional<Identity>>& hosts,
                         const FactsRequest& request,
                         const std::function<bool(const FoundFacts&)>& sink) {
  query::AllOf all{{request.filter.predicate()}};
  if (!request.types.empty()) all.parts.emplace_back(query::TypeIn{request.types});
  const SearchRequest found{.predicate = query::Predicate(std::move(all)),
                            .stop = request.stop,
                            .memory_bytes_max = request.memory_bytes_max,
                            .explanation = request.by_host ? nullptr : request.explanation};
  if (!request.by_host) return StoreSearch(view, hosts, found).FindFacts(request, sink);

  std::vector<HostId> by_name;
  for (HostId host = 0; host < hosts.size(); ++host) {
    if (hosts[host]) by_name.push_back(host);
  }
  std::ranges::stable_sort(by_name, {}, [&](HostId host) { return hosts[host]->name; });
  bool is_wanted = true;
  for (const HostId host : by_name) {
    if (request.stop.stop_requested()) return Cancelled();
    StoreSearch search(view, hosts, found);
    search.OnlyHost(host);
    const absl::Status read = search.FindFacts(request, [&](const FoundFacts& one) {
      is_wanted = sink(one);
      return is_wanted;
    });
    if (!read.ok() || !is_wanted) return read;
  }
  return absl::OkStatus();
}

}  // namespace storage
