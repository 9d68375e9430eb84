// QueryService by gRPC.

#pragma once

#include "proto/auspex/v1/query.grpc.pb.h"
#include "server/api/grpc_call.h"

namespace server {

class QueryService : public auspex::v1::QueryService::CallbackService {
 public:
  // `calls` must outlive the service.
  explicit QueryService(GrpcCalls& calls) : calls_(calls) {}

  grpc::ServerWriteReactor<auspex::v1::SearchResponse>* Search(
      grpc::CallbackServerContext* context, const auspex::v1::SearchRequest* request) override {
    return calls_.Stream<auspex::v1::SearchResponse>("/auspex.v1.QueryService/Search", context,
                                                     request);
  }
  grpc::ServerWriteReactor<auspex::v1::SearchMalformedResponse>* SearchMalformed(
      grpc::CallbackServerContext* context,
      const auspex::v1::SearchMalformedRequest* request) override {
    return calls_.Stream<auspex::v1::SearchMalformedResponse>(
        "/auspex.v1.QueryService/SearchMalformed", context, request);
  }
  grpc::ServerWriteReactor<auspex::v1::TailResponse>* Tail(
      grpc::CallbackServerContext* context, const auspex::v1::TailRequest* request) override {
    return calls_.Stream<auspex::v1::TailResponse>("/auspex.v1.QueryService/Tail", context,
                                                   request);
  }
  grpc::ServerUnaryReactor* GetEvent(grpc::CallbackServerContext* context,
                                     const auspex::v1::GetEventRequest* request,
                                     auspex::v1::GetEventResponse* response) override {
    return calls_.Unary("/auspex.v1.QueryService/GetEvent", context, request, response);
  }
  grpc::ServerUnaryReactor* Hosts(grpc::CallbackServerContext* context,
                                  const auspex::v1::HostsRequest* request,
                                  auspex::v1::HostsResponse* response) override {
    return calls_.Unary("/auspex.v1.QueryService/Hosts", context, request, response);
  }
  grpc::ServerUnaryReactor* FieldValues(grpc::CallbackServerContext* context,
                                        const auspex::v1::FieldValuesRequest* request,
                                        auspex::v1::FieldValuesResponse* response) override {
    return calls_.Unary("/auspex.v1.QueryService/FieldValues", context, request, response);
  }
  grpc::ServerWriteReactor<auspex::v1::ReportResponse>* Report(
      grpc::CallbackServerContext* context, const auspex::v1::ReportRequest* request) override {
    return calls_.Stream<auspex::v1::ReportResponse>("/auspex.v1.QueryService/Report", context,
                                                     request);
  }
  grpc::ServerUnaryReactor* Histogram(grpc::CallbackServerContext* context,
                                      const auspex::v1::HistogramRequest* request,
                                      auspex::v1::HistogramResponse* response) override {
    return calls_.Unary("/auspex.v1.QueryService/Histogram", context, request, response);
  }

 private:
  GrpcCalls& calls_;
};

}  // namespace server
