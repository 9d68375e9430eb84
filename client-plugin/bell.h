// How one thread tells another that there is something to do.

#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace client_plugin {

// Any thread rings, one waits.
class Bell {
 public:
  void Ring() {
    const std::lock_guard lock(mutex_);
    was_rung_ = true;
    rung_.notify_all();
  }

  // Until it was rung since the last call, or the time is over.
  void Wait(std::chrono::steady_clock::time_point until) {
    std::unique_lock lock(mutex_);
    rung_.wait_until(lock, until, [this] { return was_rung_; });
    was_rung_ = false;
  }

 private:
  std::mutex mutex_;  // Guards what follows.
  std::condition_variable rung_;
  bool was_rung_ = false;
};

}  // namespace client_plugin
