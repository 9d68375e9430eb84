#include "client-plugin/deliver_stream.h"

#include <algorithm>
#include <utility>

#include <grpcpp/support/slice.h>

#include "client-plugin/deliver_message.h"

namespace client_plugin {

namespace {

using auspex::v1::DeliverRequest;

// As the generated code names it: requests are written by hand, for which that has no place.
constexpr char kMethod[] = "/auspex.v1.IngestService/Deliver";

}  // namespace

DeliverStream::DeliverStream(const std::shared_ptr<grpc::Channel>& channel,
                             const std::string& series, Bell& bell)
    : bell_(bell), stub_(channel) {
  DeliverRequest hello;
  hello.mutable_hello()->set_boot_id(series);
  hello.mutable_hello()->set_software("auspex-agent " AUSPEX_VERSION);
  grpc::Slice bytes(hello.SerializeAsString());
  request_ = grpc::ByteBuffer(&bytes, 1);
  stub_.PrepareBidiStreamingCall(&context_, kMethod, grpc::StubOptions(), this);
  AddHold();  // As long as writes can come from another thread than gRPC's.
  StartWrite(&request_);
  StartRead(&response_);
  StartCall();
}

DeliverStream::~DeliverStream() {
  context_.TryCancel();
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [this] { return state_.end.has_value(); });
}

DeliverStream::State DeliverStream::state() {
  const std::lock_guard lock(mutex_);
  State state = state_;
  state_.gap.reset();
  return state;
}

size_t DeliverStream::Send(const SpoolBatch& batch, uint64_t follows, const std::string& boot_id) {
  request_ = MakeBatchMessage(batch, follows, boot_id);
  const size_t bytes = request_.Length();
  const std::lock_guard lock(mutex_);
  if (has_read_all_) return bytes;  // Its end is on the way.
  state_.is_writing = true;
  StartWrite(&request_);
  return bytes;
}

void DeliverStream::EndSending() {
  const std::lock_guard lock(mutex_);
  if (has_read_all_ || state_.is_writing) return;
  state_.is_writing = true;  // For good.
  StartWritesDone();
}

void DeliverStream::OnReadDone(bool ok) {
  if (!ok) {
    {
      const std::lock_guard lock(mutex_);
      has_read_all_ = true;
    }
    RemoveHold();  // Nothing more comes: what is being written ends, too.
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    if (response_.has_welcome()) {
      state_.welcome = response_.welcome();
    } else if (response_.has_ack()) {
      state_.acknowledged = std::max(state_.acknowledged, response_.ack().number());
    } else if (response_.has_gap()) {
      state_.gap = response_.gap();
    }
  }
  bell_.Ring();
  StartRead(&response_);
}

void DeliverStream::OnWriteDone(bool ok) {
  {
    const std::lock_guard lock(mutex_);
    request_.Clear();
    if (ok) state_.is_writing = false;  // One that has failed is the end, which will be told.
  }
  bell_.Ring();
}

void DeliverStream::OnDone(const grpc::Status& status) {
  const std::lock_guard lock(mutex_);
  state_.end = status;
  bell_.Ring();
  ended_.notify_all();  // With the lock: whoever waits destroys this.
}

}  // namespace client_plugin
