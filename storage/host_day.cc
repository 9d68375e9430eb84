#include "storage/host_day.h"

#include <algorithm>
#include <string>

#include "storage/block_floors.h"
#include "storage/block_store.h"
#include "storage/trim_mark.h"

namespace storage {

absl::StatusOr<DayContents> ReadDay(const Rocks& rocks, const rocksdb::ReadOptions& options,
                                    const HostDay& of, uint32_t number_limit) {
  DayContents contents;
  const absl::Status read = ForEachBlock(
      rocks, options, of.host, of.day, of.day, [&](const BlockId& id, const BlockSummary& summary) {
        if (id.number >= number_limit) return false;
        ++contents.blocks;
        contents.events += summary.event_count;
        contents.records += summary.record_count;
        contents.bytes += summary.columns_bytes;
        contents.received = std::max(contents.received, DayOf(summary.received.to_ms));
        return true;
      });
  if (!read.ok()) return read;
  return contents;
}

HostDayScan::HostDayScan(const Rocks& rocks, const rocksdb::ReadOptions& options)
    : entry_(rocks.db->NewIterator(options, rocks.summaries)) {}

absl::StatusOr<std::optional<Day>> HostDayScan::FirstFrom(HostId host, Day from) {
  entry_->Seek(EncodeBlockKey({.host = host, .day = from}));
  if (!entry_->Valid()) {
    const absl::Status read = FromRocks(entry_->status(), "read summaries");
    if (!read.ok()) return read;
    return std::optional<Day>();
  }
  const absl::StatusOr<BlockId> id = DecodeBlockKey(ToView(entry_->key()));
  if (!id.ok()) return id.status();
  return id->host == host ? std::optional<Day>(id->day) : std::nullopt;
}

absl::StatusOr<std::optional<uint32_t>> HostDayScan::LastNumber(const HostDay& of) {
  entry_->SeekForPrev(EncodeBlockKey(
      {.host = of.host, .day = of.day, .number = std::numeric_limits<uint32_t>::max()}));
  if (!entry_->Valid()) {
    const absl::Status read = FromRocks(entry_->status(), "read summaries");
    if (!read.ok()) return read;
    return std::optional<uint32_t>();
  }
  const absl::StatusOr<BlockId> id = DecodeBlockKey(ToView(entry_->key()));
  if (!id.ok()) return id.status();
  const bool is_of_day = id->host == of.host && id->day == of.day;
  return is_of_day ? std::optional<uint32_t>(id->number) : std::nullopt;
}

void PutDayDrop(const Rocks& rocks, const HostDay& of, uint32_t number,
                rocksdb::WriteBatch* write) {
  const std::string begin = EncodeBlockKey({.host = of.host, .day = of.day});
  const std::string end = EncodeBlockKey({.host = of.host, .day = of.day, .number = number});
  for (rocksdb::ColumnFamilyHandle* family : {rocks.summaries, rocks.columns, rocks.tallies}) {
    write->DeleteRange(family, begin, end);
  }
  write->Delete(rocks.meta, EncodeTrimKey(of));
  write->Put(rocks.meta, EncodeFloorKey(of.host, of.day), EncodeFloorValue(number));
}

}  // namespace storage
