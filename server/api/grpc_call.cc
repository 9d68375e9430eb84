#include "server/api/grpc_call.h"

namespace server {

namespace {

class UnaryCall : public grpc::ServerUnaryReactor, public Replies {
 public:
  explicit UnaryCall(google::protobuf::Message* response) : response_(response) {}

  bool Send(google::protobuf::Message& message) override {
    response_->GetReflection()->Swap(response_, &message);
    return !stop_.stop_requested();
  }
  bool Flush() override { return !stop_.stop_requested(); }

  void OnCancel() override { stop_.request_stop(); }
  void OnDone() override { delete this; }

  const std::stop_source& stop() const { return stop_; }

 private:
  google::protobuf::Message* const response_;
  std::stop_source stop_;
};

}  // namespace

grpc::ServerUnaryReactor* GrpcCalls::Unary(std::string_view path,
                                           grpc::CallbackServerContext* context,
                                           const google::protobuf::Message* request,
                                           google::protobuf::Message* response) {
  auto* const call = new UnaryCall(response);
  calls_.Answer(methods_.Get(path), callers_.Find(*context), *request, *call, call->stop(),
                [call](const absl::Status& status) { call->Finish(ToGrpc(status)); });
  return call;
}

}  // namespace server
