#include "server/api/admin_methods.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "server/api/network_task.h"

namespace server {

namespace {

using namespace auspex::v1;  // The messages of one service.

constexpr char kService[] = "auspex.v1.AdminService";

constexpr uint32_t kLargestHostsMax = 1000;

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
                           AdminActions actions)
    : network_(network), store_(store), actions_(std::move(actions)) {}

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
          [this](Call& call, const StatusRequest& request, StatusResponse* response) {
            return Status(call, request, response);
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
      UnaryMethod<WriteStateRequest, WriteStateResponse>(
          kService, "WriteState", Role::kAdmin,
          [this](Call& call, const WriteStateRequest&, WriteStateResponse* response) {
            const auto file = std::make_shared<StateFile>();
            absl::Status done = Do(call.stop, [this, file] {
              *file = actions_.state_file();
              return absl::OkStatus();
            });
            if (done.ok()) done = Write(*file, store_, call.stop);
            if (done.ok()) response->set_path(file->path);
            return done;
          }),
      Action<StopRequest, StopResponse>("Stop",
                                        [this](Call& call, const StopRequest&) {
                                          return Do(call.stop, [this] {
                                            actions_.stop();
                                            return absl::OkStatus();
                                          });
                                        }),
  };
}

absl::Status AdminMethods::Status(Call& call, const StatusRequest& request,
                                  StatusResponse* response) const {
  // Shared: the call may be over before it is there.
  const auto status = std::make_shared<StatusResponse>();
  const absl::Status done = Do(call.stop, [this, status] {
    actions_.fill_status(status.get());
    return absl::OkStatus();
  });
  if (!done.ok()) return done;
  *response = std::move(*status);
  call.results = 1;
  return FillHosts(store_, std::min(request.largest_hosts(), kLargestHostsMax), call.stop,
                   response);
}

absl::Status AdminMethods::Do(const std::stop_token& stop,
                              std::function<absl::Status()> action) const {
  return DoOnNetwork(network_, stop, std::move(action));
}

}  // namespace server
