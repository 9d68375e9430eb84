// AdminService by gRPC.

#pragma once

#include "proto/auspex/v1/admin.grpc.pb.h"
#include "server/api/grpc_call.h"

namespace server {

class AdminService : public auspex::v1::AdminService::CallbackService {
 public:
  // `calls` must outlive the service.
  explicit AdminService(GrpcCalls& calls) : calls_(calls) {}

  grpc::ServerUnaryReactor* Status(grpc::CallbackServerContext* context,
                                   const auspex::v1::StatusRequest* request,
                                   auspex::v1::StatusResponse* response) override {
    return calls_.Unary("/auspex.v1.AdminService/Status", context, request, response);
  }
  grpc::ServerUnaryReactor* Reload(grpc::CallbackServerContext* context,
                                   const auspex::v1::ReloadRequest* request,
                                   auspex::v1::ReloadResponse* response) override {
    return calls_.Unary("/auspex.v1.AdminService/Reload", context, request, response);
  }
  grpc::ServerUnaryReactor* Seal(grpc::CallbackServerContext* context,
                                 const auspex::v1::SealRequest* request,
                                 auspex::v1::SealResponse* response) override {
    return calls_.Unary("/auspex.v1.AdminService/Seal", context, request, response);
  }
  grpc::ServerUnaryReactor* Suspend(grpc::CallbackServerContext* context,
                                    const auspex::v1::SuspendRequest* request,
                                    auspex::v1::SuspendResponse* response) override {
    return calls_.Unary("/auspex.v1.AdminService/Suspend", context, request, response);
  }
  grpc::ServerUnaryReactor* Resume(grpc::CallbackServerContext* context,
                                   const auspex::v1::ResumeRequest* request,
                                   auspex::v1::ResumeResponse* response) override {
    return calls_.Unary("/auspex.v1.AdminService/Resume", context, request, response);
  }
  grpc::ServerUnaryReactor* WriteState(grpc::CallbackServerContext* context,
                                       const auspex::v1::WriteStateRequest* request,
                                       auspex::v1::WriteStateResponse* response) override {
    return calls_.Unary("/auspex.v1.AdminService/WriteState", context, request, response);
  }
  grpc::ServerUnaryReactor* Stop(grpc::CallbackServerContext* context,
                                 const auspex::v1::StopRequest* request,
                                 auspex::v1::StopResponse* response) override {
    return calls_.Unary("/auspex.v1.AdminService/Stop", context, request, response);
  }
  grpc::ServerUnaryReactor* Backup(grpc::CallbackServerContext* context,
                                   const auspex::v1::BackupRequest* request,
                                   auspex::v1::BackupResponse* response) override {
    return calls_.Unary("/auspex.v1.AdminService/Backup", context, request, response);
  }
  grpc::ServerUnaryReactor* AddHold(grpc::CallbackServerContext* context,
                                    const auspex::v1::AddHoldRequest* request,
                                    auspex::v1::AddHoldResponse* response) override {
    return calls_.Unary("/auspex.v1.AdminService/AddHold", context, request, response);
  }
  grpc::ServerUnaryReactor* ListHolds(grpc::CallbackServerContext* context,
                                      const auspex::v1::ListHoldsRequest* request,
                                      auspex::v1::ListHoldsResponse* response) override {
    return calls_.Unary("/auspex.v1.AdminService/ListHolds", context, request, response);
  }
  grpc::ServerUnaryReactor* RemoveHold(grpc::CallbackServerContext* context,
                                       const auspex::v1::RemoveHoldRequest* request,
                                       auspex::v1::RemoveHoldResponse* response) override {
    return calls_.Unary("/auspex.v1.AdminService/RemoveHold", context, request, response);
  }
  grpc::ServerUnaryReactor* PreviewRetention(
      grpc::CallbackServerContext* context, const auspex::v1::PreviewRetentionRequest* request,
      auspex::v1::PreviewRetentionResponse* response) override {
    return calls_.Unary("/auspex.v1.AdminService/PreviewRetention", context, request, response);
  }
  grpc::ServerUnaryReactor* ApplyRetention(grpc::CallbackServerContext* context,
                                           const auspex::v1::ApplyRetentionRequest* request,
                                           auspex::v1::ApplyRetentionResponse* response) override {
    return calls_.Unary("/auspex.v1.AdminService/ApplyRetention", context, request, response);
  }

 private:
  GrpcCalls& calls_;
};

}  // namespace server
