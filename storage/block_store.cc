#include "storage/block_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/time/time.h"

#include "storage/block_tally.h"
#include "storage/coding.h"

namespace storage {

namespace {

void Delete(const Rocks& rocks, const BlockId& id, rocksdb::WriteBatch* write) {
  const std::string key = EncodeBlockKey(id);
  for (rocksdb::ColumnFamilyHandle* family : {rocks.summaries, rocks.columns, rocks.tallies}) {
    write->Delete(family, key);
  }
}

// Merges into each of the terms, in the order of their keys: RocksDB finds the place of a key
// behind the last one at once.
void MergeTerms(const Rocks& rocks, const std::vector<TermCount>& terms, Day day,
                const std::function<void(const TermCount&, std::string*)>& put_postings,
                rocksdb::WriteBatch* write) {
  std::vector<std::pair<std::string, const TermCount*>> keys;
  keys.reserve(terms.size());
  for (const TermCount& count : terms) {
    keys.emplace_back(EncodeTermKey(count.term.field, count.term.value, day), &count);
  }
  std::ranges::sort(keys, {}, &std::pair<std::string, const TermCount*>::first);
  std::string postings;
  for (const auto& [key, count] : keys) {
    postings.clear();
    put_postings(*count, &postings);
    write->Merge(rocks.terms, key, postings);
  }
}

}  // namespace

std::string EncodeBlockKey(const BlockId& id) {
  std::string key;
  PutFixed32(&key, id.host);
  PutFixed32(&key, id.day);
  PutFixed32(&key, id.number);
  return key;
}

absl::StatusOr<BlockId> DecodeBlockKey(std::string_view key) {
  BlockId id;
  if (!TakeFixed32(&key, &id.host) || !TakeFixed32(&key, &id.day) ||
      !TakeFixed32(&key, &id.number) || !key.empty()) {
    return absl::DataLossError("blocks: a key is not 12 bytes");
  }
  return id;
}

std::string ToText(const BlockId& id) {
  const absl::Time day = absl::FromUnixSeconds(int64_t{id.day} * 86'400);
  return absl::StrFormat("block %d of day %s of host %d", id.number,
                         absl::FormatTime("%Y-%m-%d", day, absl::UTCTimeZone()), id.host);
}

absl::Status AtBlock(const BlockId& id, const absl::Status& status) {
  return absl::Status(status.code(),
                      absl::StrFormat("%s: %s", ToText(id), std::string(status.message())));
}

absl::StatusOr<BlockSummary> LoadSummary(const Rocks& rocks, const rocksdb::ReadOptions& options,
                                         const BlockId& id) {
  std::string bytes;
  const rocksdb::Status got = rocks.db->Get(options, rocks.summaries, EncodeBlockKey(id), &bytes);
  if (got.IsNotFound()) return absl::NotFoundError(ToText(id) + " is missing");
  if (!got.ok()) return AtBlock(id, FromRocks(got, "read"));
  absl::StatusOr<BlockSummary> summary = DecodeSummary(bytes);
  if (!summary.ok()) return AtBlock(id, summary.status());
  return summary;
}

absl::StatusOr<std::unique_ptr<LoadedBlock>> LoadBlock(const Rocks& rocks,
                                                       const rocksdb::ReadOptions& options,
                                                       const BlockId& id) {
  absl::StatusOr<BlockSummary> summary = LoadSummary(rocks, options, id);
  if (!summary.ok()) return summary.status();
  auto block = std::make_unique<LoadedBlock>();
  block->summary = *std::move(summary);
  const rocksdb::Status got =
      rocks.db->Get(options, rocks.columns, EncodeBlockKey(id), &block->columns);
  if (got.IsNotFound()) return absl::DataLossError(ToText(id) + " has no columns");
  if (!got.ok()) return AtBlock(id, FromRocks(got, "read"));
  absl::StatusOr<std::unique_ptr<BlockReader>> reader =
      BlockReader::Open(block->summary, block->columns);
  if (!reader.ok()) return AtBlock(id, reader.status());
  block->reader = *std::move(reader);
  return block;
}

absl::Status ForEachBlock(const Rocks& rocks, const rocksdb::ReadOptions& options, HostId host,
                          Day from, Day to,
                          const std::function<bool(const BlockId&, const BlockSummary&)>& sink) {
  const std::unique_ptr<rocksdb::Iterator> entry(rocks.db->NewIterator(options, rocks.summaries));
  for (entry->Seek(EncodeBlockKey({.host = host, .day = from})); entry->Valid(); entry->Next()) {
    const absl::StatusOr<BlockId> id = DecodeBlockKey(ToView(entry->key()));
    if (!id.ok()) return id.status();
    if (id->host != host || id->day > to) break;
    const absl::StatusOr<BlockSummary> summary = DecodeSummary(ToView(entry->value()));
    if (!summary.ok()) return AtBlock(*id, summary.status());
    if (!sink(*id, *summary)) break;
  }
  return FromRocks(entry->status(), "read summaries");
}

absl::StatusOr<uint32_t> NextBlockNumber(const Rocks& rocks, HostId host, Day day) {
  const std::unique_ptr<rocksdb::Iterator> entry(
      rocks.db->NewIterator(rocksdb::ReadOptions(), rocks.summaries));
  entry->SeekForPrev(EncodeBlockKey({.host = host, .day = day, .number = UINT32_MAX}));
  if (!entry->Valid()) {
    const absl::Status read = FromRocks(entry->status(), "read summaries");
    if (!read.ok()) return read;
    return 0;
  }
  const absl::StatusOr<BlockId> id = DecodeBlockKey(ToView(entry->key()));
  if (!id.ok()) return id.status();
  return id->host == host && id->day == day ? id->number + 1 : 0;
}

absl::Status CopyEvent(BlockReader& from, uint32_t event, BlockWriter* to) {
  to->BeginEvent(from.head(event));
  std::string line;
  const uint32_t end = from.first_record(event + 1);
  for (uint32_t record = from.first_record(event); record < end; ++record) {
    line.clear();
    const absl::Status read = from.AppendLine(event, record, &line);
    if (!read.ok()) return read;
    to->AddRecord(line, from.origin(record));
  }
  return absl::OkStatus();
}

void PutColumns(const Rocks& rocks, const BlockId& id, const EncodedBlock& block,
                const std::string& tally, rocksdb::WriteBatch* write) {
  const std::string key = EncodeBlockKey(id);
  write->Put(rocks.summaries, key, EncodeSummary(block.summary));
  write->Put(rocks.tallies, key, tally);
  write->Put(rocks.columns, key, block.columns);
}

void TermBatch::Add(const BlockId& id, const std::vector<TermCount>& terms) {
  for (const TermCount& count : terms) {
    const std::string key = EncodeTermKey(count.term.field, count.term.value, id.day);
    PutPosting({.host = id.host, .block = id.number, .events = count.events}, &postings_[key]);
  }
}

void TermBatch::Put(const Rocks& rocks, rocksdb::WriteBatch* write) const {
  for (const auto& [key, postings] : postings_) write->Merge(rocks.terms, key, postings);
}

void PutBlock(const Rocks& rocks, const BlockId& id, const EncodedBlock& block,
              const BlockIndex& index, const std::vector<BlockId>& replaced,
              rocksdb::WriteBatch* write) {
  for (const BlockId& old : replaced) Delete(rocks, old, write);
  PutColumns(rocks, id, block, index.tally, write);
  const auto put_postings = [&](const TermCount& count, std::string* postings) {
    for (const BlockId& old : replaced) {
      PutPosting({.host = old.host, .block = old.number}, postings);
    }
    PutPosting({.host = id.host, .block = id.number, .events = count.events}, postings);
  };
  MergeTerms(rocks, index.terms, id.day, put_postings, write);
}

void DropBlock(const Rocks& rocks, const BlockId& id, const std::vector<TermCount>& terms,
               rocksdb::WriteBatch* write) {
  Delete(rocks, id, write);
  const auto put_postings = [&](const TermCount&, std::string* postings) {
    PutPosting({.host = id.host, .block = id.number}, postings);
  };
  MergeTerms(rocks, terms, id.day, put_postings, write);
}

absl::StatusOr<BlockIndex> IndexOf(const EncodedBlock& block) {
  const absl::StatusOr<std::unique_ptr<BlockReader>> reader =
      BlockReader::Open(block.summary, block.columns);
  if (!reader.ok()) return reader.status();
  absl::StatusOr<std::vector<TermCount>> terms = CountTerms(**reader);
  if (!terms.ok()) return terms.status();
  absl::StatusOr<std::string> tally = EncodeTallyOf(**reader);
  if (!tally.ok()) return tally.status();
  return BlockIndex{.terms = *std::move(terms), .tally = *std::move(tally)};
}

absl::StatusOr<std::string> LoadTally(const Rocks& rocks, const rocksdb::ReadOptions& options,
                                      const BlockId& id) {
  std::string bytes;
  const rocksdb::Status got = rocks.db->Get(options, rocks.tallies, EncodeBlockKey(id), &bytes);
  if (got.IsNotFound()) return absl::NotFoundError(ToText(id) + " has no tally");
  if (!got.ok()) return AtBlock(id, FromRocks(got, "read"));
  return bytes;
}

}  // namespace storage
