#include "storage/store_count.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_format.h"

#include "storage/block_plan.h"
#include "storage/store_search.h"
#include "storage/term_question.h"

namespace storage {

namespace {

class Counter {
 public:
  Counter(const StoreView& view, const std::vector<std::optional<Identity>>& hosts,
          const CountRequest& request)
      : view_(view), hosts_(hosts), request_(request) {
    options_.snapshot = view.snapshot.get();
  }

  absl::Status Count() {
    if (!query::IsIndexed(request_.field)) {
      return absl::InvalidArgumentError("count: the field is not in the index");
    }
    if (request_.predicate.time_bounds().empty()) return absl::OkStatus();
    return AsksForTimeOnly(request_.predicate.condition()) ? CountByIndex()
                                                           : CountEvents(request_.predicate);
  }

  std::vector<ValueCount> Take() {
    std::vector<ValueCount> counts;
    for (auto& [value, events] : counts_) counts.push_back({.value = value, .events = events});
    // The most frequent first, as in the reports of aureport(8).
    std::ranges::sort(counts, [](const ValueCount& a, const ValueCount& b) {
      return std::pair(b.events, std::string_view(a.value)) <
             std::pair(a.events, std::string_view(b.value));
    });
    return counts;
  }

 private:
  bool IsWanted(HostId host) const { return host < hosts_.size() && hosts_[host].has_value(); }

  absl::Status Add(std::string_view value, uint64_t events) {
    counts_[std::string(value)] += events;
    if (counts_.size() <= request_.values_max) return absl::OkStatus();
    return absl::ResourceExhaustedError(
        absl::StrFormat("count: more than %d values", request_.values_max));
  }

  // Whole blocks by the index. What the range cuts through, and what is open, event by event.
  absl::Status CountByIndex() {
    const query::TimeRange time = request_.predicate.time_bounds();
    const DayRange days{.from = DayOf(time.from_ms), .to = DayOf(time.to_ms)};
    std::set<BlockId> cut;
    for (HostId host = 0; host < hosts_.size(); ++host) {
      if (!IsWanted(host)) continue;
      // Only the first and the last day can be cut through.
      for (const Day day : {days.from, days.to}) {
        const absl::Status read =
            ForEachBlock(*view_.rocks, options_, host, day, day,
                         [&](const BlockId& id, const BlockSummary& block) {
                           if (query::Intersection(block.time, time) != block.time) cut.insert(id);
                           return true;
                         });
        if (!read.ok()) return read;
      }
    }
    absl::Status status;
    const absl::Status read = ForEachPostings(
        *view_.rocks, options_, request_.field, days, request_.stop,
        [&](const std::string& value, Day day, const std::vector<Posting>& postings) {
          uint64_t events = 0;
          for (const Posting& posting : postings) {
            const BlockId id{.host = posting.host, .day = day, .number = posting.block};
            if (IsWanted(id.host) && !cut.contains(id)) events += posting.events;
          }
          if (events > 0 && status.ok()) status = Add(value, events);
        });
    if (!read.ok()) return read;
    if (!status.ok()) return status;
    SearchRequest search_request{.predicate = request_.predicate, .stop = request_.stop};
    StoreSearch search(view_, hosts_, search_request);
    search.OnlyBlocks(std::move(cut));
    return CountFound(&search);
  }

  absl::Status CountEvents(const query::Predicate& predicate) {
    SearchRequest request{.predicate = predicate, .stop = request_.stop};
    StoreSearch search(view_, hosts_, request);
    return CountFound(&search);
  }

  absl::Status CountFound(StoreSearch* search) {
    absl::Status status;
    absl::flat_hash_set<std::string> values;
    const absl::Status found = search->FindEvents([&](const FoundEvent& event) {
      values.clear();
      query::ForEachTerm(event.event, [&](query::TermField field, std::string_view value) {
        if (field == request_.field) values.emplace(query::IndexedTerm(value));
      });
      for (const std::string& value : values) {
        if (status.ok()) status = Add(value, 1);
      }
      return status.ok();
    });
    return found.ok() ? status : found;
  }

  const StoreView& view_;
  const std::vector<std::optional<Identity>>& hosts_;
  const CountRequest& request_;
  rocksdb::ReadOptions options_;
  absl::flat_hash_map<std::string, uint64_t> counts_;
};

}  // namespace

absl::StatusOr<std::vector<ValueCount>> CountValues(
    const StoreView& view, const std::vector<std::optional<Identity>>& hosts,
    const CountRequest& request) {
  Counter counter(view, hosts, request);
  const absl::Status counted = counter.Count();
  if (!counted.ok()) return counted;
  return counter.Take();
}

}  // namespace storage
