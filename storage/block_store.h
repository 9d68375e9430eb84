// Where blocks are: the column families "summaries", "columns" and "tallies", with the same keys,
// and "terms".
//
//   key := host u32 | day u32 | number u32       number: counts the blocks of a host and day

#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include "storage/block.h"
#include "storage/block_reader.h"
#include "storage/block_terms.h"
#include "storage/block_writer.h"
#include "storage/rocks.h"
#include "storage/term_index.h"

namespace storage {

struct BlockId {
  HostId host = 0;
  Day day = 0;
  uint32_t number = 0;

  friend auto operator<=>(const BlockId&, const BlockId&) = default;
};

std::string EncodeBlockKey(const BlockId& id);
absl::StatusOr<BlockId> DecodeBlockKey(std::string_view key);

// "block 3 of day 2026-11-24 of host 7", for messages.
std::string ToText(const BlockId& id);

// A failure of a block, which its message names.
absl::Status AtBlock(const BlockId& id, const absl::Status& status);

// A block in memory, ready to be read.
struct LoadedBlock {
  BlockSummary summary;
  std::string columns;
  std::unique_ptr<BlockReader> reader;  // Of `columns`.
};

// kNotFound if there is none, kDataLoss names the block that cannot be read.
absl::StatusOr<std::unique_ptr<LoadedBlock>> LoadBlock(const Rocks& rocks,
                                                       const rocksdb::ReadOptions& options,
                                                       const BlockId& id);

// What is inside of a block. Fails likewise.
absl::StatusOr<BlockSummary> LoadSummary(const Rocks& rocks, const rocksdb::ReadOptions& options,
                                         const BlockId& id);

// Calls `sink` with each block of a host from one day to another, both included, in the order of
// the keys, until it returns false. kDataLoss names the summary that cannot be read.
absl::Status ForEachBlock(const Rocks& rocks, const rocksdb::ReadOptions& options, HostId host,
                          Day from, Day to,
                          const std::function<bool(const BlockId&, const BlockSummary&)>& sink);

// The number that the next block of a host and day can have: one more than the last one's.
absl::StatusOr<uint32_t> NextBlockNumber(const Rocks& rocks, HostId host, Day day);

// Adds an event of a block, as it is, to the block that is being written.
absl::Status CopyEvent(BlockReader& from, uint32_t event, BlockWriter* to);

// What is made of a block, to be found by.
struct BlockIndex {
  std::vector<TermCount> terms;
  std::string tally;  // See block_tally.h.
};

// That of a block that was just made.
absl::StatusOr<BlockIndex> IndexOf(const EncodedBlock& block);

// The stored tally of a block. kNotFound if there is none: a program that did not know tallies has
// written the block.
absl::StatusOr<std::string> LoadTally(const Rocks& rocks, const rocksdb::ReadOptions& options,
                                      const BlockId& id);

// Adds a block and its index to a write. `replaced` are blocks of the same host and day whose
// events it holds, all of them: they leave with the same write.
void PutBlock(const Rocks& rocks, const BlockId& id, const EncodedBlock& block,
              const BlockIndex& index, const std::vector<BlockId>& replaced,
              rocksdb::WriteBatch* write);

// Adds to a write that a block goes, and its terms, which are those of IndexOf().
void DropBlock(const Rocks& rocks, const BlockId& id, const std::vector<TermCount>& terms,
               rocksdb::WriteBatch* write);

// PutBlock() in two steps, for many blocks in one write: most of their terms are the same.
void PutColumns(const Rocks& rocks, const BlockId& id, const EncodedBlock& block,
                const std::string& tally, rocksdb::WriteBatch* write);

class TermBatch {
 public:
  void Add(const BlockId& id, const std::vector<TermCount>& terms);
  void Put(const Rocks& rocks, rocksdb::WriteBatch* write) const;

 private:
  absl::flat_hash_map<std::string, std::string> postings_;  // By key.
};

}  // namespace storage
