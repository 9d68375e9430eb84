#include "storage/day_trimmer.h"

#include <memory>
#include <set>
#include <utility>
#include <vector>

#include <rocksdb/write_batch.h>

#include "storage/hold_list.h"
#include "storage/trim_mark.h"

namespace storage {

namespace {

// Told together, at the end of a day: it takes some seconds to write so many.
constexpr size_t kBlocksAtOnce = 64;

// Where the blocks begin that the mark of a day does not speak of. What has come since then can
// have made the day younger, and then less has expired of the others than when they were trimmed.
absl::StatusOr<uint32_t> FirstToTrim(const RetentionScope& scope, const DueDay& due,
                                     const HostRules& rules) {
  const absl::StatusOr<std::optional<TrimMark>> mark =
      LoadTrimMark(scope.rocks, rocksdb::ReadOptions(), due.of);
  if (!mark.ok()) return mark.status();
  return *mark && IsUpToDate(**mark, rules, due.no_room, scope.today) ? (*mark)->number : 0;
}

}  // namespace

absl::Status DayTrimmer::Trim(const DueDay& day, const HostRules& rules) {
  absl::StatusOr<uint32_t> limit;
  {
    const BlockNumbers::Settled settled = blocks_.numbers.WaitForWriters();
    limit = blocks_.numbers.Peek(scope_.rocks, day.of.host, day.of.day);
  }
  if (!limit.ok()) return limit.status();
  const absl::StatusOr<DayContents> contents = ReadDay(scope_.rocks, {}, day.of, *limit);
  if (!contents.ok()) return contents.status();
  const Place place{
      .due = day,
      .rules = rules,
      .verdict = rules.Judge(day.of.day, contents->received, scope_.today, day.no_room)};
  if (contents->blocks == 0 || place.verdict.kind != DayVerdict::Kind::kPart) {
    return absl::OkStatus();
  }
  const absl::StatusOr<uint32_t> from = FirstToTrim(scope_, day, rules);
  if (!from.ok()) return from.status();
  const size_t written_before = blocks_written_;
  uint32_t number = *limit;
  const absl::StatusOr<bool> is_whole = TrimBlocks(place, *from, &number);
  if (blocks_written_ > written_before) blocks_.merger.Notice(day.of.host, day.of.day);
  if (!is_whole.ok()) return is_whole.status();
  const absl::Status marked = *is_whole ? Mark(place, number) : absl::OkStatus();
  if (!marked.ok()) return marked;
  return blocks_written_ >= kBlocksAtOnce ? Tell() : absl::OkStatus();
}

// Those below *limit, which is then the number that all are below that need not be looked at again.
// False if the day is held.
absl::StatusOr<bool> DayTrimmer::TrimBlocks(const Place& place, uint32_t from_number,
                                            uint32_t* limit) {
  const absl::StatusOr<std::vector<BlockId>> blocks =
      BlocksToTrim(scope_.rocks, {}, place.due.of, from_number, *limit, place.rules, place.verdict);
  if (!blocks.ok()) return blocks.status();
  std::set<uint32_t> rests;
  for (const BlockId& id : *blocks) {
    if (scope_.stop.stop_requested()) return RetentionCancelled();
    const std::lock_guard lock(blocks_.mutex);
    const absl::StatusOr<std::vector<Hold>> holds = LoadHolds(scope_.rocks, {});
    if (!holds.ok()) return holds.status();
    if (FindHold(*holds, scope_.hosts[id.host], id.day) != nullptr) return false;
    const absl::StatusOr<std::optional<uint32_t>> rest = Replace(place, id);
    if (!rest.ok()) return rest.status();
    if (*rest) rests.insert(**rest);
  }
  while (rests.contains(*limit)) ++*limit;
  return true;
}

// With the lock of the blocks. Returns the number of the block that holds the rest, if there is
// one.
absl::StatusOr<std::optional<uint32_t>> DayTrimmer::Replace(const Place& place, const BlockId& id) {
  const absl::StatusOr<std::unique_ptr<LoadedBlock>> block = LoadBlock(scope_.rocks, {}, id);
  // It was joined with others meanwhile, in one whose number is above the limit.
  if (absl::IsNotFound(block.status())) return std::optional<uint32_t>();
  if (!block.ok()) return block.status();
  const absl::StatusOr<TrimmedBlock> trimmed = TrimBlock(**block, place.rules, place.verdict);
  if (!trimmed.ok()) return AtBlock(id, trimmed.status());
  if (trimmed->events_gone == 0) return std::optional<uint32_t>();
  const absl::StatusOr<std::vector<TermCount>> terms = CountTerms(*(*block)->reader);
  if (!terms.ok()) return AtBlock(id, terms.status());
  rocksdb::WriteBatch write;
  DropBlock(scope_.rocks, id, *terms, &write);
  std::optional<uint32_t> number;
  const BlockNumbers::Writing writing = blocks_.numbers.BeginWriting();
  if (trimmed->rest.summary.event_count > 0) {
    const absl::StatusOr<BlockIndex> index = IndexOf(trimmed->rest);
    if (!index.ok()) return AtBlock(id, index.status());
    const absl::StatusOr<uint32_t> next = blocks_.numbers.Next(scope_.rocks, id.host, id.day);
    if (!next.ok()) return next.status();
    number = *next;
    PutBlock(scope_.rocks, {.host = id.host, .day = id.day, .number = *next}, trimmed->rest, *index,
             {}, &write);
  }
  const absl::Status written =
      FromRocks(scope_.rocks.db->Write(rocksdb::WriteOptions(), &write), "trim a block");
  if (!written.ok()) return written;
  ++blocks_written_;
  for (size_t i = 0; i < trimmed->gone.size(); ++i) {
    const RetentionRule* const rule = place.rules.rules()[i];
    if (trimmed->gone[i].events == 0) continue;
    // A day between that was held, or had nothing of it, is in no run.
    Deletions& deletions = gone_[rule];
    if (deletions.last_day() && *deletions.last_day() + 1 < id.day) deletions.Break();
    deletions.Add(rule->name, scope_.hosts[id.host], id.day, trimmed->gone[i]);
  }
  return number;
}

// What is left can be older than what there was, if the last that was received has gone: then it
// says how long the mark holds, or that it does not. No mark is left of a day without blocks:
// nothing would ever delete it.
absl::Status DayTrimmer::Mark(const Place& place, uint32_t number) {
  const HostDay& of = place.due.of;
  const std::lock_guard lock(blocks_.mutex);
  const BlockNumbers::Settled settled = blocks_.numbers.WaitForWriters();
  const absl::StatusOr<DayContents> left = ReadDay(scope_.rocks, {}, of);
  if (!left.ok()) return left.status();
  const DayVerdict verdict =
      place.rules.Judge(of.day, left->received, scope_.today, place.due.no_room);
  rocksdb::WriteBatch write;
  if (left->blocks == 0 || verdict.expired != place.verdict.expired) {
    write.Delete(scope_.rocks.meta, EncodeTrimKey(of));
  } else {
    write.Put(scope_.rocks.meta, EncodeTrimKey(of),
              EncodeTrimValue({.rules = place.rules.Digest(place.due.no_room),
                               .until = verdict.until,
                               .number = number}));
  }
  return FromRocks(scope_.rocks.db->Write(rocksdb::WriteOptions(), &write), "mark a day");
}

absl::Status DayTrimmer::Tell() {
  if (blocks_written_ == 0) return absl::OkStatus();
  const absl::Status synced = FromRocks(scope_.rocks.db->SyncWAL(), "sync");
  if (!synced.ok()) return synced;
  blocks_written_ = 0;
  for (auto& [rule, deletions] : gone_) deletions.Tell(deleted_);
  gone_.clear();
  return absl::OkStatus();
}

}  // namespace storage
