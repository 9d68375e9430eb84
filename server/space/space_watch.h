// Watches the free space of the store's file system, and does what the configuration says about it:
// see auspexd.conf(5).
//
// It measures each second, and hears of each write of the store. While the disk is full, nothing is
// taken in, before RocksDB fails; the reserve is given back, so that days can be deleted and what
// is in memory can be made into blocks. When there is space again, the reserve is made anew, and
// all goes on by itself.

#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>

#include "absl/status/statusor.h"
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include "base/log.h"
#include "proto/auspex/v1/admin.pb.h"
#include "server/committer.h"
#include "server/counters.h"
#include "server/own_records.h"
#include "server/space/action_runner.h"
#include "server/space/reserve_file.h"
#include "server/space/space_options.h"
#include "server/space/space_stages.h"

namespace server {

// What the store does for it. None of them may wait.
struct SpaceHooks {
  // Deletes the oldest days that no hold protects, about `bytes`, and calls `done` with what that
  // were, on any thread.
  using Dropped = std::function<void(const absl::StatusOr<uint64_t>& bytes)>;
  std::function<void(uint64_t bytes, Dropped done)> drop_oldest;

  std::function<void()> seal;
  std::function<uint64_t()> store_bytes;
};

// Belongs to the network thread.
class SpaceWatch {
 public:
  // Starts nothing. All references must outlive the watch, and the network must not run when it is
  // destroyed.
  SpaceWatch(boost::asio::io_context& network, Committer& committer, OwnRecords& own_records,
             Counters& counters, const std::string& store_dir, SpaceOptions options,
             SpaceHooks hooks, ActionRunnerOptions runner_options = {});
  ~SpaceWatch();

  // To be called before the store is opened, which takes space, too: gives the reserve back if the
  // disk is full. True if it did.
  static bool MakeRoomToOpen(const std::string& store_dir, const SpaceOptions& options);

  // Measures for the first time before it returns: the first client already meets the stage that
  // the disk is in. Then each second.
  void Start();

  // Takes other limits and actions. An action that is another one than before is taken at once if
  // its limit, as it is now, is crossed.
  void Use(const SpaceOptions& options);

  // An admin has it go on: ends what an action suspended, and a stage whose limit is no longer
  // crossed without waiting for its margin. While the disk is full, still nothing is taken in.
  void Resume();

  // What a write to the store came to, or what else has failed in it.
  void Hear(const absl::Status& result);

  // Measures no more, takes no action. The reserve stays.
  void Stop();

  SpaceStage stage() const { return stages_.stage(); }
  void Fill(auspex::v1::StatusResponse* status) const;

 private:
  using Clock = std::chrono::steady_clock;

  struct Measured {
    bool known = false;
    uint64_t available_bytes = 0;
    uint64_t total_bytes = 0;
    uint64_t reserve_bytes = 0;
  };

  // Each second, and out of turn.
  static Measured MeasureNow(const std::string& store_dir, const ReserveFile& reserve);
  void WaitForTick();
  void BeginMeasure();
  void Take(const Measured& measured);
  void KeepReserve(const Measured& measured);
  void CheckStoreSize(uint64_t margin);
  uint64_t StoreMargin() const;

  void Tell(const SpaceChange& change);
  void UpdateClients();
  bool IsCrossed(ActionCause cause) const;
  void Act(ActionCause cause);
  void RunAction(ActionCause cause);
  bool NeedsDrop(ActionCause cause) const;
  void DropIfDue();
  uint64_t BytesToDrop(ActionCause cause) const;
  void FinishDrop(ActionCause cause, const absl::StatusOr<uint64_t>& dropped);
  void LiftSuspension(ActionCause cause);

  boost::asio::io_context& network_;
  Committer& committer_;
  OwnRecords& own_records_;
  Counters& counters_;
  const std::string store_dir_;
  SpaceOptions options_;
  const SpaceHooks hooks_;

  SpaceStages stages_;
  SpaceLimits limits_;
  Measured last_;
  bool measuring_ = false;
  bool changing_reserve_ = false;
  Clock::time_point next_reserve_{};
  bool resuming_ = false;  // An admin has asked, and no measure was taken since.
  bool stopped_ = false;
  bool store_too_large_ = false;
  std::array<bool, kActionCauses> suspended_by_{};

  // Days are dropped for one cause at a time. After a drop that gave nothing it waits for a while.
  bool dropping_ = false;
  Clock::time_point next_drop_{};
  uint64_t store_bytes_before_ = 0;  // Before the last drop; then, what it should make of it.
  uint64_t store_bytes_wanted_ = std::numeric_limits<uint64_t>::max();
  Clock::time_point shrunk_at_latest_{};

  base::LogLimit measure_log_{1};
  base::LogLimit reserve_log_{1};
  boost::asio::steady_timer tick_;
  ActionRunner runner_;
  ReserveFile reserve_;               // Of the thread of disk_.
  boost::asio::thread_pool disk_{1};  // Waits for the file system. Last: uses what is above.
};

}  // namespace server
