// RocksDB as this store uses it: which column families there are, how they are tuned, and what
// its errors mean to us. Included in storage/*.cc only.

#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include <rocksdb/db.h>

namespace storage {

class DeadPostingsFilters;

// An open database. Closed on destruction.
struct Rocks {
  std::unique_ptr<rocksdb::DB> db;
  rocksdb::ColumnFamilyHandle* meta = nullptr;
  rocksdb::ColumnFamilyHandle* journal = nullptr;
  rocksdb::ColumnFamilyHandle* summaries = nullptr;
  rocksdb::ColumnFamilyHandle* columns = nullptr;
  rocksdb::ColumnFamilyHandle* terms = nullptr;
  rocksdb::ColumnFamilyHandle* tallies = nullptr;
  std::shared_ptr<DeadPostingsFilters> dead_postings;  // Null where nothing is written.

  Rocks() = default;
  Rocks(const Rocks&) = delete;
  Rocks& operator=(const Rocks&) = delete;
  ~Rocks();
};

struct OpenedRocks {
  std::shared_ptr<Rocks> rocks;
  std::string damage;  // What recovery had to leave out; empty if nothing.
};

// Opens for writing, and creates what is missing. A write-ahead log that is damaged before its end
// is recovered up to the damage, which is told: RocksDB's default would do the same in silence.
//
// `on_error` is called, on a thread of RocksDB, when it fails in the background and refuses writes
// from then on. It must not call RocksDB.
absl::StatusOr<OpenedRocks> OpenRocks(const std::string& path,
                                      std::function<void(const absl::Status&)> on_error);

// Opens what another process may be writing: sees every write that had returned there before.
absl::StatusOr<std::shared_ptr<Rocks>> OpenRocksForReading(const std::string& path);

// Writes everything that is in memory into files, and waits for it.
absl::Status FlushAll(const Rocks& rocks);

// Takes what was deleted of the journal out of the files: whoever reads it would have to skip that.
absl::Status CompactJournal(const Rocks& rocks);

// Rewrites the files that hold columns with keys from `begin` to before `end`, so that what was
// deleted there leaves the disk. Takes its time; kCancelled soon after `stop` is set. Readers keep
// what they see.
absl::Status CompactColumns(const Rocks& rocks, const std::string& begin, const std::string& end,
                            std::atomic<bool>* stop);

// The same, all files of a family.
absl::Status CompactFamily(const Rocks& rocks, rocksdb::ColumnFamilyHandle* family,
                           std::atomic<bool>* stop);

// What the tables of a family take on the disk.
uint64_t TableBytes(const Rocks& rocks, rocksdb::ColumnFamilyHandle* family);

// kDataLoss for damage, kResourceExhausted for a full disk, else kUnavailable.
absl::Status FromRocks(const rocksdb::Status& status, std::string_view doing);

inline rocksdb::Slice ToSlice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
inline std::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

}  // namespace storage
