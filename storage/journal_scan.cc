#include "storage/journal_scan.h"

#include <fnmatch.h>

#include <algorithm>
#include <map>
#include <optional>
#include <queue>
#include <utility>

#include "absl/strings/str_format.h"

#include "audit/assembler.h"
#include "audit/record.h"

namespace storage {

namespace {

// What all pieces together may hold, and what one may hold: a piece below 4 KB would cost a seek
// for every few records.
constexpr size_t kReadAheadBytes = 64 << 20;
constexpr size_t kPieceBytesMin = 4 << 10;
constexpr size_t kPieceBytesMax = 1 << 20;

bool MatchesAny(const std::string& name, const std::vector<std::string>& patterns) {
  if (patterns.empty()) return true;
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
  });
}

absl::Status AtGroup(const absl::Status& status, const Identity& host, uint64_t arrival) {
  return absl::Status(status.code(), absl::StrFormat("%s (host %s, group %d)",
                                                     std::string(status.message()), host.name,
                                                     arrival));
}

}  // namespace

JournalScan::JournalScan(std::shared_ptr<Rocks> rocks, const HostTable& hosts,
                         const std::vector<std::string>& host_patterns)
    : rocks_(std::move(rocks)) {
  rocksdb::ReadOptions options;
  options.fill_cache = false;  // A scan reads everything once.
  entry_.reset(rocks_->db->NewIterator(options, rocks_->journal));
  for (HostId id = 0; id < hosts.size(); ++id) {
    if (MatchesAny(hosts.identity(id).name, host_patterns)) {
      cursors_.push_back({.id = id, .host = hosts.identity(id), .groups = {}});
    }
  }
  piece_bytes_ = std::clamp(kReadAheadBytes / std::max<size_t>(cursors_.size(), 1), kPieceBytesMin,
                            kPieceBytesMax);
}

absl::Status JournalScan::ReadAhead(HostCursor* cursor) {
  size_t bytes = 0;
  entry_->Seek(EncodeJournalKey({.host = cursor->id, .arrival = cursor->next_arrival}));
  for (; entry_->Valid() && bytes < piece_bytes_; entry_->Next()) {
    const absl::StatusOr<JournalKey> key = DecodeJournalKey(ToView(entry_->key()));
    if (!key.ok()) return key.status();
    if (key->host != cursor->id) break;
    cursor->groups.push_back({.arrival = key->arrival, .value = entry_->value().ToString()});
    cursor->next_arrival = key->arrival + 1;
    bytes += entry_->value().size();
  }
  return FromRocks(entry_->status(), "read the journal");
}

absl::Status JournalScan::ForEach(const std::function<bool(const ScannedRecord&)>& sink) {
  const auto later = [](const HostCursor* a, const HostCursor* b) {
    return a->groups.front().arrival > b->groups.front().arrival;
  };
  std::priority_queue<HostCursor*, std::vector<HostCursor*>, decltype(later)> next(later);
  for (HostCursor& cursor : cursors_) {
    const absl::Status read = ReadAhead(&cursor);
    if (!read.ok()) return read;
    if (!cursor.groups.empty()) next.push(&cursor);
  }
  while (!next.empty()) {
    HostCursor* const cursor = next.top();
    next.pop();
    const Group& front = cursor->groups.front();
    absl::StatusOr<JournalGroup> group = JournalGroup::Decode(front.value);
    if (!group.ok()) return AtGroup(group.status(), cursor->host, front.arrival);
    for (std::string_view line;;) {
      const absl::StatusOr<bool> more = group->Next(&line);
      if (!more.ok()) return AtGroup(more.status(), cursor->host, front.arrival);
      if (!*more) break;
      const bool go_on = sink({.host_id = cursor->id,
                               .host = cursor->host,
                               .address = group->address(),
                               .received_ms = group->received_ms(),
                               .line = line});
      if (!go_on) return absl::OkStatus();
    }
    cursor->groups.pop_front();
    if (cursor->groups.empty()) {
      const absl::Status read = ReadAhead(cursor);
      if (!read.ok()) return read;
    }
    if (!cursor->groups.empty()) next.push(cursor);
  }
  return absl::OkStatus();
}

absl::Status FindEvents(JournalScan* scan, const query::Predicate& predicate,
                        const std::function<bool(const FoundEvent&)>& sink) {
  struct Host {
    Identity identity;
    audit::Assembler assembler;
  };
  std::map<HostId, Host> hosts;
  bool go_on = true;
  const auto take = [&](Host& host) {
    while (go_on) {
      const std::optional<audit::Event> event = host.assembler.Take();
      if (!event) return;
      if (predicate.Matches(*event)) go_on = sink({.host = host.identity, .event = *event});
    }
  };
  const absl::Status scanned = scan->ForEach([&](const ScannedRecord& scanned_record) {
    const absl::StatusOr<audit::Record> record = audit::ParseRecord(scanned_record.line);
    if (!record.ok()) return true;
    Host& host = hosts[scanned_record.host_id];
    if (host.identity.name.empty()) host.identity = scanned_record.host;
    host.assembler.Add(scanned_record.line, *record);
    take(host);
    return go_on;
  });
  for (auto& [id, host] : hosts) {
    host.assembler.Flush();
    take(host);
  }
  return scanned;
}

absl::Status FindMalformed(JournalScan* scan, const query::Predicate& predicate,
                           const std::function<bool(const MalformedRecord&)>& sink) {
  const query::TimeRange range = predicate.time_bounds();
  return scan->ForEach([&](const ScannedRecord& record) {
    if (!range.Contains(record.received_ms) || audit::ParseRecord(record.line).ok()) return true;
    return sink({.host = record.host,
                 .address = record.address,
                 .received_ms = record.received_ms,
                 .line = record.line});
  });
}

}  // namespace storage
