#include "storage/sealer.h"

#include <algorithm>
#include <optional>

#include "storage/block_floors.h"
#include "storage/host_state.h"
#include "storage/journal.h"
#include "storage/trim_mark.h"

namespace storage {

// With mutex_ held. Behind a floor numbers begin where it is: postings below it are dead. What is
// below the number of a mark would be taken for trimmed.
absl::StatusOr<uint32_t> BlockNumbers::Find(const Rocks& rocks, HostId host, Day day) {
  const std::pair key(host, day);
  if (const auto found = recent_.find(key); found != recent_.end()) return found->second;
  if (const auto found = older_.find(key); found != older_.end()) return found->second;
  const absl::StatusOr<uint32_t> next = NextBlockNumber(rocks, host, day);
  if (!next.ok()) return next;
  const absl::StatusOr<std::optional<BlockFloor>> floor = LoadFloor(rocks, host, day);
  if (!floor.ok()) return floor.status();
  const absl::StatusOr<std::optional<TrimMark>> mark =
      LoadTrimMark(rocks, rocksdb::ReadOptions(), {.host = host, .day = day});
  if (!mark.ok()) return mark.status();
  return std::max({*next, *floor ? (*floor)->number : 0, *mark ? (*mark)->number : 0});
}

absl::StatusOr<uint32_t> BlockNumbers::Next(const Rocks& rocks, HostId host, Day day) {
  const std::lock_guard lock(mutex_);
  const absl::StatusOr<uint32_t> number = Find(rocks, host, day);
  if (!number.ok()) return number;
  if (recent_.size() >= kDaysMax) {
    older_ = std::move(recent_);
    recent_.clear();
  }
  recent_[std::pair(host, day)] = *number + 1;
  return number;
}

absl::StatusOr<uint32_t> BlockNumbers::Peek(const Rocks& rocks, HostId host, Day day) {
  const std::lock_guard lock(mutex_);
  return Find(rocks, host, day);
}

absl::StatusOr<std::vector<SealedBlock>> Sealer::Seal(const CompleteEvents& complete) {
  std::vector<SealedBlock> blocks;
  for (const auto& [day, events] : complete.days) {
    uint64_t records_left = 0;
    for (const std::shared_ptr<const OpenEvent>& event : events) {
      records_left += event->event.record_count();
    }
    for (const std::shared_ptr<const OpenEvent>& event : events) {
      complete.AddTo(&writer_, *event);
      records_left -= event->event.record_count();
      // What would be less than a block by itself goes into this one: a small block beside it would
      // have to be joined with others, which costs as much as to make them.
      const bool is_full = writer_.record_count() >= kBlockRecordsAim;
      if (records_left > 0 && !(is_full && records_left >= kBlockRecordsAim)) continue;
      EncodedBlock block = writer_.Finish();
      absl::StatusOr<BlockIndex> index = IndexOf(block);
      if (!index.ok()) return index.status();
      blocks.push_back({.day = day, .block = std::move(block), .index = *std::move(index)});
    }
  }
  return blocks;
}

void PutJournalRest(const Rocks& rocks, HostId host, const OpenHost& open,
                    const std::vector<KeptRecord>& rest, rocksdb::WriteBatch* write) {
  write->Put(rocks.meta, HostStateKey(host), EncodeHostState(open.state()));
  const JournalKey last{.host = host, .arrival = open.last_arrival()};
  write->DeleteRange(rocks.journal, EncodeJournalKey({.host = host}),
                     EncodeJournalKey({.host = host, .arrival = last.arrival + 1}));
  if (!rest.empty()) write->Put(rocks.journal, EncodeJournalKey(last), EncodeRest(rest));
}

}  // namespace storage
