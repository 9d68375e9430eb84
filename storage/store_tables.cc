#include "storage/store_tables.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"

#include "storage/coding.h"
#include "storage/host_state.h"
#include "storage/journal.h"

namespace storage {

namespace {

constexpr char kGenerationKey[] = "g";

// How many groups of a host are searched for the marks of its connections. More than a few are only
// read where clients share a name; a mark beyond it is of a client that was silent for long while
// the others were not.
constexpr int kMarkGroupsMax = 4096;

// Of a host, whose marks are looked for from its last group backwards.
struct MarkSearch {
  absl::flat_hash_set<uint64_t> connections;           // That are known,
  size_t wanted = std::numeric_limits<size_t>::max();  // of so many.

  bool is_done() const { return connections.size() >= wanted; }
};

// Reads the groups of a host backwards from its last one, where the iterator stands, until all its
// connections are known.
absl::Status LoadMarksOfGroups(rocksdb::Iterator* entry, HostId host, MarkSearch* search,
                               StoreTables* tables) {
  for (int groups = 0; entry->Valid() && groups < kMarkGroupsMax; ++groups, entry->Prev()) {
    const absl::StatusOr<JournalKey> key = DecodeJournalKey(ToView(entry->key()));
    if (!key.ok()) return key.status();
    if (key->host != host) break;
    tables->next_arrival = std::max(tables->next_arrival, key->arrival + 1);
    if (IsRest(ToView(entry->value()))) break;
    absl::StatusOr<JournalGroup> group = JournalGroup::Decode(ToView(entry->value()));
    if (!group.ok()) return group.status();
    const JournalSender sender = group->header().sender;
    if (sender.connection == 0) continue;
    if (search->connections.empty()) search->wanted = sender.siblings;
    if (search->connections.insert(sender.connection).second) {
      const absl::StatusOr<std::string_view> line = group->Last();
      if (!line.ok()) return line.status();
      tables->marks.Load(host, {.client = std::string(group->header().address),
                                .connection = sender.connection,
                                .arrival = key->arrival,
                                .sequence = sender.sequence,
                                .record = FingerprintOf(*line)});
    }
    if (search->is_done()) break;
  }
  return FromRocks(entry->status(), "read the journal");
}

// Those of groups that are in blocks already.
absl::Status LoadMarksOfState(const Rocks& rocks, HostId host, MarkSearch* search,
                              StoreTables* tables) {
  absl::StatusOr<HostState> state = LoadHostState(rocks, host);
  if (!state.ok()) return state.status();
  tables->next_arrival = std::max(tables->next_arrival, state->next_order.arrival + 1);
  tables->next_order = std::max(tables->next_order, state->next_order);
  while (!state->marks.empty() && !search->is_done()) {
    RetryMark& mark = state->marks.back();
    if (search->connections.insert(mark.connection).second) {
      tables->marks.Load(host, std::move(mark));
    }
    state->marks.pop_back();
  }
  return absl::OkStatus();
}

// Goes through the journal once, from its end. To seek the last group of each host would take a
// fleet quadratic time: where all is in blocks, RocksDB 7.8 goes from each back through what was
// deleted of all hosts before it, whatever bound it is given.
absl::Status LoadMarks(const Rocks& rocks, StoreTables* tables) {
  const auto hosts = static_cast<HostId>(tables->hosts.size());
  std::vector<MarkSearch> searches(hosts);
  const std::unique_ptr<rocksdb::Iterator> entry(
      rocks.db->NewIterator(rocksdb::ReadOptions(), rocks.journal));
  for (HostId left = hosts; left > 0;) {
    constexpr uint64_t kLast = std::numeric_limits<uint64_t>::max();
    entry->SeekForPrev(EncodeJournalKey({.host = left - 1, .arrival = kLast}));
    if (!entry->Valid()) break;
    const absl::StatusOr<JournalKey> last = DecodeJournalKey(ToView(entry->key()));
    if (!last.ok()) return last.status();
    left = last->host;
    const absl::Status loaded = LoadMarksOfGroups(entry.get(), left, &searches[left], tables);
    if (!loaded.ok()) return loaded;
  }
  const absl::Status read = FromRocks(entry->status(), "read the journal");
  if (!read.ok()) return read;
  for (HostId host = 0; host < hosts; ++host) {
    const absl::Status loaded = LoadMarksOfState(rocks, host, &searches[host], tables);
    if (!loaded.ok()) return loaded;
  }
  return absl::OkStatus();
}

// Loads every entry of "meta" whose key has the table's prefix.
template <typename Table>
absl::Status LoadEach(const Rocks& rocks, Table* table) {
  const std::unique_ptr<rocksdb::Iterator> entry(
      rocks.db->NewIterator(rocksdb::ReadOptions(), rocks.meta));
  for (entry->Seek(ToSlice(Table::kKeyPrefix)); entry->Valid(); entry->Next()) {
    const std::string_view key = ToView(entry->key());
    if (!key.starts_with(Table::kKeyPrefix)) break;
    const absl::Status loaded = table->Load(key, ToView(entry->value()));
    if (!loaded.ok()) return loaded;
  }
  return FromRocks(entry->status(), "read meta");
}

// Numbers of connections are unique because each opening for writing has a number of its own.
absl::Status StartGeneration(const Rocks& rocks, StoreTables* tables) {
  std::string stored;
  const rocksdb::Status got =
      rocks.db->Get(rocksdb::ReadOptions(), rocks.meta, kGenerationKey, &stored);
  if (!got.ok() && !got.IsNotFound()) return FromRocks(got, "read meta");
  std::string_view in = stored;
  if (got.ok() && !TakeFixed64(&in, &tables->generation)) {
    return absl::DataLossError("meta: the generation is cut off");
  }
  ++tables->generation;
  std::string value;
  PutFixed64(&value, tables->generation);
  rocksdb::WriteOptions durable;
  durable.sync = true;
  return FromRocks(rocks.db->Put(durable, rocks.meta, kGenerationKey, value), "write meta");
}

}  // namespace

absl::Status LoadHosts(const Rocks& rocks, HostTable* hosts) { return LoadEach(rocks, hosts); }

absl::Status LoadLosses(const Rocks& rocks, HostLosses* losses) { return LoadEach(rocks, losses); }

absl::StatusOr<StoreTables> LoadTables(const Rocks& rocks, size_t agents_max) {
  StoreTables tables(agents_max);
  absl::Status loaded = LoadHosts(rocks, &tables.hosts);
  if (loaded.ok()) loaded = LoadEach(rocks, &tables.numbers);
  if (loaded.ok()) loaded = LoadLosses(rocks, &tables.losses);
  if (loaded.ok()) loaded = LoadMarks(rocks, &tables);
  if (loaded.ok()) loaded = StartGeneration(rocks, &tables);
  if (!loaded.ok()) return loaded;
  return tables;
}

}  // namespace storage
