// QueryService (proto/auspex/v1/query.proto): what viewers and admins ask, answered by the store.
//
// Each call has a thread of its own while it is answered: a search reads from the disk, and waits
// for a reader that is slow.

#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <unordered_map>

#include "absl/status/status.h"

#include "proto/auspex/v1/query.grpc.pb.h"
#include "server/api/access.h"
#include "server/api/local_socket.h"
#include "storage/event_store.h"

namespace server {

struct QueryLimits {
  // Calls that are answered at once: what two processors can do something for, and some that wait
  // for their readers.
  size_t calls_max = 64;

  // A caller that does not take a message within this is cut off.
  std::chrono::milliseconds stall_max{60'000};

  // Events of one answer are sent when they are so many bytes together.
  size_t answer_bytes = 64 << 10;

  // Of one call: values that are counted.
  size_t values_max = 1'000'000;
};

// What QueryService counts. For any thread.
struct QueryCounters {
  std::atomic<uint64_t> calls_open = 0;           // A gauge.
  std::atomic<uint64_t> calls_total = 0;          // That were answered.
  std::atomic<uint64_t> calls_refused_role = 0;   // The caller's role is neither viewer nor admin.
  std::atomic<uint64_t> calls_refused_limit = 0;  // There were too many.
  std::atomic<uint64_t> calls_ended_stalled = 0;  // Their callers did not read.
};

// "name=value name=value ...".
std::string ToText(const QueryCounters& counters);

class QueryService : public auspex::v1::QueryService::CallbackService {
 public:
  // All must outlive the service.
  QueryService(const storage::EventStore& store, const Access& access,
               const LocalCallers& local_callers, const QueryLimits& limits);

  // Called by gRPC.
  grpc::ServerWriteReactor<auspex::v1::SearchResponse>* Search(
      grpc::CallbackServerContext* context, const auspex::v1::SearchRequest* request) override;
  grpc::ServerUnaryReactor* Hosts(grpc::CallbackServerContext* context,
                                  const auspex::v1::HostsRequest* request,
                                  auspex::v1::HostsResponse* response) override;
  grpc::ServerUnaryReactor* FieldValues(grpc::CallbackServerContext* context,
                                        const auspex::v1::FieldValuesRequest* request,
                                        auspex::v1::FieldValuesResponse* response) override;

  // Ends the calls of whoever may not ask any more what was asked. To be called when the rules of
  // access have changed.
  void EndRevoked();

  // Refuses new calls, and ends those there are. Waits until no thread of a call is left.
  void Stop();

  const QueryCounters& counters() const { return counters_; }

 private:
  // Who asks, and what it may see.
  struct Asker {
    std::string name;
    Grant grant;
    bool is_local = false;  // Through the unix socket: the access file says nothing of it.
  };
  struct Running {
    Asker asker;
    std::stop_source stop;
  };
  class SearchCall;
  class UnaryCall;

  // kUnauthenticated or kPermissionDenied if it may not ask.
  absl::StatusOr<Asker> AskerOf(const grpc::CallbackServerContext& context) const;

  // Takes one of the places for calls, and runs `answer` on a thread of its own, which gives the
  // place back. A failure if there is none. `stop` ends the call.
  absl::Status Run(const Asker& asker, std::stop_source stop, std::function<void()> answer);

  // What the asker may do now.
  Grant GrantOf(const Asker& asker) const;

  // What to tell of a call that was ended by us.
  absl::Status ReasonToEnd(const Asker& asker) const;

  absl::Status ListHosts(const Asker& asker, const auspex::v1::HostsRequest& request,
                         auspex::v1::HostsResponse* response) const;
  absl::Status CountValues(const Asker& asker, const auspex::v1::FieldValuesRequest& request,
                           const std::stop_token& stop,
                           auspex::v1::FieldValuesResponse* response) const;

  const storage::EventStore& store_;
  const Access& access_;
  const LocalCallers& local_callers_;
  const QueryLimits limits_;
  mutable QueryCounters counters_;

  std::mutex mutex_;  // Guards what follows.
  std::condition_variable ended_;
  std::unordered_map<uint64_t, Running> running_;
  uint64_t next_call_ = 0;
  bool stopping_ = false;
};

}  // namespace server
