// Calls that come by gRPC.

#pragma once

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "server/api/caller.h"
#include "server/api/calls.h"
#include "server/api/grpc_callers.h"
#include "server/api/method.h"

namespace server {

// The codes are the same ones.
inline grpc::Status ToGrpc(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

// A call that is answered with a stream. Deletes itself when gRPC is done with it and its thread
// has ended.
template <typename Response>
class GrpcStream : public grpc::ServerWriteReactor<Response>, public Replies {
 public:
  static grpc::ServerWriteReactor<Response>* Answer(Calls& calls, const Method& method,
                                                    const absl::StatusOr<Caller>& caller,
                                                    grpc::CallbackServerContext* context,
                                                    const google::protobuf::Message& request) {
    const std::shared_ptr<GrpcStream> stream(new GrpcStream(calls, context));
    stream->self_ = stream;
    calls.Answer(method, caller, request, *stream, stream->stop_,
                 [stream](const absl::Status& status) { stream->Finish(ToGrpc(status)); });
    return stream.get();
  }

  bool Send(google::protobuf::Message& message) override {
    std::unique_lock lock(mutex_);
    const auto has_room = [this] {
      return !is_writing_ || waiting_bytes_ < calls_.limits().answer_bytes;
    };
    if (!Await(lock, has_room)) return false;
    auto& response = static_cast<Response&>(message);
    const size_t bytes = std::max<size_t>(response.ByteSizeLong(), 1);
    if (waiting_bytes_ == 0) {
      waiting_.Swap(&response);
    } else {
      waiting_.MergeFrom(response);
    }
    waiting_bytes_ += bytes;
    if (!is_writing_) WriteWaiting();
    return true;
  }

  bool Flush() override {
    std::unique_lock lock(mutex_);
    return Await(lock, [this] { return !is_writing_; });
  }

  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(mutex_);
    is_writing_ = false;
    if (!ok) stop_.request_stop();
    if (ok && waiting_bytes_ > 0) WriteWaiting();
    written_.notify_all();
  }

  void OnCancel() override { stop_.request_stop(); }
  void OnDone() override { self_.reset(); }

 private:
  GrpcStream(Calls& calls, grpc::CallbackServerContext* context)
      : calls_(calls), context_(context) {}

  // Waits for something that comes true when a message is taken. A caller that does not take one in
  // time is given up, and the call with it: it then hears of no other status than CANCELLED. False
  // if the call is over, and nothing is on its way.
  template <typename Condition>
  bool Await(std::unique_lock<std::mutex>& lock, const Condition& condition) {
    written_.wait_for(lock, stop_.get_token(), calls_.limits().stall_max, condition);
    if (!stop_.stop_requested() && condition()) return true;
    waiting_bytes_ = 0;
    const auto nothing_on_its_way = [this] { return !is_writing_; };
    const bool is_stalled = stop_.request_stop();
    if (is_stalled) calls_.CountStalled();
    if (is_stalled || !written_.wait_for(lock, calls_.limits().end_time, nothing_on_its_way)) {
      context_->TryCancel();
      written_.wait(lock, nothing_on_its_way);
    }
    return false;
  }

  // With mutex_ held. Nothing is on its way.
  void WriteWaiting() {
    message_.Swap(&waiting_);
    waiting_.Clear();
    waiting_bytes_ = 0;
    is_writing_ = true;
    this->StartWrite(&message_);
  }

  Calls& calls_;
  grpc::CallbackServerContext* const context_;  // Until OnDone().
  std::shared_ptr<GrpcStream> self_;
  std::stop_source stop_;

  std::mutex mutex_;  // Guards what follows.
  std::condition_variable_any written_;
  bool is_writing_ = false;
  Response message_;          // Of the write that is under way.
  Response waiting_;          // That comes next.
  size_t waiting_bytes_ = 0;  // Its size.
};

// Has calls that come by gRPC answered. For any thread.
class GrpcCalls {
 public:
  // All must outlive the object.
  GrpcCalls(Calls& calls, const GrpcCallers& callers, const MethodTable& methods)
      : calls_(calls), callers_(callers), methods_(methods) {}

  // A call of a method that answers with one message. gRPC keeps request and response until the
  // call is done.
  grpc::ServerUnaryReactor* Unary(std::string_view path, grpc::CallbackServerContext* context,
                                  const google::protobuf::Message* request,
                                  google::protobuf::Message* response);

  // With a stream of them.
  template <typename Response>
  grpc::ServerWriteReactor<Response>* Stream(std::string_view path,
                                             grpc::CallbackServerContext* context,
                                             const google::protobuf::Message* request) {
    return GrpcStream<Response>::Answer(calls_, methods_.Get(path), callers_.Find(*context),
                                        context, *request);
  }

 private:
  Calls& calls_;
  const GrpcCallers& callers_;
  const MethodTable& methods_;
};

}  // namespace server
