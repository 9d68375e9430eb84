// A method of the API, whatever way a call of it comes: by gRPC, or as JSON.

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include <google/protobuf/message.h>

#include "server/api/caller.h"

namespace server {

// Where the answer to a call goes. Belongs to the thread of the call.
class Replies {
 public:
  virtual ~Replies() = default;

  // Takes a message of the method's response type; what is left in `message` means nothing. Waits
  // while the caller reads too slowly. Repeated fields of messages that wait may be joined into
  // one. False if the call is over: nobody wants more.
  virtual bool Send(google::protobuf::Message& message) = 0;

  // Waits until all that was sent is on its way. False if the call is over.
  virtual bool Flush() = 0;
};

// A call, as the one who answers it sees it.
struct Call {
  const Caller& caller;
  std::stop_token stop;  // Ends the answer with kCancelled.

  // What was found, for the record that the collector keeps of the call: events, rows, values.
  uint64_t results = 0;

  // What the request does not say, for that record.
  std::string detail = {};
};

struct Method {
  // Of constants.
  std::string_view service;  // "auspex.v1.QueryService".
  std::string_view name;     // "Search".

  // The least role that may call it; ingest is none of them.
  Role role = Role::kAdmin;

  // Whether it answers with a stream of messages; else with one.
  bool is_stream = false;

  // Whether it goes on until somebody ends it. Of such calls there may be fewer at once.
  bool is_endless = false;

  // Default instances, which make messages of their types.
  const google::protobuf::Message* request = nullptr;
  const google::protobuf::Message* response = nullptr;

  // Answers a call, on its own thread. The messages are of the types above. Codes of failures are
  // part of the contract of the service.
  std::function<absl::Status(Call& call, const google::protobuf::Message& request,
                             Replies& replies)>
      answer;
};

// A method whose messages have types, and whose answer is one message.
template <typename Request, typename Response>
Method UnaryMethod(std::string_view service, std::string_view name, Role role,
                   std::function<absl::Status(Call&, const Request&, Response*)> answer) {
  return {.service = service,
          .name = name,
          .role = role,
          .request = &Request::default_instance(),
          .response = &Response::default_instance(),
          .answer = [answer = std::move(answer)](
                        Call& call, const google::protobuf::Message& request, Replies& replies) {
            Response response;
            const absl::Status answered =
                answer(call, static_cast<const Request&>(request), &response);
            if (answered.ok()) replies.Send(response);
            return answered;
          }};
}

// Likewise, with a stream of messages. `send` is Replies::Send().
template <typename Request, typename Response>
Method StreamMethod(
    std::string_view service, std::string_view name, Role role,
    std::function<absl::Status(Call&, const Request&, const std::function<bool(Response&)>& send)>
        answer) {
  return {.service = service,
          .name = name,
          .role = role,
          .is_stream = true,
          .request = &Request::default_instance(),
          .response = &Response::default_instance(),
          .answer = [answer = std::move(answer)](
                        Call& call, const google::protobuf::Message& request, Replies& replies) {
            return answer(call, static_cast<const Request&>(request),
                          [&](Response& response) { return replies.Send(response); });
          }};
}

// All methods that there are.
class MethodTable {
 public:
  void Add(std::vector<Method> methods) {
    for (Method& method : methods) methods_.emplace(PathOf(method), std::move(method));
  }

  // By its path, "/auspex.v1.QueryService/Search"; null if there is none.
  const Method* Find(std::string_view path) const {
    const auto found = methods_.find(path);
    return found == methods_.end() ? nullptr : &found->second;
  }

  // Likewise, of one that there is.
  const Method& Get(std::string_view path) const { return methods_.find(path)->second; }

  // In the order of their paths.
  const std::map<std::string, Method, std::less<>>& all() const { return methods_; }

 private:
  static std::string PathOf(const Method& method) {
    return "/" + std::string(method.service) + "/" + std::string(method.name);
  }

  std::map<std::string, Method, std::less<>> methods_;
};

}  // namespace server
