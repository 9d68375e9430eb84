// Who makes a call that comes by gRPC.

#pragma once

#include "absl/status/statusor.h"
#include <grpcpp/server_context.h>

#include "server/api/caller.h"
#include "server/api/local_callers.h"

namespace server {

// For any thread.
class GrpcCallers {
 public:
  // Both must outlive the object.
  GrpcCallers(const Callers& callers, const LocalCallers& local_callers)
      : callers_(callers), local_callers_(local_callers) {}

  // As Callers::Find(); metadata `authorization` is what the header of this name is.
  absl::StatusOr<Caller> Find(const grpc::CallbackServerContext& context) const;

  // As Callers::GrantOf().
  Grant GrantOf(const Caller& caller) const { return callers_.GrantOf(caller); }

 private:
  const Callers& callers_;
  const LocalCallers& local_callers_;
};

}  // namespace server
