// AdminService (proto/auspex/v1/admin.proto): what admins do with a running collector.

#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include <boost/asio/io_context.hpp>

#include "proto/auspex/v1/admin.pb.h"
#include "server/api/method.h"
#include "server/state_report.h"
#include "storage/event_store.h"

namespace server {

// What the collector can be told, on its network thread.
struct AdminActions {
  // See StateReport.
  std::function<void(auspex::v1::StatusResponse*)> fill_status = {};
  std::function<StateFile()> state_file = {};

  std::function<void()> stop = {};

  // The key of that name, as it is in force.
  std::function<std::string()> backup_dir = {};

  // See RetentionKeeper. Both are for any thread.
  std::function<std::optional<storage::RetentionPolicy>()> retention_policy = {};
  std::function<absl::Status()> apply_retention = {};
  std::function<absl::Status()> reload = {};
  std::function<void()> seal = {};
  std::function<void(bool suspended)> set_suspended = {};
  std::function<bool()> is_suspended = {};
};

// For any thread.
class AdminMethods {
 public:
  // `network` must run as long as there are calls; it, `store` and this object must outlive them.
  AdminMethods(boost::asio::io_context& network, const storage::EventStore& store,
               AdminActions actions);

  std::vector<Method> All();

 private:
  absl::Status Do(const std::stop_token& stop, std::function<absl::Status()> action) const;

  absl::Status Status(Call& call, const auspex::v1::StatusRequest& request,
                      auspex::v1::StatusResponse* response) const;

  boost::asio::io_context& network_;
  const storage::EventStore& store_;
  const AdminActions actions_;
};

}  // namespace server
