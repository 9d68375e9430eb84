#include "storage/store_histogram.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_format.h"

#include "storage/block_plan.h"
#include "storage/block_terms.h"
#include "storage/term_question.h"
#include "storage/value_dictionary.h"

namespace storage {

namespace {

absl::Status Cancelled() { return absl::CancelledError("histogram: cancelled"); }

// How often each value comes in each bucket.
class ValueCounts {
 public:
  explicit ValueCounts(size_t counts_max) : counts_max_(counts_max) {}

  uint32_t NumberOf(std::string_view value) { return values_.Intern(value); }

  void Add(uint32_t value, uint32_t bucket, uint64_t events) {
    counts_[uint64_t{value} << 32 | bucket] += events;
  }

  bool is_full() const {
    return counts_.size() > counts_max_ || values_.bytes().size() > kValueBytes * counts_max_;
  }

  // Sorts the values into series.
  void Take(size_t series_max, Histogram* histogram) const {
    std::vector<std::pair<uint64_t, uint32_t>> totals(values_.size());
    for (uint32_t value = 0; value < totals.size(); ++value) totals[value] = {0, value};
    for (const auto& [place, events] : counts_) totals[place >> 32].first += events;
    std::erase_if(totals, [](const auto& total) { return total.first == 0; });
    histogram->value_count = totals.size();
    // As in EventStore::Count().
    const size_t series = std::min(series_max, totals.size());
    std::ranges::partial_sort(totals, totals.begin() + static_cast<std::ptrdiff_t>(series),
                              [this](const auto& a, const auto& b) {
                                return std::pair(b.first, values_.value(a.second)) <
                                       std::pair(a.first, values_.value(b.second));
                              });
    const size_t buckets = histogram->events.size();
    absl::flat_hash_map<uint32_t, size_t> series_of;
    for (size_t i = 0; i < series; ++i) {
      const auto& [total, value] = totals[i];
      series_of.emplace(value, i);
      histogram->series.push_back({.value = std::string(values_.value(value)),
                                   .total = total,
                                   .events = std::vector<uint64_t>(buckets)});
    }
    histogram->others.events.resize(buckets);
    for (const auto& [place, events] : counts_) {
      const auto found = series_of.find(static_cast<uint32_t>(place >> 32));
      const bool is_other = found == series_of.end();
      HistogramSeries& to = is_other ? histogram->others : histogram->series[found->second];
      to.events[static_cast<uint32_t>(place)] += events;
      if (is_other) to.total += events;
    }
  }

 private:
  static constexpr size_t kValueBytes = 64;  // Of long values there may be fewer.

  const size_t counts_max_;
  ValueDictionary values_;
  absl::flat_hash_map<uint64_t, uint64_t> counts_;  // By value and bucket.
};

class HistogramCounter {
 public:
  HistogramCounter(const StoreView& view, const std::vector<std::optional<Identity>>& hosts,
                   const HistogramRequest& request)
      : view_(view),
        hosts_(hosts),
        request_(request),
        time_(query::Intersection(request.time, request.predicate.time_bounds())),
        predicate_is_time_(AsksForTimeOnly(request.predicate.condition())),
        values_(request.counts_max) {
    options_.snapshot = view.snapshot.get();
  }

  absl::Status Count() {
    const absl::Status valid = CheckRequest();
    if (!valid.ok()) return valid;
    histogram_.events.resize((request_.time.to_ms - request_.time.from_ms) / request_.bucket_ms +
                             1);
    if (time_.empty()) return absl::OkStatus();
    absl::Status counted = CountBlocks();
    if (counted.ok() && !whole_.empty()) counted = CountByIndex();
    if (counted.ok()) counted = CountOpen();
    return counted;
  }

  Histogram Take() {
    values_.Take(request_.series_max, &histogram_);
    return std::move(histogram_);
  }

 private:
  absl::Status CheckRequest() const {
    if (request_.time.empty()) return absl::InvalidArgumentError("histogram: the time is empty");
    if (request_.bucket_ms == 0)
      return absl::InvalidArgumentError("histogram: a bucket of no time");
    if ((request_.time.to_ms - request_.time.from_ms) / request_.bucket_ms >= kBucketsMax) {
      return absl::InvalidArgumentError(
          absl::StrFormat("histogram: more than %d buckets", kBucketsMax));
    }
    if (request_.field && !query::IsIndexed(*request_.field)) {
      return absl::InvalidArgumentError("histogram: the field is not in the index");
    }
    return absl::OkStatus();
  }

  bool IsWanted(HostId host) const { return host < hosts_.size() && hosts_[host].has_value(); }

  uint32_t BucketOf(uint64_t time_ms) const {
    return static_cast<uint32_t>((time_ms - request_.time.from_ms) / request_.bucket_ms);
  }

  absl::Status CheckRoom() const {
    if (!values_.is_full()) return absl::OkStatus();
    return absl::ResourceExhaustedError(absl::StrFormat(
        "histogram: more than %d counts: ask for less time, longer buckets or another field",
        request_.counts_max));
  }

  void Add(HostId host, uint32_t bucket, uint64_t events) {
    histogram_.events[bucket] += events;
    if (request_.by_host) values_.Add(values_.NumberOf(hosts_[host]->name), bucket, events);
  }

  absl::Status CountBlocks() {
    const DayRange days{.from = DayOf(time_.from_ms), .to = DayOf(time_.to_ms)};
    SearchExplanation explanation;
    const auto planned =
        PlanBlocks(*view_.rocks, options_, request_.predicate, days, request_.stop, &explanation);
    if (!planned.ok()) return planned.status();
    if (planned->has_value()) {
      for (const BlockId& id : **planned) {
        if (!IsWanted(id.host)) continue;
        const auto summary = LoadSummary(*view_.rocks, options_, id);
        if (absl::IsNotFound(summary.status())) continue;
        if (!summary.ok()) return summary.status();
        const absl::Status counted = CountBlock(id, *summary);
        if (!counted.ok()) return counted;
      }
      return absl::OkStatus();
    }
    for (HostId host = 0; host < hosts_.size(); ++host) {
      if (!IsWanted(host)) continue;
      absl::Status counted;
      const absl::Status read = ForEachBlock(*view_.rocks, options_, host, days.from, days.to,
                                             [&](const BlockId& id, const BlockSummary& summary) {
                                               counted = CountBlock(id, summary);
                                               return counted.ok();
                                             });
      if (!read.ok()) return read;
      if (!counted.ok()) return counted;
    }
    return absl::OkStatus();
  }

  absl::Status CountBlock(const BlockId& id, const BlockSummary& summary) {
    if (request_.stop.stop_requested()) return Cancelled();
    const query::TimeRange common = query::Intersection(summary.time, time_);
    if (common.empty() || summary.event_count == summary.malformed_count) return absl::OkStatus();
    const bool is_whole = common == summary.time && predicate_is_time_ &&
                          BucketOf(common.from_ms) == BucketOf(common.to_ms);
    if (is_whole) {
      const uint32_t bucket = BucketOf(common.from_ms);
      Add(id.host, bucket, summary.event_count - summary.malformed_count);
      if (request_.field) whole_.emplace(id, bucket);
      return CheckRoom();
    }
    const auto block = LoadBlock(*view_.rocks, options_, id);
    if (!block.ok()) return block.status();
    const absl::Status counted = CountColumns(id.host, *(*block)->reader);
    if (!counted.ok()) return AtBlock(id, counted);
    return CheckRoom();
  }

  // The events of a block, by its columns.
  absl::Status CountColumns(HostId host, BlockReader& block) {
    constexpr uint32_t kNone = UINT32_MAX;
    std::vector<bool> may_match(block.event_count(), true);
    if (!predicate_is_time_) {
      absl::StatusOr<std::vector<bool>> selected = SelectEvents(block, request_.predicate);
      if (!selected.ok()) return selected.status();
      may_match = *std::move(selected);
    }
    std::vector<uint32_t> buckets(block.event_count(), kNone);
    for (uint32_t event = 0; event < block.event_count(); ++event) {
      const EventHead head = block.head(event);
      if (head.malformed || !may_match[event] || !time_.Contains(head.time_ms)) continue;
      if (!predicate_is_time_) {
        const absl::StatusOr<audit::Event> whole = block.ReadEvent(event);
        if (!whole.ok()) return whole.status();
        if (!request_.predicate.Matches(*whole)) continue;
      }
      buckets[event] = BucketOf(head.time_ms);
      Add(host, buckets[event], 1);
    }
    if (!request_.field) return absl::OkStatus();
    std::vector<uint32_t> numbers;  // Of the block's values, among all.
    return ForEachTermOf(block, *request_.field,
                         [&](uint32_t event, uint32_t number, std::string_view value) {
                           if (buckets[event] == kNone) return;
                           if (numbers.size() <= number) numbers.resize(number + 1, kNone);
                           if (numbers[number] == kNone) numbers[number] = values_.NumberOf(value);
                           values_.Add(numbers[number], buckets[event], 1);
                         });
  }

  // The values of blocks that lie whole in a bucket.
  absl::Status CountByIndex() {
    const DayRange days{.from = DayOf(time_.from_ms), .to = DayOf(time_.to_ms)};
    absl::Status room;
    const absl::Status read = ForEachPostings(
        *view_.rocks, options_, *request_.field, days, request_.stop,
        [&](const std::string& value, Day day, const std::vector<Posting>& postings) {
          if (!room.ok()) return;
          for (const Posting& posting : postings) {
            const auto found =
                whole_.find({.host = posting.host, .day = day, .number = posting.block});
            if (found == whole_.end() || posting.events == 0) continue;
            values_.Add(values_.NumberOf(value), found->second, posting.events);
          }
          room = CheckRoom();
        });
    return read.ok() ? room : read;
  }

  absl::Status CountOpen() {
    absl::flat_hash_set<uint32_t> values;
    for (const OpenEvents& open : view_.open) {
      if (!IsWanted(open.host)) continue;
      for (const std::shared_ptr<const OpenEvent>& one : open.events) {
        if (request_.stop.stop_requested()) return Cancelled();
        const uint64_t time_ms = one->event.stamp().time_ms;
        if (one->malformed || !time_.Contains(time_ms)) continue;
        if (!request_.predicate.Matches(one->event)) continue;
        const uint32_t bucket = BucketOf(time_ms);
        Add(open.host, bucket, 1);
        if (!request_.field) continue;
        values.clear();
        query::ForEachTerm(one->event, [&](query::TermField field, std::string_view value) {
          if (field == *request_.field) values.insert(values_.NumberOf(query::IndexedTerm(value)));
        });
        for (const uint32_t value : values) values_.Add(value, bucket, 1);
      }
      const absl::Status room = CheckRoom();
      if (!room.ok()) return room;
    }
    return absl::OkStatus();
  }

  const StoreView& view_;
  const std::vector<std::optional<Identity>>& hosts_;
  const HistogramRequest& request_;
  const query::TimeRange time_;
  const bool predicate_is_time_;
  rocksdb::ReadOptions options_;
  Histogram histogram_;
  ValueCounts values_;
  absl::btree_map<BlockId, uint32_t> whole_;  // Blocks of one bucket each, by the index.
};

}  // namespace

absl::StatusOr<Histogram> HistogramOf(const StoreView& view,
                                      const std::vector<std::optional<Identity>>& hosts,
                                      const HistogramRequest& request) {
  HistogramCounter counter(view, hosts, request);
  const absl::Status counted = counter.Count();
  if (!counted.ok()) return counted;
  return counter.Take();
}

}  // namespace storage
