#include "storage/block_trim.h"

#include <algorithm>
#include <string>

#include "absl/container/flat_hash_set.h"

namespace storage {

namespace {

// The numbers of the blocks of a day that have one of the keys.
absl::StatusOr<absl::flat_hash_set<uint32_t>> BlocksWithKeys(const Rocks& rocks,
                                                             const rocksdb::ReadOptions& options,
                                                             const HostDay& of,
                                                             const std::vector<std::string>& keys) {
  absl::flat_hash_set<uint32_t> blocks;
  for (const std::string& key : keys) {
    std::string value;
    const rocksdb::Status got = rocks.db->Get(
        options, rocks.terms, EncodeTermKey(query::TermField::kKey, key, of.day), &value);
    if (got.IsNotFound()) continue;
    if (!got.ok()) return FromRocks(got, "read the index");
    std::vector<Posting> postings;
    if (!TakePostings(value, &postings)) return IndexDamaged();
    for (const Posting& posting : postings) {
      if (posting.host == of.host) blocks.insert(posting.block);
    }
  }
  return blocks;
}

bool HasOneOf(const std::vector<std::string>& types, const BlockSummary& summary) {
  return std::ranges::any_of(summary.types, [&](const TypeCount& count) {
    return std::ranges::find(types, count.type) != types.end();
  });
}

// Shares out what the columns have less, by records: the last rule has what is left over.
void ShareBytes(uint64_t bytes, std::vector<DayContents>* gone) {
  uint64_t records = 0;
  for (const DayContents& one : *gone) records += one.records;
  for (DayContents& one : *gone) {
    if (one.records == 0) continue;
    one.bytes = one.records == records ? bytes : bytes / records * one.records;
    bytes -= one.bytes;
    records -= one.records;
  }
}

}  // namespace

absl::StatusOr<std::vector<BlockId>> BlocksToTrim(const Rocks& rocks,
                                                  const rocksdb::ReadOptions& options,
                                                  const HostDay& of, uint32_t from_number,
                                                  uint32_t number_limit, const HostRules& rules,
                                                  const DayVerdict& verdict) {
  struct Expired {
    const RetentionRule* rule;
    absl::flat_hash_set<uint32_t> with_keys;
  };
  std::vector<Expired> expired;
  for (size_t i = 0; i < rules.rules().size(); ++i) {
    if (!verdict.expired[i]) continue;
    const RetentionRule* const rule = rules.rules()[i];
    absl::StatusOr<absl::flat_hash_set<uint32_t>> with_keys =
        BlocksWithKeys(rocks, options, of, rule->keys);
    if (!with_keys.ok()) return with_keys.status();
    expired.push_back({.rule = rule, .with_keys = *std::move(with_keys)});
  }
  std::vector<BlockId> blocks;
  const absl::Status read = ForEachBlock(
      rocks, options, of.host, of.day, of.day, [&](const BlockId& id, const BlockSummary& summary) {
        if (id.number >= number_limit) return false;
        const auto may_decide = [&](const Expired& one) {
          return (one.rule->keys.empty() || one.with_keys.contains(id.number)) &&
                 (one.rule->types.empty() || HasOneOf(one.rule->types, summary));
        };
        if (id.number >= from_number && std::ranges::any_of(expired, may_decide)) {
          blocks.push_back(id);
        }
        return true;
      });
  if (!read.ok()) return read;
  return blocks;
}

absl::StatusOr<TrimmedBlock> TrimBlock(LoadedBlock& block, const HostRules& rules,
                                       const DayVerdict& verdict) {
  BlockReader& reader = *block.reader;
  const absl::StatusOr<std::vector<uint16_t>> decides = rules.Decide(reader);
  if (!decides.ok()) return decides.status();
  TrimmedBlock trimmed{.gone = std::vector<DayContents>(rules.rules().size())};
  std::vector<uint32_t> stay;
  for (uint32_t event = 0; event < reader.event_count(); ++event) {
    const uint16_t rule = (*decides)[event];
    if (rule == rules.rules().size() || !verdict.expired[rule]) {
      stay.push_back(event);
      continue;
    }
    ++trimmed.events_gone;
    ++trimmed.gone[rule].events;
    trimmed.gone[rule].records += reader.first_record(event + 1) - reader.first_record(event);
  }
  if (trimmed.events_gone == 0) return trimmed;
  if (!stay.empty()) {
    BlockWriter writer;
    for (const uint32_t event : stay) {
      const absl::Status copied = CopyEvent(reader, event, &writer);
      if (!copied.ok()) return copied;
    }
    trimmed.rest = writer.Finish();
  }
  // A block of fewer events can be larger, by a few bytes: then nothing is won.
  const uint64_t before = block.summary.columns_bytes;
  ShareBytes(before - std::min(before, trimmed.rest.summary.columns_bytes), &trimmed.gone);
  return trimmed;
}

}  // namespace storage
