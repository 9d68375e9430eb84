#include "storage/journal_search.h"

#include <algorithm>
#include <fnmatch.h>
#include <optional>
#include <queue>
#include <utility>
#include <vector>

#include "audit/assembler.h"
#include "audit/record.h"
#include "storage/journal_cursor.h"

namespace storage {

namespace {

// What the hosts of a search together may read ahead, and what one may: a piece below 4 KB would
// cost a seek for every few records.
constexpr size_t kReadAheadBytes = 64 << 20;
constexpr size_t kPieceBytesMin = 4 << 10;
constexpr size_t kPieceBytesMax = 1 << 20;

bool MatchesAny(const std::string& name, const std::vector<std::string>& patterns) {
  if (patterns.empty()) return true;
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
  });
}

// The matching events of one host, one after the other.
class HostEvents {
 public:
  HostEvents(const Identity& host, JournalCursor cursor, const query::Predicate& predicate)
      : host_(host), cursor_(std::move(cursor)), predicate_(predicate) {}

  // Goes to the next event that matches. False at the end.
  absl::StatusOr<bool> Next() {
    for (;;) {
      event_ = assembler_.Take();
      if (event_ && predicate_.Matches(*event_)) return true;
      if (event_) continue;
      if (at_end_) return false;
      const absl::Status added = AddRecord();
      if (!added.ok()) return added;
    }
  }

  uint64_t order() const { return event_->stamp().time_ms; }
  FoundEvent found() const { return {.host = host_, .event = *event_}; }

 private:
  absl::Status AddRecord() {
    JournalRecord stored;
    const absl::StatusOr<bool> more = cursor_.Next(&stored);
    if (!more.ok()) return more.status();
    if (!*more) {
      at_end_ = true;
      assembler_.Flush();
      return absl::OkStatus();
    }
    const absl::StatusOr<audit::Record> record = audit::ParseRecord(stored.line);
    if (record.ok()) assembler_.Add(stored.line, *record);
    return absl::OkStatus();
  }

  const Identity& host_;
  JournalCursor cursor_;
  const query::Predicate& predicate_;
  audit::Assembler assembler_;
  std::optional<audit::Event> event_;
  bool at_end_ = false;
};

// The malformed records of one host, one after the other.
class HostMalformed {
 public:
  HostMalformed(const Identity& host, JournalCursor cursor, query::TimeRange received)
      : host_(host), cursor_(std::move(cursor)), received_(received) {}

  absl::StatusOr<bool> Next() {
    for (;;) {
      const absl::StatusOr<bool> more = cursor_.Next(&record_);
      if (!more.ok() || !*more) return more;
      if (received_.Contains(record_.received_ms) && !audit::ParseRecord(record_.line).ok()) {
        return true;
      }
    }
  }

  uint64_t order() const { return record_.received_ms; }
  MalformedRecord found() const {
    return {.host = host_,
            .address = record_.address,
            .received_ms = record_.received_ms,
            .line = record_.line};
  }

 private:
  const Identity& host_;
  JournalCursor cursor_;
  const query::TimeRange received_;
  JournalRecord record_;
};

// Gives out what the hosts have, the one of the lowest order first.
template <typename PerHost, typename Sink>
absl::Status Merge(std::vector<std::unique_ptr<PerHost>> hosts, const Sink& sink) {
  const auto later = [&hosts](size_t a, size_t b) {
    return std::pair(hosts[a]->order(), a) > std::pair(hosts[b]->order(), b);
  };
  std::priority_queue<size_t, std::vector<size_t>, decltype(later)> next(later);
  for (size_t host = 0; host < hosts.size(); ++host) {
    const absl::StatusOr<bool> more = hosts[host]->Next();
    if (!more.ok()) return more.status();
    if (*more) next.push(host);
  }
  while (!next.empty()) {
    const size_t host = next.top();
    next.pop();
    if (!sink(hosts[host]->found())) return absl::OkStatus();
    const absl::StatusOr<bool> more = hosts[host]->Next();
    if (!more.ok()) return more.status();
    if (*more) next.push(host);
  }
  return absl::OkStatus();
}

}  // namespace

JournalSearch::JournalSearch(std::shared_ptr<Rocks> rocks, const HostTable& hosts,
                             const std::vector<std::string>& host_patterns)
    : rocks_(std::move(rocks)) {
  rocksdb::ReadOptions options;
  options.fill_cache = false;  // A search reads everything once.
  entry_.reset(rocks_->db->NewIterator(options, rocks_->journal));
  for (HostId id = 0; id < hosts.size(); ++id) {
    const Identity& host = hosts.identity(id);
    if (MatchesAny(host.name, host_patterns)) hosts_.push_back({.id = id, .identity = host});
  }
}

size_t JournalSearch::piece_bytes() const {
  return std::clamp(kReadAheadBytes / std::max<size_t>(hosts_.size(), 1), kPieceBytesMin,
                    kPieceBytesMax);
}

absl::Status JournalSearch::FindEvents(const query::Predicate& predicate,
                                       const std::function<bool(const FoundEvent&)>& sink) {
  std::vector<std::unique_ptr<HostEvents>> hosts;
  for (const Host& host : hosts_) {
    hosts.push_back(std::make_unique<HostEvents>(
        host.identity, JournalCursor(*entry_, host.id, piece_bytes()), predicate));
  }
  return Merge(std::move(hosts), sink);
}

absl::Status JournalSearch::FindMalformed(query::TimeRange received,
                                          const std::function<bool(const MalformedRecord&)>& sink) {
  std::vector<std::unique_ptr<HostMalformed>> hosts;
  for (const Host& host : hosts_) {
    hosts.push_back(std::make_unique<HostMalformed>(
        host.identity, JournalCursor(*entry_, host.id, piece_bytes()), received));
  }
  return Merge(std::move(hosts), sink);
}

}  // namespace storage
