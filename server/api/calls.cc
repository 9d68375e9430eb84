#include "server/api/calls.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace server {

std::vector<Metric> MetricsOf(const CallCounters& counters) {
  std::vector<Metric> metrics;
#define AUSPEX_ADD(name, meaning) \
  metrics.push_back(MakeMetric("auspexd_" #name, meaning, counters.name.load()));
  AUSPEX_CALL_COUNTERS(AUSPEX_ADD)
#undef AUSPEX_ADD
  return metrics;
}

namespace {

absl::Status ReasonToEndLate(std::chrono::milliseconds limit) {
  const auto limit_s = std::chrono::duration_cast<std::chrono::seconds>(limit).count();
  return absl::DeadlineExceededError(
      absl::StrCat("the answer took longer than ", limit_s, " s: the limit of the collector"));
}

}  // namespace

Calls::Calls(const Callers& callers, const CallLimits& limits,
             std::function<void(const EndedCall&)> ended)
    : callers_(callers),
      limits_(limits),
      ended_call_(std::move(ended)),
      timer_([this](const std::stop_token& stop) { EndLate(stop); }) {}

Calls::~Calls() { Stop(); }

void Calls::Answer(const Method& method, const absl::StatusOr<Caller>& caller,
                   const google::protobuf::Message& request, Replies& replies,
                   std::stop_source stop, std::function<void(const absl::Status&)> done) {
  if (!caller.ok()) {
    ++counters_.calls_refused_identity_total;
    return done(caller.status());
  }
  uint64_t number = 0;
  const absl::Status place = TakePlace(method, *caller, stop, &number);
  if (!place.ok()) {
    ended_call_({.caller = *caller, .method = method, .request = request, .status = place});
    return done(place);
  }
  ++counters_.calls_total;
  std::thread([this, number, &method, caller = *caller, &request, &replies, stop,
               done = std::move(done)]() mutable {
    Call call{.caller = caller, .stop = stop.get_token()};
    absl::Status answered = method.answer(call, request, replies);
    // Nothing else may be done to a call while a message is on its way.
    if (!replies.Flush() && answered.ok()) answered = absl::CancelledError();
    if (absl::IsCancelled(answered)) {
      const std::lock_guard lock(mutex_);
      const Running& running = running_.at(number);
      answered = running.is_late ? ReasonToEndLate(running.time_max) : ReasonToEnd(caller);
    }
    if (absl::IsResourceExhausted(answered)) ++counters_.calls_ended_limit_total;
    ended_call_({.caller = caller,
                 .method = method,
                 .request = request,
                 .results = call.results,
                 .detail = call.detail,
                 .status = answered});
    done(answered);
    done = nullptr;
    GivePlaceBack(number);
  }).detach();
}

absl::Status Calls::TakePlace(const Method& method, const Caller& caller,
                              const std::stop_source& stop, uint64_t* call) {
  if (caller.grant.role < method.role) {
    ++counters_.calls_refused_role_total;
    return absl::PermissionDeniedError(
        absl::StrCat("the role of ", caller.name, " is ", std::string(RoleName(caller.grant.role)),
                     ": this needs ", std::string(RoleName(method.role))));
  }
  const std::lock_guard lock(mutex_);
  // The rules may have changed since they were asked, and EndRevoked() have looked already.
  if (stopping_ || callers_.GrantOf(caller) != caller.grant) return ReasonToEnd(caller);
  const auto of_caller = running_of_.find(caller.name);
  const std::string too_many =
      ReasonToRefuse(method, caller, of_caller == running_of_.end() ? Count() : of_caller->second);
  if (!too_many.empty()) {
    ++counters_.calls_refused_limit_total;
    if (method.is_endless) ++counters_.calls_refused_endless_total;
    return absl::ResourceExhaustedError(too_many);
  }
  *call = next_call_++;
  Running& running = running_[*call];
  running = {.caller = caller, .is_endless = method.is_endless, .stop = stop};
  if (time_max_.count() > 0 && !method.is_endless) {
    running.deadline = Clock::now() + time_max_;
    running.time_max = time_max_;
  }
  begun_.notify_all();
  Count& count = running_of_[caller.name];
  ++count.all;
  if (method.is_endless) ++count.endless;
  if (method.is_endless) ++endless_;
  counters_.calls_open = running_.size();
  counters_.calls_endless_open = endless_;
  return absl::OkStatus();
}

// Which limit a call would be beyond; empty if none. With mutex_ held.
std::string Calls::ReasonToRefuse(const Method& method, const Caller& caller,
                                  const Count& of_caller) const {
  const auto more_than = [](size_t limit, const char* what) {
    return absl::StrCat("more than ", limit, what);
  };
  if (running_.size() >= limits_.calls_max) return more_than(limits_.calls_max, " calls at once");
  if (of_caller.all >= limits_.calls_of_caller_max) {
    return more_than(limits_.calls_of_caller_max, " calls at once of ") + caller.name;
  }
  if (!method.is_endless) return "";
  if (endless_ >= limits_.endless_calls_max) {
    return more_than(limits_.endless_calls_max, " calls at once that do not end");
  }
  if (of_caller.endless >= limits_.endless_calls_of_caller_max) {
    return more_than(limits_.endless_calls_of_caller_max, " calls at once that do not end, of ") +
           caller.name;
  }
  return "";
}

void Calls::GivePlaceBack(uint64_t call) {
  const std::lock_guard lock(mutex_);
  const auto running = running_.find(call);
  const auto of_caller = running_of_.find(running->second.caller.name);
  if (running->second.is_endless) {
    --endless_;
    --of_caller->second.endless;
  }
  if (--of_caller->second.all == 0) running_of_.erase(of_caller);
  running_.erase(running);
  counters_.calls_open = running_.size();
  counters_.calls_endless_open = endless_;
  ended_.notify_all();
}

// Why a call had to end. With mutex_ held.
absl::Status Calls::ReasonToEnd(const Caller& caller) const {
  if (callers_.GrantOf(caller) != caller.grant) {
    return absl::PermissionDeniedError(absl::StrCat("what ", caller.name, " may see has changed"));
  }
  if (stopping_) return absl::UnavailableError("the collector is stopping");
  return absl::CancelledError("the caller has left, or did not read");
}

// Until it is to stop: ends the calls whose deadlines are over.
void Calls::EndLate(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const Clock::time_point now = Clock::now();
    Clock::time_point next = Clock::time_point::max();
    for (auto& [call, running] : running_) {
      if (running.deadline > now) {
        next = std::min(next, running.deadline);
      } else if (running.stop.request_stop()) {
        running.is_late = true;
        ++counters_.calls_ended_time_total;
      }
    }
    const auto has_another = [this, last = next_call_] { return next_call_ != last; };
    if (next < Clock::time_point::max()) {
      begun_.wait_until(lock, stop, next, has_another);
    } else {
      begun_.wait(lock, stop, has_another);
    }
  }
}

void Calls::SetTimeMax(std::chrono::milliseconds time_max) {
  const std::lock_guard lock(mutex_);
  time_max_ = time_max;
}

void Calls::EndRevoked() {
  const std::lock_guard lock(mutex_);
  for (auto& [call, running] : running_) {
    if (callers_.GrantOf(running.caller) == running.caller.grant) continue;
    if (running.stop.request_stop()) ++counters_.calls_ended_revoked_total;
  }
}

void Calls::Stop() {
  timer_ = {};
  std::unique_lock lock(mutex_);
  stopping_ = true;
  for (auto& [call, running] : running_) running.stop.request_stop();
  ended_.wait(lock, [this] { return running_.empty(); });
}

}  // namespace server
