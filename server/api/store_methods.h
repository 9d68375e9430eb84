// The methods of AdminService (proto/auspex/v1/admin.proto) that are about the store: backups,
// holds, and what is kept.

#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include <boost/asio/io_context.hpp>

#include "proto/auspex/v1/admin.pb.h"
#include "server/api/admin_methods.h"
#include "server/api/method.h"
#include "storage/event_store.h"

namespace server {

// For any thread.
class StoreMethods {
 public:
  // `network` must run as long as there are calls; it, `store` and this object must outlive them.
  StoreMethods(boost::asio::io_context& network, storage::EventStore& store,
               const AdminActions& actions);

  std::vector<Method> All();

 private:
  absl::Status Backup(Call& call, const auspex::v1::BackupRequest& request,
                      auspex::v1::BackupResponse* response) const;

  boost::asio::io_context& network_;
  absl::Status AddHold(Call& call, const auspex::v1::AddHoldRequest& request,
                       auspex::v1::AddHoldResponse* response) const;
  absl::Status RemoveHold(Call& call, uint64_t id) const;
  absl::Status ListHolds(Call& call, auspex::v1::ListHoldsResponse* response) const;
  absl::Status PreviewRetention(Call& call, const auspex::v1::PreviewRetentionRequest& request,
                                auspex::v1::PreviewRetentionResponse* response) const;
  absl::StatusOr<storage::RetentionPolicy> PolicyOf(
      const auspex::v1::PreviewRetentionRequest& request) const;

  storage::EventStore& store_;
  const AdminActions actions_;
};

}  // namespace server
