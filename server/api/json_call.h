// A call that is answered in JSON: where its own thread, which prints, meets the thread of the JSON
// door, which sends.

#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"

#include "server/api/calls.h"

namespace server {

class JsonCall : public Replies, public std::enable_shared_from_this<JsonCall> {
 public:
  // What has come since it was last asked.
  struct Output {
    std::string text;  // Of a stream, envelopes, without the last one; else the message.
    std::optional<absl::Status> ended;  // There will be nothing more.
  };

  // `calls` must outlive the call; `method` likewise. `wake` is called when there is more to take,
  // on the thread of the call, or in Begin().
  JsonCall(Calls& calls, const Method& method, std::function<void()> wake);

  // Has it answered. `request` is null where the caller is not known, and nothing was read of it.
  void Begin(const absl::StatusOr<Caller>& caller,
             std::unique_ptr<google::protobuf::Message> request);

  // Of the thread of the call.
  bool Send(google::protobuf::Message& message) override;
  bool Flush() override;

  // Of the door's thread, as all that follows. What is taken counts as waiting until it is written.
  Output Take();
  void Written();

  // Ends the call with `why`, if it has not ended yet: what was not taken will not be sent. False
  // if it was about to end anyway.
  bool End(const absl::Status& why);

 private:
  Calls& calls_;
  const Method& method_;
  const std::function<void()> wake_;
  std::unique_ptr<google::protobuf::Message> request_;
  std::stop_source stop_;

  std::mutex mutex_;  // Guards what follows.
  std::condition_variable_any written_;
  std::string waiting_;
  bool is_writing_ = false;
  absl::Status why_;  // It was ended for this by the door.
  std::optional<absl::Status> ended_;
};

}  // namespace server
