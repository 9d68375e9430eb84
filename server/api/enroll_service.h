// EnrollService by gRPC.

#pragma once

#include "proto/auspex/v1/enroll.grpc.pb.h"
#include "server/api/grpc_call.h"

namespace server {

class EnrollService : public auspex::v1::EnrollService::CallbackService {
 public:
  // `calls` must outlive the service.
  explicit EnrollService(GrpcCalls& calls) : calls_(calls) {}

  grpc::ServerUnaryReactor* Enroll(grpc::CallbackServerContext* context,
                                   const auspex::v1::EnrollRequest* request,
                                   auspex::v1::EnrollResponse* response) override {
    return calls_.Unary("/auspex.v1.EnrollService/Enroll", context, request, response);
  }

 private:
  GrpcCalls& calls_;
};

}  // namespace server
