#include "server/api/json_call.h"

#include <utility>

#include "server/api/connect_protocol.h"
#include "server/api/json_text.h"

namespace server {

JsonCall::JsonCall(Calls& calls, const Method& method, std::function<void()> wake)
    : calls_(calls), method_(method), wake_(std::move(wake)) {}

void JsonCall::Begin(const absl::StatusOr<Caller>& caller,
                     std::unique_ptr<google::protobuf::Message> request) {
  request_ = std::move(request);
  calls_.Answer(method_, caller, request_ != nullptr ? *request_ : *method_.request, *this, stop_,
                [call = shared_from_this()](const absl::Status& status) {
                  {
                    const std::lock_guard lock(call->mutex_);
                    call->ended_ = call->why_.ok() ? status : call->why_;
                  }
                  call->wake_();
                });
}

bool JsonCall::Send(google::protobuf::Message& message) {
  std::string json = PrintJson(message);
  message.Clear();
  std::unique_lock lock(mutex_);
  const auto has_room = [this] { return waiting_.size() < calls_.limits().answer_bytes; };
  // The door gives up a caller that does not read, and the call with it.
  if (!written_.wait(lock, stop_.get_token(), has_room)) return false;
  if (stop_.stop_requested()) return false;
  const bool is_first = waiting_.empty();
  if (method_.is_stream) {
    AppendEnvelope(0, json, &waiting_);
  } else {
    waiting_ = std::move(json);
  }
  lock.unlock();
  if (is_first && method_.is_stream) wake_();
  return true;
}

bool JsonCall::Flush() {
  std::unique_lock lock(mutex_);
  const auto is_written = [this] {
    return !method_.is_stream || (waiting_.empty() && !is_writing_);
  };
  written_.wait(lock, stop_.get_token(), is_written);
  return !stop_.stop_requested();
}

JsonCall::Output JsonCall::Take() {
  const std::lock_guard lock(mutex_);
  Output output{.text = {}, .ended = ended_};
  const bool is_answered = ended_ && ended_->ok();
  if (stop_.stop_requested() && !is_answered) waiting_.clear();  // It may not be seen any more.
  if (!method_.is_stream && !is_answered) return output;
  output.text.swap(waiting_);
  is_writing_ = !output.text.empty();
  written_.notify_all();
  return output;
}

void JsonCall::Written() {
  const std::lock_guard lock(mutex_);
  is_writing_ = false;
  written_.notify_all();
}

bool JsonCall::End(const absl::Status& why) {
  {
    const std::lock_guard lock(mutex_);
    if (ended_ || stop_.stop_requested()) return false;
    why_ = why;
  }
  return stop_.request_stop();
}

}  // namespace server
