#include "server/api/admin_methods.h"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include <boost/asio/post.hpp>

#include "base/clock.h"

namespace server {

namespace {

using namespace auspex::v1;  // The messages of one service.

constexpr char kService[] = "auspex.v1.AdminService";

// A method that answers with nothing but its status.
template <typename Request, typename Response>
Method Action(std::string_view name, std::function<absl::Status(Call&, const Request&)> act) {
  return UnaryMethod<Request, Response>(
      kService, name, Role::kAdmin,
      [act = std::move(act)](Call& call, const Request& request, Response*) {
        return act(call, request);
      });
}

}  // namespace

AdminMethods::AdminMethods(boost::asio::io_context& network, const storage::EventStore& store,
                           AdminActions actions, std::function<std::vector<Metric>()> metrics)
    : network_(network),
      store_(store),
      actions_(std::move(actions)),
      metrics_(std::move(metrics)),
      started_ms_(base::NowMs()) {}

std::vector<Method> AdminMethods::All() {
  const auto set_suspended = [this](const Call& call, bool suspended) {
    return Do(call.stop, [this, suspended] {
      actions_.set_suspended(suspended);
      return absl::OkStatus();
    });
  };
  return {
      UnaryMethod<StatusRequest, StatusResponse>(
          kService, "Status", Role::kAdmin,
          [this](Call& call, const StatusRequest&, StatusResponse* response) {
            return Status(call, response);
          }),
      Action<ReloadRequest, ReloadResponse>(
          "Reload",
          [this](Call& call, const ReloadRequest&) { return Do(call.stop, actions_.reload); }),
      Action<SealRequest, SealResponse>("Seal",
                                        [this](Call& call, const SealRequest&) {
                                          return Do(call.stop, [this] {
                                            actions_.seal();
                                            return absl::OkStatus();
                                          });
                                        }),
      Action<SuspendRequest, SuspendResponse>(
          "Suspend", [=](Call& call, const SuspendRequest&) { return set_suspended(call, true); }),
      Action<ResumeRequest, ResumeResponse>(
          "Resume", [=](Call& call, const ResumeRequest&) { return set_suspended(call, false); }),
  };
}

absl::Status AdminMethods::Status(Call& call, StatusResponse* response) const {
  // Shared: the call may be over before they are there.
  const auto metrics = std::make_shared<std::vector<Metric>>();
  const auto suspended = std::make_shared<bool>();
  const absl::Status done = Do(call.stop, [this, metrics, suspended] {
    *metrics = metrics_();
    *suspended = actions_.is_suspended();
    return absl::OkStatus();
  });
  if (!done.ok()) return done;
  response->set_version(AUSPEX_VERSION);
  response->set_started_ms(started_ms_);
  response->set_suspended(*suspended);
  const absl::StatusOr<storage::HostList> list = store_.ListHosts({});
  if (!list.ok()) return list.status();
  response->set_hosts(list->hosts.size());
  for (Metric& metric : *metrics) {
    StatusResponse::Counter& counter = *response->add_counters();
    counter.set_name(std::move(metric.name));
    counter.set_value(metric.value);
  }
  call.results = 1;
  return absl::OkStatus();
}

absl::Status AdminMethods::Do(const std::stop_token& stop,
                              std::function<absl::Status()> action) const {
  struct Outcome {
    std::mutex mutex;
    std::condition_variable_any done;
    std::optional<absl::Status> status;  // Guarded by mutex.
  };
  const auto outcome = std::make_shared<Outcome>();
  boost::asio::post(network_, [outcome, action = std::move(action)] {
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
