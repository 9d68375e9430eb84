// Group commit: the one place where sessions meet the disk.
//
// Sessions hand in deliveries; a thread of its own takes all that have come since its last turn,
// stores them in one durable write, and lets all their sessions go on. While the disk works the
// next group gathers by itself: the slower the disk, the larger the groups.
//
// Who sends much at once waits behind himself, not in front of others: commit_queue.h tells how.

#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/log.h"
#include "server/commit_queue.h"
#include "server/counters.h"
#include "server/delivery_room.h"
#include "server/histogram.h"
#include "server/ingest.h"
#include "storage/event_store.h"
#include "storage/host_pace.h"

namespace server {

struct CommitterOptions {
  // What may wait for the disk, in bytes. A slow disk shows as slow acknowledgements, not as
  // memory. Small: the records of eight thousand stock clients, in two groups. Large: three batches
  // of 2 MB, of which one is being stored.
  size_t pending_small_bytes_max = 6 << 20;
  size_t pending_large_bytes_max = 6 << 20;

  // What one sender may have under way as small: the largest record there is, and some. A client
  // that waits for each acknowledgement never has more.
  size_t sender_small_bytes_max = 32 << 10;

  // What is read of a client while there is room for small deliveries only: a dozen records.
  size_t small_read_bytes = 4 << 10;

  // What is small in one write: little enough that no acknowledgement waits long for the others of
  // its group.
  size_t commit_bytes_max = 4 << 20;

  // Beside that, what is large, but for the last batch: to write it takes some milliseconds, for
  // which everybody waits who sends little. Less would make a write of each small batch.
  size_t commit_large_bytes_max = 1 << 20;

  // Own records that may wait for the disk. Past it they are dropped and counted: a storm of
  // connections must not fill the memory.
  size_t own_records_pending_max = 10'000;
};

// All but RunBetweenCommits() and Stop() belongs to the thread that runs `network`.
class Committer : public Ingest {
 public:
  // Starts the thread. `network`, `store` and `counters` must outlive the committer.
  Committer(boost::asio::io_context& network, storage::EventStore& store, Counters& counters,
            const CommitterOptions& options);

  // As Stop().
  ~Committer() override;

  size_t ReadBytesMax(const storage::Identity& client) const override {
    return pending_.ReadBytesMax(client);
  }
  boost::asio::awaitable<size_t> WaitForRoom(storage::Identity client) override;

  // Whether a batch of an agent may be read, which is never cut; `bytes_before` is how large the
  // one before was.
  bool MayReadBatch(const storage::Identity& agent, size_t bytes_before) const {
    return pending_.MayReadWhole(agent, bytes_before);
  }
  boost::asio::awaitable<void> WaitForBatchRoom(storage::Identity agent, size_t bytes_before);

  boost::asio::awaitable<absl::StatusOr<storage::Receipt>> Append(
      storage::Delivery delivery) override;

  // Whether nothing is taken in: each Append() fails with kUnavailable. Own records are stored all
  // the same.
  void SetSuspended(bool suspended);

  // The same, not by an admin but for want of space. Both can hold at once.
  void SetOutOfSpace(bool out_of_space);

  bool is_suspended() const { return suspended_ || out_of_space_; }
  bool is_suspended_by_admin() const { return suspended_; }

  RecordReplies replies() const override { return replies_; }
  void SetReplies(const RecordReplies& replies) { replies_ = replies; }

  // In microseconds, from the moment when a delivery was handed in until its sender was told that
  // it is stored.
  const Histogram& latency_us() const { return latency_us_; }

  // Stored, as the mean of about the last minute.
  double records_per_second() const;

  // Of each write, how many records it has stored.
  const Histogram& records_of_commits() const { return records_of_commits_; }

  // Stores records that no client waits for: the collector's own.
  void AppendOwn(storage::Batch batch);

  // Calls `told` on the network thread after each write, before those who wait for it go on, and
  // when a sync between them fails. Call before the first record is handed in.
  void OnWrite(absl::AnyInvocable<void(const absl::Status&)> told) { on_write_ = std::move(told); }

  // Calls `told` on the network thread when the store was opened and its journal found damaged,
  // with what was damaged. Call before the first record is handed in.
  void OnDamage(absl::AnyInvocable<void(const std::string&)> told) { on_damage_ = std::move(told); }

  // Has the store opened again, if it is not, without anything to be stored; calls `done` on the
  // network thread.
  void TryStore(absl::AnyInvocable<void()> done);

  // Runs `task` on the committer's thread, between two commits.
  void RunBetweenCommits(absl::AnyInvocable<void(storage::EventStore&)> task);

  // Stores what has been handed in, then ends the thread. Sessions must have ended. May be called
  // more than once.
  void Stop();

 private:
  using Clock = std::chrono::steady_clock;

  // What one write has stored, with its receipts.
  using Group = std::vector<PendingDelivery>;

  boost::asio::awaitable<void> AwaitCommit();
  void Push(PendingDelivery pending);
  void HandIn();
  void Run();
  bool TakeGroup(Group* group);
  void Commit(Group group);
  void TellWrite(const absl::Status& result);
  void TellDamage(const absl::StatusOr<storage::AppendResult>& result);
  void Finish(Group group, const absl::StatusOr<storage::AppendResult>& result, uint64_t commit_us);
  uint64_t Release(const Group& group);
  void CountPending();

  boost::asio::io_context& network_;
  storage::EventStore& store_;
  Counters& counters_;
  const CommitterOptions options_;

  // Of the network thread.
  Group pushed_;  // To be handed in once all sessions that are ready have run.
  DeliveryRoom pending_;
  size_t own_records_pending_ = 0;
  bool suspended_ = false;
  bool out_of_space_ = false;
  RecordReplies replies_;
  storage::HostPaceMeter pace_;  // Of all hosts together.
  Histogram latency_us_{kLatencyBoundsUs};
  Histogram records_of_commits_{kRecordCountBounds};
  absl::AnyInvocable<void(const std::string&)> on_damage_;
  absl::AnyInvocable<void(const absl::Status&)> on_write_;
  base::LogLimit error_log_{1};
  boost::asio::steady_timer committed_;  // Never expires: cancelled when there can be room again.

  std::mutex mutex_;  // Guards what follows.
  std::condition_variable handed_in_;
  CommitQueue queue_;
  bool large_has_to_wait_ = false;  // For the indexer.
  std::deque<absl::AnyInvocable<void(storage::EventStore&)>> tasks_;
  bool stopping_ = false;

  std::thread thread_;  // Last: runs Run() from here on.
};

}  // namespace server
