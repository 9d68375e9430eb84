#include "client-plugin/deliver_stream.h"

#include <algorithm>
#include <utility>

namespace client_plugin {

using auspex::v1::DeliverRequest;

DeliverStream::DeliverStream(const std::shared_ptr<grpc::Channel>& channel,
                             const std::string& series, Bell& bell)
    : bell_(bell), stub_(auspex::v1::IngestService::NewStub(channel)) {
  request_.mutable_hello()->set_boot_id(series);
  request_.mutable_hello()->set_software("auspex-agent " AUSPEX_VERSION);
  stub_->async()->Deliver(&context_, this);
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
  request_.Clear();
  auspex::v1::Batch& message = *request_.mutable_batch();
  message.set_number(batch.number());
  message.set_follows(follows);
  message.mutable_records()->Reserve(static_cast<int>(batch.record_count()));
  batch.ForEachRecord(
      [&message](std::string_view record) { message.add_records(record.data(), record.size()); });
  const Losses& lost = batch.marks().losses;
  if (lost != Losses()) {
    auspex::v1::Losses& losses = *message.mutable_losses();
    losses.set_boot_id(boot_id);
    losses.set_kernel_records(lost.kernel_records);
    losses.set_overruns(lost.overruns);
    losses.set_missing_events(lost.missing_events);
    losses.set_queue_records(lost.queue_records);
    losses.set_spool_records(lost.spool_records);
    losses.set_aged_records(lost.aged_records);
    losses.set_error_records(lost.error_records);
  }
  const size_t bytes = request_.ByteSizeLong();
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
