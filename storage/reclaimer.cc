#include "storage/reclaimer.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include <rocksdb/write_batch.h>

#include "storage/block_floors.h"
#include "storage/block_store.h"
#include "storage/dead_postings.h"
#include "storage/host_day.h"
#include "storage/term_index.h"

namespace storage {

namespace {

// What is dead, of how much.
constexpr uint64_t kDeadShare = 4;

// RocksDB rewrites a family in steps, and deletes what it has read after each: what it needs is
// that of one step, about, and of the files that are made beside it.
constexpr uint64_t kRoomMax = uint64_t{4} << 30;

// The days of hosts of which the index has postings below their floors.
absl::StatusOr<absl::flat_hash_set<std::pair<Day, HostId>>> DaysWithDeadPostings(
    const Rocks& rocks, const BlockFloors& floors, const std::atomic<bool>& stopped) {
  absl::flat_hash_set<std::pair<Day, HostId>> days;
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  Term term;
  std::vector<Posting> postings;
  const std::unique_ptr<rocksdb::Iterator> entry(rocks.db->NewIterator(options, rocks.terms));
  for (entry->SeekToFirst(); entry->Valid(); entry->Next()) {
    if (stopped) return absl::CancelledError("store: reclaim: cancelled");
    Day day = 0;
    if (!DecodeTermKey(ToView(entry->key()), &term, &day)) {
      return IndexDamaged();
    }
    if (!floors.HasDay(day)) continue;
    postings.clear();
    if (!TakePostings(ToView(entry->value()), &postings)) {
      return IndexDamaged();
    }
    for (const Posting& posting : postings) {
      if (floors.IsBelow(day, posting)) days.emplace(day, posting.host);
    }
  }
  const absl::Status read = FromRocks(entry->status(), "read the index");
  if (!read.ok()) return read;
  return days;
}

class Snapshot {
 public:
  explicit Snapshot(rocksdb::DB& db) : db_(db), snapshot_(db.GetSnapshot()) {}
  ~Snapshot() { db_.ReleaseSnapshot(snapshot_); }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  const rocksdb::Snapshot* get() const { return snapshot_; }

  // Whether none that is older is held.
  bool is_oldest() const {
    uint64_t oldest = 0;
    return db_.GetIntProperty(rocksdb::DB::Properties::kOldestSnapshotSequence, &oldest) &&
           oldest == snapshot_->GetSequenceNumber();
  }

 private:
  rocksdb::DB& db_;
  const rocksdb::Snapshot* const snapshot_;
};

}  // namespace

bool Reclaimer::HasRoomFor(rocksdb::ColumnFamilyHandle* family) const {
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(rocks_.db->GetName(), error);
  return !error && space.available >= std::min(TableBytes(rocks_, family), kRoomMax);
}

absl::StatusOr<Reclaimer::Live> Reclaimer::CountLive() const {
  Live live;
  std::optional<HostDay> last;
  const std::unique_ptr<rocksdb::Iterator> entry(
      rocks_.db->NewIterator(rocksdb::ReadOptions(), rocks_.summaries));
  for (entry->SeekToFirst(); entry->Valid(); entry->Next()) {
    const absl::StatusOr<BlockId> id = DecodeBlockKey(ToView(entry->key()));
    if (!id.ok()) return id.status();
    const absl::StatusOr<BlockSummary> summary = DecodeSummary(ToView(entry->value()));
    if (!summary.ok()) return AtBlock(*id, summary.status());
    live.columns_bytes += summary->columns_bytes;
    const HostDay of{.host = id->host, .day = id->day};
    if (std::exchange(last, of) != of) ++live.host_days;
  }
  const absl::Status read = FromRocks(entry->status(), "read summaries");
  if (!read.ok()) return read;
  return live;
}

absl::StatusOr<bool> Reclaimer::ReclaimIfDue(std::atomic<bool>* stopped) {
  const absl::StatusOr<Live> live = CountLive();
  if (!live.ok()) return live.status();
  const absl::StatusOr<bool> blocks = ReclaimBlocks(*live, stopped);
  if (!blocks.ok()) return blocks;
  const absl::StatusOr<bool> index = ReclaimIndex(*live, stopped);
  if (!index.ok()) return index;
  return *blocks && *index;
}

absl::StatusOr<bool> Reclaimer::ReclaimBlocks(const Live& live, std::atomic<bool>* stopped) {
  const uint64_t files = TableBytes(rocks_, rocks_.columns);
  const uint64_t dead = files - std::min(files, live.columns_bytes);
  if (dead < dead_bytes_min_ || dead < files / kDeadShare) return true;
  if (!HasRoomFor(rocks_.columns)) return false;
  for (rocksdb::ColumnFamilyHandle* family : {rocks_.columns, rocks_.tallies, rocks_.summaries}) {
    const absl::Status compacted = CompactFamily(rocks_, family, stopped);
    if (!compacted.ok()) return compacted;
  }
  return true;
}

// No posting below a floor is written after the floor: numbers of blocks are not given again, and
// PutDayDrop() has waited for those who were writing. So a floor below which the rewritten index
// has none stands for nothing. It can still have some: RocksDB asks the filter of no operand that a
// snapshot sees, and a search can have begun meanwhile.
absl::StatusOr<bool> Reclaimer::ReclaimIndex(const Live& live, std::atomic<bool>* stopped) {
  BlockFloors floors;
  {
    const Snapshot moment(*rocks_.db);
    rocksdb::ReadOptions options;
    options.snapshot = moment.get();
    absl::StatusOr<BlockFloors> loaded =
        BlockFloors::Load(rocks_, options, 0, std::numeric_limits<Day>::max());
    if (!loaded.ok()) return loaded.status();
    floors = *std::move(loaded);
    const uint64_t dead = floors.floors().size();
    if (dead == 0 || kDeadShare * dead < dead + live.host_days) return true;
    if (!moment.is_oldest()) return false;
  }
  if (!HasRoomFor(rocks_.terms)) return false;
  rocks_.dead_postings->SetFloors(floors);
  const absl::Status compacted = CompactFamily(rocks_, rocks_.terms, stopped);
  rocks_.dead_postings->SetFloors({});
  if (!compacted.ok()) return compacted;
  const auto needed = DaysWithDeadPostings(rocks_, floors, *stopped);
  if (!needed.ok()) return needed.status();
  const std::lock_guard lock(blocks_mutex_);
  rocksdb::WriteBatch write;
  for (const BlockFloor& floor : floors.floors()) {
    if (needed->contains(std::pair(floor.day, floor.host))) continue;
    const absl::StatusOr<std::optional<BlockFloor>> still =
        LoadFloor(rocks_, floor.host, floor.day);
    if (!still.ok()) return still.status();
    if (*still == floor) write.Delete(rocks_.meta, EncodeFloorKey(floor.host, floor.day));
  }
  const absl::Status written =
      FromRocks(rocks_.db->Write(rocksdb::WriteOptions(), &write), "delete floors");
  if (!written.ok()) return written;
  return needed->empty();
}

}  // namespace storage
