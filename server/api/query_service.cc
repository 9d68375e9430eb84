#include "server/api/query_service.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"

#include "server/api/event_message.h"
#include "server/api/peer_name.h"
#include "server/api/predicate_message.h"

namespace server {

namespace {

using auspex::v1::FieldValuesRequest;
using auspex::v1::FieldValuesResponse;
using auspex::v1::HostsRequest;
using auspex::v1::HostsResponse;
using auspex::v1::SearchRequest;
using auspex::v1::SearchResponse;

constexpr uint32_t kValuesUsual = 1000;

// Their names, of up to 255 bytes, fit in a message that clients take (4 MB).
constexpr uint32_t kHostsMax = 10'000;

// The codes are the same ones.
grpc::Status ToGrpc(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

std::vector<std::string> ToVector(const google::protobuf::RepeatedPtrField<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

}  // namespace

std::string ToText(const QueryCounters& counters) {
  return absl::StrCat("calls_open=", counters.calls_open.load(),
                      " calls_total=", counters.calls_total.load(),
                      " calls_refused_role_total=", counters.calls_refused_role.load(),
                      " calls_refused_limit_total=", counters.calls_refused_limit.load(),
                      " calls_ended_stalled_total=", counters.calls_ended_stalled.load());
}

absl::StatusOr<QueryService::Asker> QueryService::AskerOf(
    const grpc::CallbackServerContext& context) const {
  if (const std::optional<LocalCaller> local = local_callers_.Find(context.peer())) {
    return Asker{.name = absl::StrCat("uid ", local->uid),
                 .grant = {.role = Role::kAdmin},
                 .is_local = true};
  }
  const absl::StatusOr<std::string> name = CertificateName(*context.auth_context());
  if (!name.ok()) return name.status();
  Grant grant = access_.GrantOf(*name);
  if (grant.role == Role::kViewer || grant.role == Role::kAdmin) {
    return Asker{.name = *name, .grant = std::move(grant)};
  }
  ++counters_.calls_refused_role;
  return absl::PermissionDeniedError(absl::StrCat(
      "the role of ", *name, " is ", std::string(RoleName(grant.role)), ", not viewer or admin"));
}

Grant QueryService::GrantOf(const Asker& asker) const {
  return asker.is_local ? asker.grant : access_.GrantOf(asker.name);
}

absl::Status QueryService::ReasonToEnd(const Asker& asker) const {
  if (GrantOf(asker) == asker.grant) return absl::UnavailableError("the collector is stopping");
  return absl::PermissionDeniedError(absl::StrCat("what ", asker.name, " may see has changed"));
}

absl::Status QueryService::Run(const Asker& asker, std::stop_source stop,
                               std::function<void()> answer) {
  uint64_t call = 0;
  {
    const std::lock_guard lock(mutex_);
    // The rules may have changed since they were asked, and EndRevoked() have looked already.
    if (stopping_ || GrantOf(asker) != asker.grant) return ReasonToEnd(asker);
    if (running_.size() >= limits_.calls_max) {
      ++counters_.calls_refused_limit;
      return absl::ResourceExhaustedError(
          absl::StrCat("more than ", limits_.calls_max, " calls at once"));
    }
    call = next_call_++;
    running_.emplace(call, Running{.asker = asker, .stop = std::move(stop)});
    counters_.calls_open = running_.size();
  }
  ++counters_.calls_total;
  std::thread([this, call, answer = std::move(answer)]() mutable {
    answer();
    answer = nullptr;
    const std::lock_guard lock(mutex_);
    running_.erase(call);
    counters_.calls_open = running_.size();
    ended_.notify_all();
  }).detach();
  return absl::OkStatus();
}

void QueryService::EndRevoked() {
  const std::lock_guard lock(mutex_);
  for (auto& [call, running] : running_) {
    if (GrantOf(running.asker) != running.asker.grant) running.stop.request_stop();
  }
}

void QueryService::Stop() {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  for (auto& [call, running] : running_) running.stop.request_stop();
  ended_.wait(lock, [this] { return running_.empty(); });
}

// A call with one answer. gRPC keeps request and response until OnDone().
class QueryService::UnaryCall : public grpc::ServerUnaryReactor {
 public:
  // `answer` fills in the response.
  static grpc::ServerUnaryReactor* Start(
      QueryService& service, const grpc::CallbackServerContext& context,
      std::function<absl::Status(const Asker&, const std::stop_token&)> answer) {
    auto* const call = new UnaryCall;
    const absl::StatusOr<Asker> asker = service.AskerOf(context);
    if (!asker.ok()) {
      call->Finish(ToGrpc(asker.status()));
      return call;
    }
    const absl::Status running = service.Run(
        *asker, call->stop_, [&service, call, asker = *asker, answer = std::move(answer)] {
          absl::Status answered = answer(asker, call->stop_.get_token());
          if (absl::IsCancelled(answered)) answered = service.ReasonToEnd(asker);
          call->Finish(ToGrpc(answered));
        });
    if (!running.ok()) call->Finish(ToGrpc(running));
    return call;
  }

  void OnCancel() override { stop_.request_stop(); }
  void OnDone() override { delete this; }

 private:
  std::stop_source stop_;
};

absl::Status QueryService::ListHosts(const Asker& asker, const HostsRequest& request,
                                     HostsResponse* response) const {
  const uint32_t limit = request.limit() == 0 ? kHostsMax : std::min(request.limit(), kHostsMax);
  for (const storage::Identity& host : store_.Hosts(ToVector(request.hosts()), asker.grant.hosts)) {
    if (!request.after().empty() && host.name <= request.after()) continue;
    // Two hosts of one name stay together: the next page begins behind the name.
    const int count = response->hosts_size();
    if (count >= static_cast<int>(limit) && response->hosts(count - 1).name() != host.name) {
      response->set_more(true);
      break;
    }
    HostsResponse::Host& message = *response->add_hosts();
    message.set_name(host.name);
    message.set_identity(MessageOf(host.kind));
  }
  return absl::OkStatus();
}

absl::Status QueryService::CountValues(const Asker& asker, const FieldValuesRequest& request,
                                       const std::stop_token& stop,
                                       FieldValuesResponse* response) const {
  const auto field = query::ParseTermField(request.field());
  if (!field || !query::IsIndexed(*field)) {
    return absl::InvalidArgumentError(absl::StrCat("no indexed field \"", request.field(), "\""));
  }
  absl::StatusOr<query::Predicate> predicate = PredicateOf(request.predicate());
  if (!predicate.ok()) return predicate.status();
  const auto values = store_.Count({.field = *field,
                                    .predicate = *std::move(predicate),
                                    .host_patterns = ToVector(request.hosts()),
                                    .visible_hosts = asker.grant.hosts,
                                    .stop = stop,
                                    .values_max = limits_.values_max});
  if (!values.ok()) return values.status();
  response->set_value_count(values->size());
  const size_t limit = request.limit() == 0 ? kValuesUsual : request.limit();
  for (size_t i = 0; i < std::min(limit, values->size()); ++i) {
    FieldValuesResponse::Value& message = *response->add_values();
    message.set_value((*values)[i].value);
    message.set_events((*values)[i].events);
  }
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* QueryService::Hosts(grpc::CallbackServerContext* context,
                                              const HostsRequest* request,
                                              HostsResponse* response) {
  return UnaryCall::Start(*this, *context,
                          [this, request, response](const Asker& asker, const std::stop_token&) {
                            return ListHosts(asker, *request, response);
                          });
}

grpc::ServerUnaryReactor* QueryService::FieldValues(grpc::CallbackServerContext* context,
                                                    const FieldValuesRequest* request,
                                                    FieldValuesResponse* response) {
  return UnaryCall::Start(
      *this, *context, [this, request, response](const Asker& asker, const std::stop_token& stop) {
        return CountValues(asker, *request, stop, response);
      });
}

// Deletes itself when gRPC is done with it and its thread has ended.
class QueryService::SearchCall : public grpc::ServerWriteReactor<SearchResponse>,
                                 public std::enable_shared_from_this<SearchCall> {
 public:
  SearchCall(QueryService& service, grpc::CallbackServerContext* context,
             const SearchRequest* request)
      : service_(service), context_(context), request_(*request) {}

  void Start() {
    self_ = shared_from_this();
    const absl::StatusOr<Asker> asker = service_.AskerOf(*context_);
    if (!asker.ok()) return Finish(ToGrpc(asker.status()));
    const absl::Status running =
        service_.Run(*asker, stop_, [self = shared_from_this(), asker = *asker] {
          absl::Status answered = self->Answer(asker);
          // Finish() must not come while a message is on its way.
          if (!self->AwaitWritten() && answered.ok()) answered = absl::CancelledError();
          if (absl::IsCancelled(answered)) answered = self->service_.ReasonToEnd(asker);
          self->Finish(ToGrpc(answered));
        });
    if (!running.ok()) Finish(ToGrpc(running));
  }

  void OnCancel() override { stop_.request_stop(); }

  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(mutex_);
    is_writing_ = false;
    if (!ok) stop_.request_stop();
    written_.notify_all();
  }

  void OnDone() override { self_.reset(); }

 private:
  absl::Status Answer(const Asker& asker) {
    absl::StatusOr<query::Predicate> predicate = PredicateOf(request_.predicate());
    if (!predicate.ok()) return predicate.status();
    const absl::StatusOr<storage::SearchOrder> order = OrderOf(request_.order());
    if (!order.ok()) return order.status();
    storage::SearchRequest search{.predicate = *std::move(predicate),
                                  .host_patterns = ToVector(request_.hosts()),
                                  .visible_hosts = asker.grant.hosts,
                                  .order = *order,
                                  .stop = stop_.get_token()};
    if (request_.limit() > 0) search.limit = request_.limit();
    if (!request_.after().empty()) {
      const absl::StatusOr<storage::SearchCursor> after = CursorOf(request_.after());
      if (!after.ok()) return after.status();
      if (after->order != *order) {
        return absl::InvalidArgumentError("after: the cursor is of a search with another order");
      }
      search.after = *after;
    }
    const absl::Status searched =
        service_.store_.Search(search, [&](const storage::FoundEvent& found) {
          auspex::v1::Event& event = *gathered_.add_events();
          Fill(found, &event);
          gathered_bytes_ += event.ByteSizeLong();
          return gathered_bytes_ < service_.limits_.answer_bytes || Write();
        });
    if (searched.ok() && gathered_.events_size() > 0) Write();
    return searched;
  }

  // Sends what is gathered, once the last message is taken. False if the call is over.
  bool Write() {
    if (!AwaitWritten()) return false;
    message_.Swap(&gathered_);
    gathered_.Clear();
    gathered_bytes_ = 0;
    {
      const std::lock_guard lock(mutex_);
      is_writing_ = true;
    }
    StartWrite(&message_);
    return true;
  }

  // Waits until no message is on its way. One that is not taken in time is given up, and the call
  // with it: its caller then hears of no other status than CANCELLED. False if the call is over.
  bool AwaitWritten() {
    std::unique_lock lock(mutex_);
    const auto is_written = [this] { return !is_writing_; };
    if (!written_.wait_for(lock, stop_.get_token(), service_.limits_.stall_max, is_written)) {
      if (!stop_.stop_requested()) {
        ++service_.counters_.calls_ended_stalled;
        stop_.request_stop();
      }
      context_->TryCancel();
      written_.wait(lock, is_written);
    }
    return !stop_.stop_requested();
  }

  QueryService& service_;
  grpc::CallbackServerContext* const context_;  // Until OnDone().
  const SearchRequest request_;
  std::shared_ptr<SearchCall> self_;
  std::stop_source stop_;

  // Of the call's thread.
  SearchResponse gathered_;
  size_t gathered_bytes_ = 0;

  SearchResponse message_;  // Of the write that is under way.
  std::mutex mutex_;        // Guards what follows.
  std::condition_variable_any written_;
  bool is_writing_ = false;
};

grpc::ServerWriteReactor<SearchResponse>* QueryService::Search(grpc::CallbackServerContext* context,
                                                               const SearchRequest* request) {
  const auto call = std::make_shared<SearchCall>(*this, context, request);
  SearchCall* const reactor = call.get();
  reactor->Start();
  return reactor;
}

QueryService::QueryService(const storage::EventStore& store, const Access& access,
                           const LocalCallers& local_callers, const QueryLimits& limits)
    : store_(store), access_(access), local_callers_(local_callers), limits_(limits) {}

}  // namespace server
