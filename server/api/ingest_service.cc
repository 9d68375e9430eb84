#include "server/api/ingest_service.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "audit/record.h"
#include "base/clock.h"
#include "server/api/deliver_reader.h"
#include "server/api/peer_name.h"
#include "server/end_process.h"

namespace server {

namespace {

namespace asio = boost::asio;

using auspex::v1::DeliverResponse;
using Outcome = storage::Receipt::Outcome;

// Replies that wait for the agent to read them. Acknowledgements are joined, so these are gaps: one
// that sends batches out of turn and does not listen is not read any more.
constexpr size_t kRepliesMax = 16;

grpc::Status Refusal(grpc::StatusCode code, const std::string& why) { return {code, why}; }

grpc::Status Wrong(std::string_view what) {
  return Refusal(grpc::StatusCode::INVALID_ARGUMENT, std::string(what));
}

// What a read has brought.
using Message = absl::StatusOr<std::variant<auspex::v1::Hello, ReceivedBatch>>;

grpc::ByteBuffer Encode(const DeliverResponse& response) {
  grpc::ByteBuffer bytes;
  bool owns = false;
  const grpc::Status encoded =
      grpc::SerializationTraits<DeliverResponse>::Serialize(response, &bytes, &owns);
  GPR_ASSERT(encoded.ok());
  return bytes;
}

}  // namespace

// Shared by gRPC, until OnDone(), and by what is under way on the network thread.
class IngestService::Stream : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                              public std::enable_shared_from_this<Stream> {
 public:
  Stream(IngestService& service, grpc::CallbackServerContext* context)
      : service_(service),
        context_(context),
        caller_(service.callers_.Find(*context)),
        peer_(ParsePeer(context->peer())),
        reader_{.agent = Identity(),
                .address = peer_.address,
                .records_max = service.limits_.batch_records_max},
        place_(service.host_sessions_),
        batch_bytes_(service.limits_.batch_bytes_max),
        deadline_(service.network_),
        pause_(service.network_) {}

  // What follows is for gRPC's threads.

  // From here on the stream keeps itself.
  void Start() {
    self_ = shared_from_this();
    Post([](Stream& stream) { stream.service_.Begin(stream.self_); });
  }

  void OnReadDone(bool ok) override {
    std::optional<Message> message;  // None: the agent has nothing more to say.
    const size_t bytes = ok ? request_.Length() : 0;
    if (ok) message = reader_.Read(&request_);
    request_.Clear();
    Post([message = std::move(message), bytes](Stream& stream) mutable {
      stream.Take(std::move(message), bytes);
    });
  }

  void OnWriteDone(bool ok) override {
    Post([ok](Stream& stream) {
      stream.is_writing_ = false;
      if (!ok) stream.End(Refusal(grpc::StatusCode::CANCELLED, "the agent has left"));
      stream.Proceed();
    });
  }

  void OnCancel() override {
    Post([](Stream& stream) {
      stream.End(Refusal(grpc::StatusCode::CANCELLED, "the agent has left"));
    });
  }

  void OnDone() override {
    Post([](Stream& stream) {
      const std::shared_ptr<Stream> self = std::move(stream.self_);
      stream.service_.Forget(self);
    });
  }

  // What follows is for the network thread.

  // Who it is; empty if that is not known.
  const std::string& agent() const { return agent_; }
  const PeerAddress& peer() const { return peer_; }

  // Now. To be asked of somebody known.
  bool MayDeliver() const { return service_.callers_.GrantOf(*caller_).role == Role::kIngest; }
  const grpc::Status& end() const { return *end_; }

  // Begins to serve.
  void Open() {
    if (!caller_.ok()) {
      ++counters().streams_refused_identity_total;
      return End(
          Refusal(grpc::StatusCode::UNAUTHENTICATED, std::string(caller_.status().message())));
    }
    if (!MayDeliver()) {
      ++counters().streams_refused_role_total;
      return End(Refusal(grpc::StatusCode::PERMISSION_DENIED,
                         absl::StrFormat("the role of %s is %s, not ingest", caller_->name,
                                         RoleName(caller_->grant.role))));
    }
    agent_ = caller_->name;
    place_.MoveTo(Identity());
    EndAfter(service_.limits_.hello_time, "no Hello was said in time");
    Proceed();
  }

  // Ends the stream when what is being stored is stored and acknowledged, and all replies are sent.
  // The first reason counts.
  void End(const grpc::Status& status) {
    if (end_) return;
    end_ = status;
    pause_.cancel();
    EndAfter(service_.limits_.end_time, "");
    Proceed();
  }

 private:
  Counters& counters() { return service_.counters_; }

  template <typename Task>
  void Post(Task task) {
    asio::post(service_.network_,
               [self = shared_from_this(), task = std::move(task)]() mutable { task(*self); });
  }

  void Take(std::optional<Message> message, size_t bytes) {
    is_reading_ = false;
    if (end_) return Proceed();  // A batch is sent again.
    if (!message) {
      has_read_all_ = true;
      End(boot_id_.empty() ? Wrong("the first message is not Hello") : grpc::Status::OK);
    } else if (!message->ok()) {
      ++counters().streams_ended_malformed_total;
      End(Wrong(std::string(message->status().message())));
    } else if (auto* const hello = std::get_if<auspex::v1::Hello>(&**message)) {
      TakeHello(*hello);
    } else {
      TakeBatch(std::get<ReceivedBatch>(*std::move(*message)), bytes);
    }
    Proceed();
  }

  void TakeHello(const auspex::v1::Hello& hello) {
    if (!boot_id_.empty()) return End(Wrong("a second Hello"));
    boot_id_ = hello.boot_id();
    deadline_.cancel();
    if (service_.stream_log_.Allow()) {
      spdlog::info("stream begun agent={} address={} software={}", agent_, peer_.address,
                   absl::CHexEscape(hello.software()));
    }
    ++at_store_;
    service_.committer_.RunBetweenCommits(
        [self = shared_from_this(), boot_id = boot_id_](storage::EventStore& store) {
          self->Post([last = store.LastBatchNumber(self->Identity(), boot_id)](Stream& stream) {
            stream.Welcome(last);
          });
        });
  }

  // Read by other threads, too: the name does not change.
  storage::Identity Identity() const {
    return {.kind = storage::IdentityKind::kCertificate, .name = caller_.ok() ? caller_->name : ""};
  }

  void Welcome(const absl::StatusOr<uint64_t>& last) {
    --at_store_;
    if (!last.ok()) {
      ++counters().streams_ended_store_total;
      End(Refusal(grpc::StatusCode::UNAVAILABLE, "the store cannot be written to"));
    }
    if (end_) return Proceed();
    is_welcome_ = true;
    acknowledged_ = stored_ = *last;
    auspex::v1::Welcome& welcome = *replies_.emplace_back().mutable_welcome();
    welcome.set_last_number(*last);
    welcome.set_batch_records_max(service_.limits_.batch_records_max);
    welcome.set_record_bytes_max(audit::kRecordBytesMax);
    welcome.set_batch_bytes_max(service_.limits_.batch_bytes_max);
    welcome.set_unacknowledged_bytes_max(service_.limits_.unacknowledged_bytes_max);
    welcome.set_server("auspexd " AUSPEX_VERSION);
    Proceed();
  }

  void TakeBatch(ReceivedBatch batch, size_t bytes) {
    if (!is_welcome_) return End(Wrong("the first message is not Hello"));
    const Quotas::Refusal refusal = service_.quotas_.Charge(
        Identity(), std::exchange(turn_, {}),
        {.records = batch.records.record_count(), .bytes = batch.records.encoded().size()},
        Quotas::Moment::Now());
    if (refusal != Quotas::Refusal::kNone) {
      return End(Refusal(grpc::StatusCode::UNAVAILABLE, std::string(RefusalText(refusal))));
    }
    storage::Delivery delivery{.received_ms = base::NowMs()};
    delivery.number = {.boot_id = boot_id_, .number = batch.number, .follows = batch.follows};
    delivery.batches.push_back(std::move(batch.records));
    delivery.losses = std::move(batch.losses);
    unacknowledged_bytes_ += bytes;
    batch_bytes_ = bytes;
    ++at_store_;
    asio::co_spawn(
        service_.network_,
        [self = shared_from_this(), delivery = std::move(delivery), bytes]() mutable {
          return self->Store(std::move(delivery), bytes);
        },
        EndProcessOnError);
  }

  asio::awaitable<void> Store(storage::Delivery delivery, size_t bytes) {
    const storage::BatchNumber number = *delivery.number;
    const absl::StatusOr<storage::Receipt> receipt =
        co_await service_.committer_.Append(std::move(delivery));
    unacknowledged_bytes_ -= bytes;
    --at_store_;
    if (receipt.ok()) {
      Settle(number, *receipt);
    } else {
      ++counters().streams_ended_store_total;
      End(Refusal(grpc::StatusCode::UNAVAILABLE, "the store cannot be written to"));
    }
    Proceed();
  }

  void Settle(const storage::BatchNumber& batch, const storage::Receipt& receipt) {
    switch (receipt.outcome) {
      case Outcome::kStored:
        ++counters().batches_stored_total;
        // Those before the first one that comes here can be with another collector.
        if (const uint64_t lost = batch.number - batch.follows - 1; lost > 0 && batch.follows > 0) {
          counters().batches_lost_total += lost;
          service_.own_records_.BatchesLost(agent_, batch.boot_id, lost);
          if (service_.stream_log_.Allow()) {
            spdlog::warn("batches lost agent={} count={} before={}", agent_, lost, batch.number);
          }
        }
        stored_ = std::max(stored_, batch.number);
        break;
      case Outcome::kRepeated:
        ++counters().batches_repeated_total;
        stored_ = std::max(stored_, batch.number);
        acknowledged_ = std::min(acknowledged_, batch.number - 1);
        break;
      case Outcome::kGap: {
        ++counters().batches_refused_gap_total;
        auspex::v1::Gap& gap = *replies_.emplace_back().mutable_gap();
        gap.set_number(batch.number);
        gap.set_last_number(receipt.last_number);
        break;
      }
      case Outcome::kNoRoom:
        ++counters().streams_refused_limit_total;
        End(Refusal(grpc::StatusCode::RESOURCE_EXHAUSTED, "too many agents"));
        break;
    }
  }

  // Does what can be done: write, read, end.
  void Proceed() {
    if (is_finished_) return;
    Write();
    Read();
    if (!end_ || is_writing_ || at_store_ > 0) return;
    is_finished_ = true;
    deadline_.cancel();
    Finish(*end_);
  }

  void Write() {
    if (is_writing_) return;
    // Gaps were told of in the order of the batches; an acknowledgement says less than they do.
    DeliverResponse response;
    if (!replies_.empty()) {
      response = std::move(replies_.front());
      replies_.pop_front();
    } else if (acknowledged_ < stored_) {
      acknowledged_ = stored_;
      response.mutable_ack()->set_number(stored_);
    } else {
      return;
    }
    response_ = Encode(response);
    is_writing_ = true;
    StartWrite(&response_);
  }

  void Read() {
    const bool may_read = !agent_.empty() && !end_ && !has_read_all_ && !is_reading_ &&
                          (boot_id_.empty() || is_welcome_) && replies_.size() < kRepliesMax &&
                          unacknowledged_bytes_ < service_.limits_.unacknowledged_bytes_max;
    if (!may_read) return;
    is_reading_ = true;
    if (is_welcome_) {
      turn_ = service_.quotas_.TakeTurn(Identity(), service_.limits_.quota_delay_max,
                                        Quotas::Moment::Now());
    }
    const bool has_room =
        !is_welcome_ || service_.committer_.MayReadBatch(Identity(), batch_bytes_);
    if (turn_.wait.count() == 0 && has_room) return StartRead(&request_);
    asio::co_spawn(
        service_.network_, [self = shared_from_this()] { return self->ReadInTurn(); },
        EndProcessOnError);
  }

  // What waits does so at the agent: gRPC takes no more of it than its window.
  asio::awaitable<void> ReadInTurn() {
    if (turn_.wait.count() > 0) {
      pause_.expires_after(turn_.wait);
      boost::system::error_code cancelled;
      co_await pause_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    }
    if (!end_) co_await service_.committer_.WaitForBatchRoom(Identity(), batch_bytes_);
    if (!is_finished_) StartRead(&request_);
  }

  // Later than this the stream is cut off; with a reason, it ends by it.
  void EndAfter(std::chrono::milliseconds time, const char* reason) {
    deadline_.expires_after(time);
    deadline_.async_wait(
        [self = shared_from_this(), reason](const boost::system::error_code& stop) {
          if (stop || self->is_finished_) return;
          if (*reason != '\0') {
            self->End(Refusal(grpc::StatusCode::DEADLINE_EXCEEDED, reason));
          } else {
            if (self->service_.stopping_) self->service_.in_good_order_ = false;
            self->context_->TryCancel();
          }
        });
  }

  IngestService& service_;
  grpc::CallbackServerContext* const context_;  // Until OnDone().
  const absl::StatusOr<Caller> caller_;
  const PeerAddress peer_;
  const DeliverReader reader_;
  HostSessions::Place place_;

  // Of the read and the write that are under way.
  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;

  // Of the network thread.
  std::shared_ptr<Stream> self_;
  std::string agent_;
  std::string boot_id_;      // Of Hello; empty before it.
  bool is_welcome_ = false;  // And told so.
  bool is_reading_ = false;
  bool has_read_all_ = false;
  bool is_writing_ = false;
  bool is_finished_ = false;
  std::deque<DeliverResponse> replies_;  // In front of acknowledgements.
  uint64_t stored_ = 0;                  // The last batch that can be acknowledged,
  uint64_t acknowledged_ = 0;            // and the last that is.
  size_t unacknowledged_bytes_ = 0;
  size_t batch_bytes_;   // Of the last batch; before the first one it can be as large as may be.
  size_t at_store_ = 0;  // Batches, and the question for the last one, that are under way.
  std::optional<grpc::Status> end_;
  asio::steady_timer deadline_;
  Quotas::Turn turn_;         // Of the read that is under way.
  asio::steady_timer pause_;  // Until the turn comes.
};

IngestService::IngestService(asio::io_context& network, Committer& committer,
                             OwnRecords& own_records, Counters& counters,
                             HostSessions& host_sessions, Quotas& quotas,
                             const GrpcCallers& callers, const IngestLimits& limits)
    : network_(network),
      committer_(committer),
      own_records_(own_records),
      counters_(counters),
      host_sessions_(host_sessions),
      quotas_(quotas),
      callers_(callers),
      limits_(limits),
      ended_(network, asio::steady_timer::time_point::max()) {}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* IngestService::Deliver(
    grpc::CallbackServerContext* context) {
  const auto stream = std::make_shared<Stream>(*this, context);
  stream->Start();
  return stream.get();
}

void IngestService::Begin(const std::shared_ptr<Stream>& stream) {
  streams_.insert(stream);
  counters_.streams_open = streams_.size();
  if (stopping_) {
    return stream->End(Refusal(grpc::StatusCode::UNAVAILABLE, "the collector is stopping"));
  }
  if (streams_.size() > limits_.streams_max) {
    ++counters_.streams_refused_limit_total;
    return stream->End(Refusal(grpc::StatusCode::RESOURCE_EXHAUSTED, "too many streams"));
  }
  stream->Open();
  if (stream->agent().empty()) return;
  ++counters_.streams_accepted_total;
  own_records_.Accept(stream->peer().address, stream->peer().port);
  Stream*& newest = by_agent_[stream->agent()];
  if (newest != nullptr) {
    ++counters_.streams_replaced_total;
    if (stream_log_.Allow()) {
      spdlog::warn("stream replaced agent={} old={} new={}", stream->agent(),
                   newest->peer().address, stream->peer().address);
    }
    newest->End(Refusal(grpc::StatusCode::ABORTED, "a newer stream of this agent has begun"));
  }
  newest = stream.get();
}

void IngestService::Forget(const std::shared_ptr<Stream>& stream) {
  streams_.erase(stream);
  counters_.streams_open = streams_.size();
  if (!stream->agent().empty()) {
    own_records_.Close(stream->peer().address, stream->peer().port);
    if (stream_log_.Allow()) {
      spdlog::info("stream ended agent={} address={} code={} reason={}", stream->agent(),
                   stream->peer().address, static_cast<int>(stream->end().error_code()),
                   stream->end().error_message());
    }
    const auto newest = by_agent_.find(stream->agent());
    if (newest != by_agent_.end() && newest->second == stream.get()) by_agent_.erase(newest);
  }
  if (streams_.empty()) ended_.cancel();
}

void IngestService::EndRevoked() {
  for (const std::shared_ptr<Stream>& stream : std::vector(streams_.begin(), streams_.end())) {
    if (stream->agent().empty() || stream->MayDeliver()) continue;
    stream->End(Refusal(grpc::StatusCode::PERMISSION_DENIED, "the agent's role is another"));
  }
}

asio::awaitable<bool> IngestService::Stop() {
  stopping_ = true;
  for (const std::shared_ptr<Stream>& stream : std::vector(streams_.begin(), streams_.end())) {
    stream->End(Refusal(grpc::StatusCode::UNAVAILABLE, "the collector is stopping"));
  }
  while (!streams_.empty()) {
    boost::system::error_code cancelled;
    co_await ended_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }
  co_return in_good_order_;
}

}  // namespace server
