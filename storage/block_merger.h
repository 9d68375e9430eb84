// Joins the small blocks of a host and day into larger ones, in the background.
//
// Hosts with little traffic are sealed by age or for memory, so they make blocks of a few records.
// As in a log-structured merge tree, blocks of about the same size are joined once there are
// kMergeWidth of them, so that each record is written again a few times at most; and when the day
// is over, all blocks that are not full become as few as possible.

#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "storage/block_store.h"
#include "storage/host_day.h"
#include "storage/inspect.h"
#include "storage/rocks.h"
#include "storage/sealer.h"

namespace storage {

inline constexpr uint32_t kMergeWidth = 8;

// Which of a day's blocks should be joined next, as places in `record_counts`, which are in the
// order of the blocks. Empty if all is well. `is_over`: no more blocks are expected.
std::vector<size_t> ChooseBlocksToMerge(const std::vector<uint32_t>& record_counts, bool is_over);

class BlockMerger {
 public:
  // Starts a thread of the lowest priority, which first looks at all days there are. It holds
  // `blocks_mutex` while it reads and replaces blocks. `now_ms` tells the time; `on_error` is
  // called when a merge fails, and that day is left alone.
  BlockMerger(std::shared_ptr<Rocks> rocks, BlockNumbers& numbers, std::mutex& blocks_mutex,
              std::function<uint64_t()> now_ms, std::function<void(const absl::Status&)> on_error);
  ~BlockMerger();

  // Tells that a day of a host has a block more.
  void Notice(HostId host, Day day);

  // Waits until nothing is left to be done. kCancelled if `stop` is requested first.
  absl::Status Wait(std::stop_token stop);

  // Sets what it knows of.
  void AddTo(StoreActivity* activity) const;

 private:
  void Run();
  absl::Status NoticeAll();
  absl::Status MergeDay(HostDay of);
  absl::Status Merge(const std::vector<BlockId>& blocks);

  const std::shared_ptr<Rocks> rocks_;
  BlockNumbers& numbers_;
  std::mutex& blocks_mutex_;
  const std::function<uint64_t()> now_ms_;
  const std::function<void(const absl::Status&)> on_error_;

  mutable std::mutex mutex_;  // Guards what follows.
  std::condition_variable_any changed_;
  std::set<HostDay> to_look_at_;
  std::set<HostDay> unfinished_;  // Days that are not over: to be looked at again then.
  bool working_ = true;
  bool stopping_ = false;
  uint64_t merges_ = 0;
  uint64_t blocks_merged_ = 0;

  std::thread thread_;  // Last: runs Run() from here on.
};

}  // namespace storage
