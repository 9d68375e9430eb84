#include "server/retention_keeper.h"

#include <sys/resource.h>
#include <unistd.h>
#include <utility>

#include "base/small_file.h"

namespace server {

namespace {

constexpr int kLowestPriority = 19;

}  // namespace

absl::StatusOr<std::optional<storage::RetentionPolicy>> ReadRetentionFile(const std::string& path) {
  if (path.empty()) return std::nullopt;
  const absl::StatusOr<std::string> text = base::ReadSmallFile(path, storage::kPolicyBytesMax + 1);
  if (!text.ok()) return text.status();
  absl::StatusOr<storage::RetentionPolicy> policy = storage::ParseRetentionPolicy(*text, path);
  if (!policy.ok()) return policy.status();
  return *std::move(policy);
}

RetentionKeeper::RetentionKeeper(storage::EventStore& store, const RetentionKeeperOptions& options,
                                 RetentionCallbacks callbacks)
    : store_(store),
      options_(options),
      callbacks_(std::move(callbacks)),
      thread_([this] { Run(); }) {}

RetentionKeeper::~RetentionKeeper() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    current_.request_stop();
  }
  changed_.notify_all();
  thread_.join();
}

void RetentionKeeper::SetPolicy(std::optional<storage::RetentionPolicy> policy) {
  {
    const std::lock_guard lock(mutex_);
    policy_ = std::move(policy);
    apply_now_ = true;
    // What is being applied may delete what the new one keeps.
    if (drops_.empty()) current_.request_stop();
  }
  changed_.notify_all();
}

std::optional<storage::RetentionPolicy> RetentionKeeper::policy() const {
  const std::lock_guard lock(mutex_);
  return policy_;
}

absl::Status RetentionKeeper::ApplySoon() {
  {
    const std::lock_guard lock(mutex_);
    if (!policy_) return absl::FailedPreconditionError("there is no retention policy");
    apply_now_ = true;
  }
  changed_.notify_all();
  return absl::OkStatus();
}

void RetentionKeeper::DropOldest(uint64_t bytes, Done done) {
  {
    const std::lock_guard lock(mutex_);
    if (drops_.empty()) {
      // Else it is another drop that is being done.
      current_.request_stop();
      apply_now_ = true;
    }
    drops_.push_back({.bytes = bytes, .done = std::move(done)});
  }
  changed_.notify_all();
}

void RetentionKeeper::Run() {
  // Acknowledgements and searches go first. If the kernel refuses, it is only less polite.
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kLowestPriority);
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (!drops_.empty()) {
      DropFirst(lock);
    } else if (apply_now_) {
      ApplyPolicy(lock);
    } else {
      const auto is_told = [this] { return stopping_ || apply_now_ || !drops_.empty(); };
      if (!changed_.wait_for(lock, options_.interval, is_told)) apply_now_ = true;
    }
  }
  for (Drop& drop : drops_) drop.done(absl::CancelledError("the collector stops"));
}

void RetentionKeeper::DropFirst(std::unique_lock<std::mutex>& lock) {
  const uint64_t bytes = drops_.front().bytes;
  current_ = std::stop_source();
  const std::stop_token stop = current_.get_token();
  lock.unlock();
  absl::StatusOr<uint64_t> dropped = store_.DropOldest(bytes, stop, callbacks_.on_deleted);
  lock.lock();
  Done done = std::move(drops_.front().done);
  drops_.erase(drops_.begin());
  lock.unlock();
  done(std::move(dropped));
  lock.lock();
}

void RetentionKeeper::ApplyPolicy(std::unique_lock<std::mutex>& lock) {
  apply_now_ = false;
  // Without a policy nothing is deleted, and what was for want of space is taken out of the files.
  const storage::RetentionPolicy policy = policy_.value_or(storage::RetentionPolicy());
  current_ = std::stop_source();
  const std::stop_token stop = current_.get_token();
  lock.unlock();
  const absl::Status applied = store_.ApplyRetention(policy, stop, callbacks_.on_deleted);
  if (!applied.ok() && !stop.stop_requested()) callbacks_.on_failure(applied);
  lock.lock();
}

}  // namespace server
