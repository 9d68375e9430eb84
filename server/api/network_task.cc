#include "server/api/network_task.h"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include <boost/asio/post.hpp>

namespace server {

absl::Status DoOnNetwork(boost::asio::io_context& network, const std::stop_token& stop,
                         std::function<absl::Status()> action) {
  struct Outcome {
    std::mutex mutex;
    std::condition_variable_any done;
    std::optional<absl::Status> status;  // Guarded by mutex.
  };
  const auto outcome = std::make_shared<Outcome>();
  boost::asio::post(network, [outcome, action = std::move(action)] {
    absl::Status status = action();
    const std::lock_guard lock(outcome->mutex);
    outcome->status = std::move(status);
    outcome->done.notify_all();
  });
  std::unique_lock lock(outcome->mutex);
  const auto is_done = [&] { return outcome->status.has_value(); };
  if (!outcome->done.wait(lock, stop, is_done)) return absl::CancelledError();
  return *outcome->status;
}

}  // namespace server
