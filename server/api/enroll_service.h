// EnrollService by gRPC.

#pragma once

#include "proto/auspex/v1/enroll.grpc.pb.h"
#include "server/api/enroll_methods.h"
#include "server/api/grpc_call.h"

namespace server {

class EnrollService : public auspex::v1::EnrollService::CallbackService {
 public:
  // Both must outlive the service.
  EnrollService(GrpcCalls& calls, const EnrollMethods& methods)
      : calls_(calls), methods_(methods) {}

  grpc::ServerUnaryReactor* Enroll(grpc::CallbackServerContext* context,
                                   const auspex::v1::EnrollRequest* request,
                                   auspex::v1::EnrollResponse* response) override {
    // Else who shows an invitation hears that nobody has given it out.
    if (methods_.authority().empty()) {
      grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
      reactor->Finish(ToGrpc(NobodyCanEnroll()));
      return reactor;
    }
    return calls_.Unary("/auspex.v1.EnrollService/Enroll", context, request, response);
  }

 private:
  GrpcCalls& calls_;
  const EnrollMethods& methods_;
};

}  // namespace server
