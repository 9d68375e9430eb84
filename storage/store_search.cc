#include "storage/store_search.h"

#include <algorithm>
#include <array>
#include <deque>
#include <limits>
#include <queue>
#include <utility>

#include "audit/record_type.h"
#include "storage/block_facts.h"
#include "storage/term_question.h"
#include "storage/whole_events.h"

namespace storage {

namespace {

using Key = std::array<uint64_t, 5>;

// What one source may hold: less would read a block too often, and more than a whole block is never
// needed.
constexpr size_t kPieceBytesMin = 16 << 10;
constexpr size_t kPieceBytesMax = 16 << 20;

bool IsDescending(SearchOrder order) {
  return order == SearchOrder::kReceiptDescending || order == SearchOrder::kTimeDescending;
}

bool IsByTime(SearchOrder order) {
  return order == SearchOrder::kTime || order == SearchOrder::kTimeDescending;
}

// Turned around, so that the lowest key comes first in every order.
Key Turned(Key key, bool turn) {
  if (turn) {
    for (uint64_t& part : key) part = ~part;
  }
  return key;
}

// Of all orders but kWhole.
Key KeyOf(SearchOrder order, HostId host, uint64_t time_ms, uint32_t serial,
          const EventOrder& place) {
  const Key key = IsByTime(order) ? Key{time_ms, serial, host, place.arrival, place.rank}
                                  : Key{place.arrival, place.rank, host, 0, 0};
  return Turned(key, IsDescending(order));
}

// No event of the block has a lower one.
Key LowestKeyOf(SearchOrder order, const BlockSummary& block) {
  if (order == SearchOrder::kWhole) return {block.end_min};
  const bool descending = IsDescending(order);
  const EventOrder& place = descending ? block.order_max : block.order_min;
  const uint64_t time_ms = descending ? block.time.to_ms : block.time.from_ms;
  constexpr uint64_t kHighest = std::numeric_limits<uint64_t>::max();
  const uint64_t rest = descending ? kHighest : 0;
  const Key key = IsByTime(order) ? Key{time_ms, rest, rest, rest, rest}
                                  : Key{place.arrival, place.rank, rest, rest, rest};
  return Turned(key, descending);
}

absl::Status Cancelled() { return absl::CancelledError("search: cancelled"); }

}  // namespace

// Matches in order. The first one is there once Open() has found it.
class StoreSearch::Source {
 public:
  struct Match {
    Key key;
    std::optional<audit::Event> event = {};
    std::unique_ptr<const query::KeptFacts> facts = {};
    uint64_t received_ms = 0;
    std::string address = {};
    bool pending = false;
  };

  Source(HostId host, Key lowest) : host_(host), key_(lowest) {}
  virtual ~Source() = default;

  HostId host() const { return host_; }
  bool is_open() const { return is_open_; }

  // That of the next match, or a lower one before Open().
  const Key& key() const { return key_; }
  const Match& match() const { return *match_; }

  // Goes to the first match, or to the next one. False if there is none.
  absl::StatusOr<bool> Next() {
    is_open_ = true;
    const absl::Status taken = Take(&match_);
    if (!taken.ok()) return taken;
    if (match_) key_ = match_->key;
    return match_.has_value();
  }

 protected:
  // Sets *match to the next match, or to nullopt.
  virtual absl::Status Take(std::optional<Match>* match) = 0;

 private:
  const HostId host_;
  Key key_;
  bool is_open_ = false;
  std::optional<Match> match_;
};

// The matches of one block.
class StoreSearch::BlockSource : public StoreSearch::Source {
 public:
  BlockSource(StoreSearch& search, const BlockId& id, Key lowest)
      : Source(id.host, lowest), search_(search), id_(id) {}

 protected:
  absl::Status Take(std::optional<Match>* match) override {
    while (ready_.empty() && (!is_selected_ || next_ < selected_.size())) {
      const absl::Status read = ReadPiece();
      if (!read.ok()) return read;
    }
    match->reset();
    if (ready_.empty()) {
      // The source stays until the search ends, and there may be many.
      selected_ = {};
      next_ = 0;
      return absl::OkStatus();
    }
    *match = std::move(ready_.front());
    ready_.pop_front();
    return absl::OkStatus();
  }

 private:
  struct Selected {
    Key key;
    uint32_t event;
  };

  absl::Status ReadPiece() {
    if (search_.request_.stop.stop_requested()) return Cancelled();
    if (!is_selected_) ++search_.explanation_.blocks_read;
    const auto block = LoadBlock(*search_.view_.rocks, search_.options_, id_);
    if (!block.ok()) return block.status();
    BlockReader& reader = *(*block)->reader;
    absl::Status read = is_selected_ ? absl::OkStatus() : Select(reader);
    if (read.ok()) {
      read = search_.kind_ == Kind::kFacts ? ReadFactsOf(reader) : ReadEventsOf(reader);
    }
    return read.ok() ? read : AtBlock(id_, read);
  }

  absl::Status ReadEventsOf(BlockReader& block) {
    const SearchRequest& request = search_.request_;
    const size_t bytes_max = search_.piece_bytes();
    const uint64_t matches_max = request.limit.value_or(std::numeric_limits<uint64_t>::max());
    size_t bytes = 0;
    for (; next_ < selected_.size() && bytes < bytes_max && ready_.size() < matches_max; ++next_) {
      const Selected& one = selected_[next_];
      absl::StatusOr<audit::Event> event = ReadEvent(block, one.event);
      if (!event.ok()) return event.status();
      ++search_.explanation_.events_read;
      if (!malformed() && !request.predicate.Matches(*event)) continue;
      bytes += event->bytes() + sizeof(Match);
      const RecordOrigin origin = block.origin(block.first_record(one.event));
      ready_.push_back({.key = one.key,
                        .event = *std::move(event),
                        .received_ms = origin.received_ms,
                        .address = std::string(origin.address)});
    }
    return absl::OkStatus();
  }

  absl::Status ReadFactsOf(BlockReader& block) {
    const auto facts = BlockFacts::Open(block, search_.facts_->roles | query::kOutcomeRoles);
    if (!facts.ok()) return facts.status();
    const size_t bytes_max = search_.piece_bytes();
    size_t bytes = 0;
    for (; next_ < selected_.size() && bytes < bytes_max; ++next_) {
      const auto of_event = (*facts)->Read(selected_[next_].event);
      if (!of_event.ok()) return of_event.status();
      if (!search_.facts_->filter.Matches(**of_event)) continue;
      Match& match = ready_.emplace_back(Match{.key = selected_[next_].key});
      match.facts = std::make_unique<query::KeptFacts>(**of_event);
      bytes += match.facts->bytes() + sizeof(Match);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<audit::Event> ReadEvent(BlockReader& block, uint32_t number) const {
    if (!malformed()) return block.ReadEvent(number);
    audit::Event event("", {.time_ms = block.head(number).time_ms});
    std::string line;
    const absl::Status read = block.AppendLine(number, block.first_record(number), &line);
    if (!read.ok()) return read;
    event.Add(line);
    return event;
  }

  // Finds what may match, by columns alone.
  absl::Status Select(BlockReader& block) {
    is_selected_ = true;
    const SearchRequest& request = search_.request_;
    std::vector<bool> may_match(block.event_count(), true);
    if (!malformed()) {
      absl::StatusOr<std::vector<bool>> selected = SelectEvents(block, request.predicate);
      if (!selected.ok()) return selected.status();
      may_match = *std::move(selected);
    }
    for (uint32_t event = 0; event < block.event_count(); ++event) {
      if (!may_match[event]) continue;
      const EventHead head = block.head(event);
      if (head.malformed != malformed() || !search_.time_.Contains(head.time_ms)) continue;
      const Key key = KeyOf(block, event, head);
      if (request.after && key <= request.after->key) continue;
      selected_.push_back({.key = key, .event = event});
    }
    std::ranges::sort(selected_, {}, &Selected::key);
    return absl::OkStatus();
  }

  Key KeyOf(const BlockReader& block, uint32_t event, const EventHead& head) const {
    const SearchOrder order = search_.request_.order;
    if (order != SearchOrder::kWhole) {
      return storage::KeyOf(order, host(), head.time_ms, head.serial, head.order);
    }
    uint64_t position = 0;
    if (head.end.record > 0) {
      position = block.origin(block.first_record(event) + head.end.record - 1).position;
    }
    return KeyOfWhole(host(), head.order, head.end, position);
  }

  bool malformed() const { return search_.kind_ == Kind::kMalformed; }

  StoreSearch& search_;
  const BlockId id_;
  bool is_selected_ = false;
  std::vector<Selected> selected_;  // In order.
  size_t next_ = 0;                 // Of selected_, that is not read yet.
  std::deque<Match> ready_;
};

// The matches among the open events of one host.
class StoreSearch::OpenSource : public StoreSearch::Source {
 public:
  OpenSource(StoreSearch& search, const OpenEvents& open) : Source(open.host, {}), search_(search) {
    const SearchRequest& request = search.request_;
    const bool malformed = search.kind_ == Kind::kMalformed;
    const bool by_end = request.order == SearchOrder::kWhole;
    for (const std::shared_ptr<const OpenEvent>& event : open.events) {
      const audit::Stamp stamp = event->event.stamp();
      if (event->malformed != malformed || !search.time_.Contains(stamp.time_ms)) continue;
      if (by_end && !event->is_whole()) continue;
      const Key key =
          by_end ? KeyOfWhole(open.host, *event)
                 : KeyOf(request.order, open.host, stamp.time_ms, stamp.serial, event->order);
      if (request.after && key <= request.after->key) continue;
      events_.emplace_back(key, event.get());
    }
    std::ranges::sort(events_);
    search.explanation_.open_events += events_.size();
  }

 protected:
  absl::Status Take(std::optional<Match>* match) override {
    match->reset();
    while (next_ < events_.size()) {
      const auto& [key, open] = events_[next_++];
      if (search_.request_.stop.stop_requested()) return Cancelled();
      if (search_.kind_ != Kind::kMalformed && !search_.request_.predicate.Matches(open->event)) {
        continue;
      }
      if (search_.kind_ == Kind::kFacts) {
        const query::EventFacts& facts = query::FactsOf(open->event, &builder_);
        if (!search_.facts_->filter.Matches(facts)) continue;
        *match = Match{.key = key};
        (*match)->facts = std::make_unique<query::KeptFacts>(facts);
        break;
      }
      *match = Match{.key = key,
                     .event = open->event,
                     .received_ms = open->received_ms,
                     .address = open->address,
                     .pending = open->pending};
      break;
    }
    return absl::OkStatus();
  }

 private:
  StoreSearch& search_;
  query::EventFactsBuilder builder_;
  std::vector<std::pair<Key, const OpenEvent*>> events_;
  size_t next_ = 0;
};

StoreSearch::StoreSearch(const StoreView& view, const std::vector<std::optional<Identity>>& hosts,
                         const SearchRequest& request)
    : view_(view), hosts_(hosts), request_(request) {
  options_.snapshot = view_.snapshot.get();
}

StoreSearch::~StoreSearch() {
  if (request_.explanation != nullptr) *request_.explanation = std::move(explanation_);
}

absl::Status StoreSearch::FindEvents(const std::function<bool(const FoundEvent&)>& sink) {
  kind_ = Kind::kEvents;
  return Find([&](const Source& source) {
    return sink({.host = *hosts_[source.host()],
                 .address = source.match().address,
                 .received_ms = source.match().received_ms,
                 .event = *source.match().event,
                 .pending = source.match().pending,
                 .cursor = {.order = request_.order, .key = source.key()}});
  });
}

absl::Status StoreSearch::FindMalformed(const std::function<bool(const MalformedRecord&)>& sink) {
  kind_ = Kind::kMalformed;
  return Find([&](const Source& source) {
    const Source::Match& match = source.match();
    return sink({.host = *hosts_[source.host()],
                 .address = match.address,
                 .received_ms = match.received_ms,
                 .line = match.event->line(0)});
  });
}

absl::Status StoreSearch::FindFacts(const FactsRequest& facts,
                                    const std::function<bool(const FoundFacts&)>& sink) {
  kind_ = Kind::kFacts;
  facts_ = &facts;
  return Find([&](const Source& source) {
    return sink({.host = *hosts_[source.host()], .facts = source.match().facts->facts()});
  });
}

absl::Status StoreSearch::Find(const std::function<bool(const Source&)>& sink) {
  if (request_.after && request_.after->order != request_.order) {
    return absl::InvalidArgumentError("search: the cursor is of another order");
  }
  time_ = request_.predicate.time_bounds();
  if (time_.empty() || request_.limit == 0) return absl::OkStatus();
  const absl::Status added = AddSources();
  if (!added.ok()) return added;

  const auto later = [](const Source* a, const Source* b) { return a->key() > b->key(); };
  std::priority_queue<Source*, std::vector<Source*>, decltype(later)> next(later);
  for (const std::unique_ptr<Source>& source : sources_) next.push(source.get());
  uint64_t found = 0;
  while (!next.empty()) {
    Source* const source = next.top();
    next.pop();
    if (source->is_open()) {
      if (!sink(*source) || ++found == request_.limit) return absl::OkStatus();
    }
    const absl::StatusOr<bool> more = source->Next();
    if (!more.ok()) return more.status();
    if (*more) next.push(source);
  }
  return absl::OkStatus();
}

absl::Status StoreSearch::AddSources() {
  const absl::Status added = AddBlocks();
  if (!added.ok()) return added;
  for (const OpenEvents& open : view_.open) {
    if (IsWanted(open.host)) sources_.push_back(std::make_unique<OpenSource>(*this, open));
  }
  return absl::OkStatus();
}

absl::Status StoreSearch::AddBlocks() {
  const DayRange days{.from = DayOf(time_.from_ms), .to = DayOf(time_.to_ms)};
  if (only_) {
    for (const BlockId& id : *only_) {
      const absl::Status added = AddBlock(id);
      if (!added.ok()) return added;
    }
    return absl::OkStatus();
  }
  // Malformed records are in no term.
  if (kind_ != Kind::kMalformed && !only_host_) {
    const auto planned =
        PlanBlocks(*view_.rocks, options_, request_.predicate, days, request_.stop, &explanation_);
    if (!planned.ok()) return planned.status();
    if (planned->has_value()) {
      explanation_.by_index = true;
      for (const BlockId& id : **planned) {
        const absl::Status added = IsWanted(id.host) ? AddBlock(id) : absl::OkStatus();
        if (!added.ok()) return added;
      }
      return absl::OkStatus();
    }
  }
  const HostId first = only_host_.value_or(0);
  const HostId end = only_host_ ? first + 1 : static_cast<HostId>(hosts_.size());
  for (HostId host = first; host < end; ++host) {
    if (!IsWanted(host)) continue;
    if (request_.stop.stop_requested()) return Cancelled();
    const absl::Status read = ForEachBlock(*view_.rocks, options_, host, days.from, days.to,
                                           [&](const BlockId& id, const BlockSummary& summary) {
                                             AddBlock(id, summary);
                                             return true;
                                           });
    if (!read.ok()) return read;
  }
  return absl::OkStatus();
}

absl::Status StoreSearch::AddBlock(const BlockId& id) {
  const absl::StatusOr<BlockSummary> summary = LoadSummary(*view_.rocks, options_, id);
  // An index that names a block too many is a matter for EventStore::Check(): nothing is missing.
  if (absl::IsNotFound(summary.status())) return absl::OkStatus();
  if (!summary.ok()) return summary.status();
  AddBlock(id, *summary);
  return absl::OkStatus();
}

void StoreSearch::AddBlock(const BlockId& id, const BlockSummary& summary) {
  if (query::Intersection(summary.time, time_).empty()) return;
  const bool has_any = kind_ == Kind::kMalformed ? summary.malformed_count > 0
                                                 : summary.event_count > summary.malformed_count;
  if (!has_any || !MayHaveTypes(summary)) return;
  // No event of the block is behind the cursor.
  if (request_.order == SearchOrder::kWhole && request_.after &&
      KeyOfWhole(id.host, summary.order_max, {}, 0) <= request_.after->key) {
    return;
  }
  ++explanation_.blocks_planned;
  Key lowest = LowestKeyOf(request_.order, summary);
  sources_.push_back(std::make_unique<BlockSource>(*this, id, lowest));
}

// Whether the block has a record of a type that facts are wanted of.
bool StoreSearch::MayHaveTypes(const BlockSummary& summary) const {
  if (kind_ != Kind::kFacts || facts_->types.empty()) return true;
  return std::ranges::any_of(summary.types, [&](const TypeCount& count) {
    const std::optional<uint32_t> number = audit::RecordTypeNumber(count.type);
    return number && std::ranges::find(facts_->types, *number) != facts_->types.end();
  });
}

// Each source gets its share. Few sources overlap, mostly, so each may have a multiple of it.
size_t StoreSearch::piece_bytes() const {
  constexpr size_t kSharesEach = 4;
  const size_t sources = std::max<size_t>(sources_.size(), 1);
  return std::clamp(kSharesEach * request_.memory_bytes_max / sources, kPieceBytesMin,
                    kPieceBytesMax);
}

}  // namespace storage
