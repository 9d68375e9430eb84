#include "server/session.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "audit/record.h"
#include "base/clock.h"

namespace server {

namespace asio = boost::asio;

namespace {

// A longer node name is not a host's (HOST_NAME_MAX is 64, a DNS name has at most 253 bytes).
constexpr size_t kNodeBytesMax = 255;

// How many hosts of one read are told apart without a search through all of them. A client speaks
// for one host, a relay for a few at a time.
constexpr size_t kBatchesSearchedMax = 16;

// One read of a client that is over its quotas: a dozen records. More would be a debt that keeps it
// out for long.
constexpr size_t kQuotaReadBytes = 4096;

storage::Identity PayerOf(const Peer& peer) {
  return {.kind = storage::IdentityKind::kAddress, .name = peer.address};
}

Quotas::Delivered CountOf(const storage::Delivery& delivery) {
  Quotas::Delivered count;
  for (const storage::Batch& batch : delivery.batches) {
    count.records += batch.record_count();
    count.bytes += batch.encoded().size();
  }
  return count;
}

uint32_t FirstSequence(const storage::Delivery& delivery) {
  return delivery.retry ? delivery.retry->first_sequence : 0;
}

// The batch of `host` among the last ones, or a new one. Records of one host stay in order either
// way.
size_t BatchFor(storage::Identity host, const std::string& address, storage::Delivery* delivery) {
  std::vector<storage::Batch>& batches = delivery->batches;
  const size_t oldest = batches.size() - std::min(batches.size(), kBatchesSearchedMax);
  for (size_t i = batches.size(); i > oldest; --i) {
    if (batches[i - 1].host() == host) return i - 1;
  }
  batches.emplace_back(std::move(host), address);
  return batches.size() - 1;
}

}  // namespace

Session::Session(std::unique_ptr<Transport> transport, Peer peer, const SessionContext& context)
    : transport_(std::move(transport)),
      peer_(std::move(peer)),
      context_(context),
      place_(context.host_sessions),
      payer_(PayerOf(peer_)) {}

asio::awaitable<std::string> Session::Serve() {
  for (Progress progress = Progress::kNothing; progress != Progress::kOver && !stopping_;) {
    co_await transport_->WaitReadable();
    if (stopping_) break;
    TakeTurn();
    if (turn_.wait.count() > 0) co_await WaitForTurn();
    if (stopping_) break;
    read_bytes_max_ = context_.ingest.ReadBytesMax(payer_);
    if (read_bytes_max_ == 0) co_await WaitForRoom();
    if (stopping_) break;
    progress = co_await ServeRead();
  }
  if (stopping_ && end_reason_.empty()) {
    Progress progress = protocol_.ascii() ? Progress::kSomething : Progress::kNothing;
    while (progress == Progress::kSomething) {
      // There will be no other read: this is not the time to wait.
      turn_ = {.has_place = true};
      read_bytes_max_ = context_.read_buffer.size();
      progress = co_await ServeRead();
    }
    if (!protocol_.ascii()) co_await Send(EndingReply(0));
    Abort("server stops");
  }
  co_await StoreRest();
  transport_->Close();
  co_return end_reason_;
}

void Session::Stop() {
  stopping_ = true;
  if (pause_ != nullptr) pause_->cancel();
  if (!send_stalled_) transport_->Cancel();
}

void Session::Abort(std::string reason) {
  if (end_reason_.empty()) end_reason_ = std::move(reason);
  if (pause_ != nullptr) pause_->cancel();
  transport_->Close();
}

void Session::TakeTurn() {
  turn_ = context_.quotas.TakeTurn(payer_, context_.quota_delay_max, Quotas::Moment::Now());
}

// Before the read, so that what waits does so in the kernel, and at its sender. The client is not
// silent meanwhile: we do not listen. An ascii client waits for no reply, so it can wait for as
// long as it takes, but for the end of the day.
asio::awaitable<void> Session::WaitForTurn() {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  asio::steady_timer pause(executor);
  awaits_store_ = true;
  pause_ = &pause;
  for (bool is_to_wait = true; is_to_wait && !stopping_ && end_reason_.empty();) {
    pause.expires_after(turn_.wait);
    boost::system::error_code cancelled;
    co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    is_to_wait = protocol_.ascii() && !turn_.has_place && !turn_.day_is_over;
    if (is_to_wait) TakeTurn();
  }
  pause_ = nullptr;
  StoreIsDone();
}

// Time that passes here is the disk's, not the client's.
asio::awaitable<void> Session::WaitForRoom() {
  awaits_store_ = true;
  read_bytes_max_ = co_await context_.ingest.WaitForRoom(payer_);
  StoreIsDone();
}

void Session::StoreIsDone() {
  awaits_store_ = false;
  last_heard_ = Clock::now();
  if (frame_begun_) frame_begun_ = last_heard_;
}

// One read of the socket, and all that follows from it.
asio::awaitable<Session::Progress> Session::ServeRead() {
  const bool is_over_quota = turn_.wait.count() > 0 || !turn_.has_place;
  const size_t bytes_max =
      std::min({context_.read_buffer.size(), read_bytes_max_,
                is_over_quota ? kQuotaReadBytes : context_.read_buffer.size()});
  const absl::StatusOr<size_t> read = transport_->Read(context_.read_buffer.first(bytes_max));
  if (absl::IsUnavailable(read.status())) {
    context_.quotas.Charge(payer_, std::exchange(turn_, {}), {}, Quotas::Moment::Now());
    co_return Progress::kNothing;
  }
  if (!read.ok() || *read == 0) {
    Abort(read.ok() ? "client closed" : std::string(read.status().message()));
    co_return Progress::kOver;
  }
  Input input;
  protocol_.AnswerRecordsWith(context_.ingest.replies().accepted);
  const absl::Status status = protocol_.Take({context_.read_buffer.data(), *read}, &input);
  NoteProgress(input);

  // The views of the input end here, before anything waits.
  storage::Delivery delivery = MakeDelivery(input);
  std::string replies = std::move(input.replies);
  protocol_.ForgetTaken();
  const bool stored = co_await Store(std::move(delivery), std::move(replies));
  if (!stored) co_return Progress::kOver;
  if (!status.ok()) {
    ++context_.counters.sessions_ended_malformed_total;
    Abort(std::string(status.message()));
    co_return Progress::kOver;
  }
  co_return Progress::kSomething;
}

// An ascii client that has hung up in the middle of a line does not send it again.
asio::awaitable<void> Session::StoreRest() {
  Input input;
  if (!protocol_.TakeRest(&input)) co_return;
  ++context_.counters.records_unterminated_total;
  storage::Delivery delivery = MakeDelivery(input);
  co_await Store(std::move(delivery), "");
}

asio::awaitable<bool> Session::Store(storage::Delivery delivery, std::string replies) {
  const Quotas::Delivered count = CountOf(delivery);
  // What it has sent before we knew its format would be lost. It is charged, so what follows waits.
  if (protocol_.ascii()) turn_.has_place = true;
  const Quotas::Refusal refusal =
      context_.quotas.Charge(payer_, std::exchange(turn_, {}), count, Quotas::Moment::Now());
  if (refusal != Quotas::Refusal::kNone) {
    const bool goes_on = co_await Refuse(refusal, std::move(delivery));
    co_return goes_on;
  }
  if (!delivery.batches.empty()) {
    const uint32_t sequence = FirstSequence(delivery);
    awaits_store_ = true;
    const absl::StatusOr<storage::Receipt> stored =
        co_await context_.ingest.Append(std::move(delivery));
    StoreIsDone();
    if (!stored.ok()) {
      ++context_.counters.sessions_ended_store_total;
      // Nobody sends these again: their client does not know.
      if (protocol_.ascii()) context_.counters.records_lost_total += count.records;
      const audit::FrameType refused = context_.ingest.replies().refused;
      if (!protocol_.ascii()) co_await Send(RefusalReply(refused, sequence));
      Abort("store cannot write");
      co_return false;
    }
  }
  // Almost always all goes out at once, without a coroutine of its own.
  std::string_view rest = replies;
  if (SendNow(&rest)) co_return end_reason_.empty();
  const bool sent = co_await Send(std::string(rest));
  co_return sent;
}

// A managed client keeps what it has sent, and comes again. An ascii client would not, so its
// connection goes on: what of it is lost can be counted then.
asio::awaitable<bool> Session::Refuse(Quotas::Refusal refusal, storage::Delivery delivery) {
  if (protocol_.ascii()) {
    context_.counters.quota_records_lost_total += CountOf(delivery).records;
    co_return end_reason_.empty();
  }
  co_await Send(EndingReply(FirstSequence(delivery)));
  Abort(std::string(RefusalText(refusal)));
  co_return false;
}

asio::awaitable<bool> Session::Send(std::string bytes) {
  for (std::string_view rest = bytes; !SendNow(&rest);) {
    if (!send_stalled_) send_stalled_ = Clock::now();
    co_await transport_->WaitWritable();
  }
  send_stalled_.reset();
  co_return end_reason_.empty();
}

// Sends what can be sent without waiting. True when nothing is left to send, or the connection is
// over.
bool Session::SendNow(std::string_view* rest) {
  while (!rest->empty()) {
    const absl::StatusOr<size_t> written = transport_->Write(*rest);
    if (written.ok()) {
      rest->remove_prefix(*written);
      continue;
    }
    if (absl::IsUnavailable(written.status())) return false;
    Abort(std::string(written.status().message()));
    return true;
  }
  return true;
}

storage::Delivery Session::MakeDelivery(const Input& input) {
  storage::Delivery delivery;
  if (input.records.empty()) return delivery;
  delivery.received_ms = base::NowMs();
  size_t batch = 0;
  for (const ReceivedRecord& received : input.records) {
    storage::Identity host{.kind = storage::IdentityKind::kAddress, .name = peer_.address};
    const absl::StatusOr<audit::Record> record = audit::ParseRecord(received.line);
    if (record.ok() && !record->node.empty() && record->node.size() <= kNodeBytesMax) {
      host = {.kind = storage::IdentityKind::kNode, .name = std::string(record->node)};
    }
    batch = BatchFor(std::move(host), peer_.address, &delivery);
    if (record.ok()) {
      delivery.batches[batch].Add(received.line);
    } else {
      delivery.batches[batch].AddMalformed(received.line);
    }
  }
  place_.MoveTo(delivery.batches[batch].host());
  if (protocol_.managed()) {
    delivery.retry = {.client = peer_.address,
                      .connection = peer_.connection,
                      .connections_max = context_.connections_max,
                      .opens_connection = !has_stored_,
                      .first_sequence = input.records.front().sequence,
                      .last_sequence = input.records.back().sequence,
                      .last_batch = batch};
    has_stored_ = true;
  }
  return delivery;
}

void Session::NoteProgress(const Input& input) {
  last_heard_ = Clock::now();
  if (input.heartbeats > 0) {
    // Heartbeats that were read together after a wait of our own tell nothing.
    const Clock::duration interval = last_heard_ - last_heartbeat_;
    const bool is_second = last_heartbeat_ != Clock::time_point{};
    if (is_second && interval >= std::chrono::seconds(1)) heartbeat_interval_ = interval;
    last_heartbeat_ = last_heard_;
    context_.counters.heartbeats_total += input.heartbeats;
  }
  const bool something_ended = !input.records.empty() || input.heartbeats > 0;
  if (!protocol_.in_the_middle()) {
    frame_begun_.reset();
  } else if (something_ended || !frame_begun_) {
    frame_begun_ = last_heard_;
  }
}

void Session::CheckLimits(const SessionLimits& limits, Clock::time_point now) {
  if (awaits_store_) return;
  if (frame_begun_ && now - *frame_begun_ > limits.stall_max) {
    ++context_.counters.sessions_ended_slow_total;
    Abort(absl::StrFormat("frame not whole after %d s", limits.stall_max.count()));
  } else if (send_stalled_ && now - *send_stalled_ > limits.stall_max) {
    ++context_.counters.sessions_ended_slow_total;
    Abort(absl::StrFormat("replies not read for %d s", limits.stall_max.count()));
  } else if (limits.idle_max.count() > 0 && silence(now) > limits.idle_max) {
    ++context_.counters.sessions_ended_idle_total;
    Abort(absl::StrFormat("idle for more than %d s", limits.idle_max.count()));
  }
}

}  // namespace server
