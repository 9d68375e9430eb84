// Has the store delete what its policy does not keep, and what has to go when the disk is full.

#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "storage/event_store.h"
#include "storage/retention.h"

namespace server {

// The policy of a file; none for an empty path. A failure names the file, and all lines that are
// wrong.
absl::StatusOr<std::optional<storage::RetentionPolicy>> ReadRetentionFile(const std::string& path);

struct RetentionKeeperOptions {
  // How often the policy is applied: days end once a day, but limits of bytes are passed at any
  // time.
  std::chrono::milliseconds interval{600'000};
};

// Both are called on the keeper's thread.
struct RetentionCallbacks {
  std::function<void(const storage::Deletion&)> on_deleted;

  // The policy could not be applied, whole: it is tried again after the interval.
  std::function<void(const absl::Status&)> on_failure;
};

// For any thread.
class RetentionKeeper {
 public:
  // Starts a thread of the lowest priority. `store` must outlive the keeper.
  RetentionKeeper(storage::EventStore& store, const RetentionKeeperOptions& options,
                  RetentionCallbacks callbacks);

  // Ends what is being done, and the thread. Who waits for a drop is told kCancelled.
  ~RetentionKeeper();

  // Applies it soon, and then at each interval, in place of the one before. None: nothing is
  // deleted for its age or size, and what was for want of space still leaves the files.
  void SetPolicy(std::optional<storage::RetentionPolicy> policy);
  std::optional<storage::RetentionPolicy> policy() const;

  // Applies the policy soon. kFailedPrecondition if there is none.
  absl::Status ApplySoon();

  // Deletes the oldest days: see EventStore::DropOldest(). Goes before the policy, which is
  // interrupted for it. Calls `done` on the keeper's thread.
  using Done = absl::AnyInvocable<void(absl::StatusOr<uint64_t> dropped)>;
  void DropOldest(uint64_t bytes, Done done);

 private:
  struct Drop {
    uint64_t bytes = 0;
    Done done;
  };

  void Run();
  void ApplyPolicy(std::unique_lock<std::mutex>& lock);
  void DropFirst(std::unique_lock<std::mutex>& lock);

  storage::EventStore& store_;
  const RetentionKeeperOptions options_;
  const RetentionCallbacks callbacks_;

  mutable std::mutex mutex_;  // Guards what follows.
  std::condition_variable changed_;
  std::optional<storage::RetentionPolicy> policy_;
  bool apply_now_ = false;
  std::vector<Drop> drops_;     // The first may be on its way.
  std::stop_source current_{};  // Of what is being done.
  bool stopping_ = false;

  std::thread thread_;  // Last: runs Run() from here on.
};

}  // namespace server
