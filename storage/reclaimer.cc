#include "storage/reclaimer.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include <rocksdb/write_batch.h>

#include "storage/block_floors.h"
#include "storage/block_store.h"
#include "storage/dead_postings.h"

namespace storage {

namespace {

// A part of a live file, of four.
constexpr uint64_t kDeadShare = 4;

// What the blocks take by their summaries.
absl::StatusOr<uint64_t> LiveColumnBytes(const Rocks& rocks) {
  uint64_t bytes = 0;
  const std::unique_ptr<rocksdb::Iterator> entry(
      rocks.db->NewIterator(rocksdb::ReadOptions(), rocks.summaries));
  for (entry->SeekToFirst(); entry->Valid(); entry->Next()) {
    const absl::StatusOr<BlockSummary> summary = DecodeSummary(ToView(entry->value()));
    if (!summary.ok()) return summary.status();
    bytes += summary->columns_bytes;
  }
  const absl::Status read = FromRocks(entry->status(), "read summaries");
  if (!read.ok()) return read;
  return bytes;
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

absl::StatusOr<bool> Reclaimer::IsDue() const {
  const absl::StatusOr<uint64_t> live = LiveColumnBytes(rocks_);
  if (!live.ok()) return live.status();
  const uint64_t files = TableBytes(rocks_, rocks_.columns);
  const uint64_t dead = files - std::min(files, *live);
  return dead >= dead_bytes_min_ && dead >= files / kDeadShare;
}

absl::Status Reclaimer::ReclaimIfDue(std::atomic<bool>* stopped) {
  const absl::StatusOr<bool> is_due = IsDue();
  if (!is_due.ok()) return is_due.status();
  if (!*is_due) return absl::OkStatus();
  for (rocksdb::ColumnFamilyHandle* family : {rocks_.columns, rocks_.tallies, rocks_.summaries}) {
    const absl::Status compacted = CompactFamily(rocks_, family, stopped);
    if (!compacted.ok()) return compacted;
  }
  return ReclaimIndex(stopped);
}

// No posting below a floor is written after the floor: numbers of blocks are not given again, and
// PutDayDrop() has waited for those who were writing. So once all files of the index that there
// were have been rewritten with the floors, these stand for nothing.
absl::Status Reclaimer::ReclaimIndex(std::atomic<bool>* stopped) {
  BlockFloors floors;
  {
    const Snapshot moment(*rocks_.db);
    if (!moment.is_oldest()) return absl::OkStatus();
    rocksdb::ReadOptions options;
    options.snapshot = moment.get();
    absl::StatusOr<BlockFloors> loaded =
        BlockFloors::Load(rocks_, options, 0, std::numeric_limits<Day>::max());
    if (!loaded.ok()) return loaded.status();
    floors = *std::move(loaded);
  }
  rocks_.dead_postings->SetFloors(floors);
  const absl::Status compacted = CompactFamily(rocks_, rocks_.terms, stopped);
  rocks_.dead_postings->SetFloors({});
  if (!compacted.ok()) return compacted;
  const std::lock_guard lock(blocks_mutex_);
  rocksdb::WriteBatch write;
  for (const BlockFloor& floor : floors.floors()) {
    const absl::StatusOr<std::optional<BlockFloor>> still =
        LoadFloor(rocks_, floor.host, floor.day);
    if (!still.ok()) return still.status();
    if (*still == floor) write.Delete(rocks_.meta, EncodeFloorKey(floor.host, floor.day));
  }
  return FromRocks(rocks_.db->Write(rocksdb::WriteOptions(), &write), "delete floors");
}

}  // namespace storage
