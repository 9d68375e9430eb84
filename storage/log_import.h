// Brings logs that exist into the store, at full speed and without the journal: records are joined
// into events on the caller's thread, sealed on threads of their own, and written in a few large
// writes.
//
// The same log is stored once, however often it is imported and however far it has grown in
// between. A log comes in pieces, which depend on its bytes only; of each the store keeps a digest,
// under the digest of all pieces before it, in the column family "meta":
//
//   key    := "i" | digest of what comes before (16 bytes)
//   value  := piece*
//   piece  := bytes varint | digest (16 bytes)             XXH3, 128 bits
//
// Before the first piece of a log there is its first line. The digests go into the same write as
// the records, so an import that was killed goes on where it was.

#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include <rocksdb/write_batch.h>

#include "audit/assembler.h"
#include "storage/import.h"
#include "storage/open_host.h"
#include "storage/rocks.h"
#include "storage/sealer.h"

namespace storage {

// What an import needs of the store, which nobody else writes to meanwhile.
struct ImportContext {
  std::shared_ptr<Rocks> rocks;
  BlockNumbers& numbers;
  size_t open_bytes_max = 0;
  std::function<HostId(const Identity&, rocksdb::WriteBatch*)>
      host_for;  // Adds a new one to the write.
  std::function<uint64_t()> next_arrival;
  std::function<void(HostId, Day)> on_block;
};

// Seals on several threads.
class SealingThreads {
 public:
  SealingThreads();
  ~SealingThreads();

  // Hands over events of a host. Waits while many are waiting.
  void Push(HostId host, CompleteEvents events);

  struct Result {
    HostId host = 0;
    absl::StatusOr<std::vector<SealedBlock>> blocks;
  };

  // All blocks that were made since the last call, in the order of the pushes. Waits for them.
  std::vector<Result> TakeAll();

 private:
  struct Job {
    HostId host = 0;
    CompleteEvents events;
    size_t place = 0;
  };

  void Run();

  std::mutex mutex_;  // Guards what follows.
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  std::vector<std::unique_ptr<Result>> results_;  // By place; null until made.
  size_t unfinished_ = 0;
  bool stopping_ = false;

  std::vector<std::thread> threads_;  // Last: they run Run() from here on.
};

class LogImport : public Import {
 public:
  LogImport(ImportContext context, ImportOptions options);

  void BeginLog() override;
  absl::Status Add(std::string_view piece) override;
  absl::StatusOr<ImportResult> Finish() override;

 private:
  struct Host {
    explicit Host(HostState state) : open(std::move(state)) {}
    OpenHost open;
    bool touched = false;  // Since the last checkpoint.
  };

  absl::StatusOr<size_t> KnownBytes(std::string_view piece);
  absl::Status AddLines(std::string_view lines);
  absl::Status AddLine(uint64_t arrival, std::string_view line);
  absl::Status AddComplete(uint64_t arrival);
  absl::StatusOr<Host*> HostOf(std::string_view node);
  void SealHost(HostId id, Host* host);
  absl::Status Checkpoint(bool sync);

  ImportContext context_;
  const ImportOptions options_;
  ImportResult result_;

  std::string chain_;  // The digest of all pieces of the log so far; empty before its first.
  absl::flat_hash_map<std::string, std::string> digests_;  // Of this import, not written yet.

  absl::flat_hash_map<HostId, std::unique_ptr<Host>> hosts_;
  std::string last_node_;
  Host* last_host_ = nullptr;
  HostId last_id_ = 0;
  size_t open_bytes_ = 0;
  audit::Assembler assembler_;  // Of all hosts: events take their places as in the log.
  EventOrder next_order_ = {};
  uint64_t unwritten_bytes_ = 0;  // Of text.
  rocksdb::WriteBatch write_;     // Hosts and digests since the last checkpoint.
  SealingThreads sealing_;
};

}  // namespace storage
