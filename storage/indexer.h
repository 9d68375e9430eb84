// Turns what was acknowledged into blocks.
//
// A thread of its own takes what Append() has written to the journal, joins it into events in
// memory (OpenHost), and seals them: the events of a host become blocks and terms, and its journal
// is deleted, in one write. That write is not synced: if a crash takes it away the journal is still
// there, and at the next start it is read into memory again.
//
// A host is sealed when it has enough records for a block, when its oldest record is `seal_age`
// old, or when all hosts together hold more than `open_bytes_max`: then those that hold most.
// Nobody waits for a seal, unless so much is unread that the queue is full. Who has much to push
// asks first whether there is room: the second half of the queue is for those who have little.

#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "storage/inspect.h"
#include "storage/journal.h"
#include "storage/open_host.h"
#include "storage/rocks.h"
#include "storage/sealer.h"
#include "storage/store_view.h"
#include "storage/whole_events.h"

namespace storage {

// When hosts are sealed that have not enough records for a block.
struct SealLimits {
  // See "open_blocks_memory" in auspexd.conf(5).
  size_t open_bytes_max = size_t{256} << 20;

  // A quiet host's records are in a block after this.
  std::chrono::seconds seal_age{3600};
};

struct IndexerOptions {
  SealLimits limits = {};

  // What may wait to be read: more than comes while a block is sealed. It fills only if the machine
  // has no processor left.
  size_t queue_bytes_max = size_t{16} << 20;

  // All arrivals that were are in front of this one, which is not 0,
  uint64_t next_arrival = 1;

  // and all orders that events without a record were given in front of this one.
  EventOrder next_order = {};
};

// Called on the thread of the indexer.
struct IndexerCallbacks {
  // A day of a host has a block more.
  std::function<void(HostId, Day)> on_block;

  // has_room() may be true again.
  std::function<void()> on_room;

  // A group of the journal cannot be read. It is left out.
  std::function<void(const absl::Status&)> on_damage;

  // Something cannot be stored or read, and all work has ended. Nothing is lost: the journal has
  // it, for the next one that opens the store.
  std::function<void(const absl::Status&)> on_failure;
};

class Indexer {
 public:
  // Starts the thread, which first reads what the journal holds. Events that become whole later are
  // added to `whole`.
  Indexer(std::shared_ptr<Rocks> rocks, BlockNumbers& numbers, const IndexerOptions& options,
          WholeEvents& whole, IndexerCallbacks callbacks);

  // Ends the thread. What is not sealed stays in the journal.
  ~Indexer();

  struct Group {
    JournalKey key;
    Batch::Released value;
  };

  // Hands over groups that are in the journal, in order of arrival. Waits while the queue is full.
  void Push(std::vector<Group> groups);

  // Whether less than half of what may wait to be read does.
  bool has_room() const;

  // Has all hosts sealed. Does not wait.
  void SealAll();

  // What is beyond the new limits is sealed at once. Does not wait.
  void SetLimits(const SealLimits& limits);

  // Waits until all that was pushed before is read, and SealAll() is done. kCancelled if `stop` is
  // requested first; the error, if one has ended the work.
  absl::Status Wait(std::stop_token stop);

  // The store as it is when all that was pushed before is read. `wanted` tells which hosts' events
  // are needed.
  absl::StatusOr<StoreView> View(const std::function<bool(HostId)>& wanted, std::stop_token stop);

  // A place behind all events that are whole when all that was pushed before is read.
  absl::StatusOr<WholeKey> Settled(std::stop_token stop);

  // Sets what it knows of.
  void AddTo(StoreActivity* activity) const;

 private:
  using Clock = std::chrono::steady_clock;

  struct Host {
    explicit Host(HostState state) : open(std::move(state)) {}
    OpenHost open;
    Clock::time_point first_record = {};  // Since the last seal.
    Clock::time_point last_record = {};
  };

  void Run();
  absl::Status Replay();
  absl::Status Read(std::vector<Group> groups);
  absl::Status AddToHost(const JournalKey& key, std::string_view value);
  absl::StatusOr<Host*> HostOf(HostId id);
  void CompleteAll(HostId id);
  absl::Status SealDue(uint64_t seals_wanted);
  absl::Status SealAged(Clock::time_point now);
  absl::Status SealSilent(Clock::time_point now);
  absl::Status SealEvery();
  absl::Status SealLargest(Clock::time_point now);
  absl::Status Seal(HostId id);
  void Fail(const absl::Status& status);
  void TellActivity();
  EventOrder NextWithoutRecord() const;
  template <typename Change>
  void GiveWhole(HostId id, const Change& change);

  const std::shared_ptr<Rocks> rocks_;
  BlockNumbers& numbers_;
  const IndexerOptions options_;
  WholeEvents& whole_;
  const IndexerCallbacks callbacks_;

  // Of the thread.
  SealLimits limits_;
  Sealer sealer_;
  std::unique_ptr<rocksdb::Iterator> journal_;  // As it was at the start.
  std::deque<HostId> to_seal_;
  Clock::time_point last_aged_ = {};

  // Guards what follows. Held for moments only, so that a push does not wait for what is read.
  mutable std::mutex queue_mutex_;
  std::condition_variable pushed_;
  std::condition_variable_any read_;
  std::deque<Group> queue_;
  size_t queue_bytes_ = 0;
  uint64_t pushed_groups_ = 0;
  uint64_t read_groups_ = 0;
  uint64_t seals_wanted_ = 0;
  uint64_t seals_done_ = 0;
  uint64_t queue_waits_ = 0;
  StoreActivity told_;  // What AddTo() tells, so that who asks does not wait for a seal.
  std::optional<SealLimits> new_limits_;  // That the thread has not taken yet.
  bool replayed_ = false;                 // Changed by the thread alone.
  bool stopping_ = false;
  absl::Status error_;

  // Guards what follows. The thread alone changes hosts_. Not taken with the other.
  mutable std::mutex mutex_;
  uint64_t last_arrival_;      // Of all that was read.
  EventOrder next_completed_;  // For events that no record completes.
  absl::flat_hash_map<HostId, std::unique_ptr<Host>> hosts_;
  size_t open_bytes_ = 0;
  size_t open_records_ = 0;
  StoreActivity activity_;  // The counters.

  std::thread thread_;  // Last: runs Run() from here on.
};

}  // namespace storage
