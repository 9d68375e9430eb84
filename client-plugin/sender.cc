#include "client-plugin/sender.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include <grpc/support/log.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include "base/log.h"
#include "base/small_file.h"
#include "base/tls13.h"

namespace client_plugin {

namespace {

using std::chrono::milliseconds;

// Far more than a chain of certificates.
constexpr size_t kFileBytesMax = 1 << 20;

// Of what a collector says of itself or of a failure.
constexpr size_t kShownBytesMax = 300;

// A batch that a collector takes for malformed so often is given up: it would hold up all others.
constexpr int kRefusalsMax = 3;

absl::Status StatusOf(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

// What a collector says, for a log and a terminal.
std::string Shown(absl::string_view text) {
  return absl::CHexEscape(text.substr(0, kShownBytesMax));
}

}  // namespace

void PrepareGrpc() {
  base::AllowTls13Only();
  gpr_set_log_function([](gpr_log_func_args*) {});
}

Sender::Sender(Spool& spool, const SenderOptions& options)
    : spool_(spool),
      options_(options),
      pause_(options.pause_min),
      problems_(options.servers.size()),
      thread_([this] { Run(); }) {}

Sender::~Sender() { Stop(milliseconds(0)); }

void Sender::Stop(milliseconds time_max) {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_by_ = Clock::now() + time_max;
  }
  bell_.Ring();
  thread_.join();
}

OutletState Sender::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

std::optional<Sender::Clock::time_point> Sender::stop_by() const {
  const std::lock_guard lock(mutex_);
  return stop_by_;
}

// Whether it is to stop, and all is delivered or the time for that is over.
bool Sender::IsDone() const {
  const std::optional<Clock::time_point> by = stop_by();
  return by && (Clock::now() >= *by || spool_.PendingSeries().empty());
}

void Sender::Run() {
  while (!IsDone()) {
    bool has_failed = true;
    for (size_t server = 0; server < options_.servers.size() && has_failed && !IsDone(); ++server) {
      const absl::Status served = Serve(server);
      has_failed = !served.ok();
      if (has_failed && !IsDone()) Failed(server, served);
    }
    if (has_failed) Pause();
  }
}

void Sender::Pause() {
  if (std::exchange(has_progressed_, false)) pause_ = options_.pause_min;
  std::uniform_int_distribution<int64_t> jitter(pause_.count() / 2, pause_.count());
  const Clock::time_point until = Clock::now() + milliseconds(jitter(random_));
  pause_ = std::min(2 * pause_, options_.pause_max);
  while (Clock::now() < until && !IsDone()) bell_.Wait(std::min(until, stop_by().value_or(until)));
}

// Until it is to stop, or to go back to the first collector.
absl::Status Sender::Serve(size_t server) {
  const absl::StatusOr<std::shared_ptr<grpc::Channel>> channel = Connect(options_.servers[server]);
  if (!channel.ok()) return channel.status();
  connected_at_ = Clock::now();
  while (!IsDone() && !ShallReturn(server)) {
    const absl::Status delivered = Deliver(*channel, server);
    if (!delivered.ok()) return delivered;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> Sender::Connect(const std::string& server) const {
  grpc::SslCredentialsOptions credentials;
  const struct {
    const std::string& path;
    std::string& text;
  } files[] = {{options_.tls.ca, credentials.pem_root_certs},
               {options_.tls.certificate, credentials.pem_cert_chain},
               {options_.tls.key, credentials.pem_private_key}};
  for (const auto& file : files) {
    absl::StatusOr<std::string> text = base::ReadSmallFile(file.path, kFileBytesMax);
    if (!text.ok()) return text.status();
    file.text = *std::move(text);
  }
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  if (!options_.server_name.empty()) arguments.SetSslTargetNameOverride(options_.server_name);
  return grpc::CreateCustomChannel(server, grpc::SslCredentials(credentials), arguments);
}

// What is new has each second turn.
std::string Sender::ChooseSeries() const {
  const std::vector<std::string> pending = spool_.PendingSeries();
  std::string current = spool_.CurrentSeries();
  const bool is_current_next =
      last_series_ != current && std::ranges::find(pending, current) != pending.end();
  for (const std::string& series : pending) {
    if (series != current && !is_current_next) return series;
  }
  return current;
}

absl::Status Sender::Deliver(const std::shared_ptr<grpc::Channel>& channel, size_t server) {
  Delivery delivery{.series = ChooseSeries(), .server = server, .began = Clock::now()};
  last_series_ = delivery.series;
  DeliverStream stream(channel, delivery.series, bell_);
  const absl::Status welcomed = AwaitWelcome(stream, &delivery);
  if (!welcomed.ok()) return welcomed;
  if (spool_.CurrentSeries() == delivery.series &&
      spool_.PendingBytes(delivery.series) > options_.far_behind_bytes) {
    // If it cannot, the disk has a problem that whoever fills the spool will tell of.
    (void)spool_.BeginSeries();
  }
  const absl::Status sent = SendAll(stream, &delivery);
  if (absl::IsInvalidArgument(sent)) NoteRefusal(delivery);
  return sent.ok() ? End(stream, &delivery) : sent;
}

// The collector has all before the first batch that it has not stored, so it is that one.
void Sender::NoteRefusal(const Delivery& delivery) {
  const bool is_same =
      refused_series_ == delivery.series && refused_behind_ == delivery.welcomed_at;
  refusals_ = is_same ? refusals_ + 1 : 1;
  refused_series_ = delivery.series;
  refused_behind_ = delivery.welcomed_at;
  if (refusals_ < kRefusalsMax) return;
  const auto batch = spool_.Next(delivery.series, delivery.welcomed_at);
  if (!batch.ok() || !*batch) return;
  spdlog::error("batch {} of {} records is given up: the collector takes it for malformed",
                (*batch)->number(), (*batch)->record_count());
  spool_.GiveUp(**batch);
  spool_.Acknowledge(delivery.series, (*batch)->number());
}

absl::Status Sender::AwaitWelcome(DeliverStream& stream, Delivery* delivery) {
  const Clock::time_point until = Clock::now() + options_.answer_time_max;
  DeliverStream::State state = stream.state();
  while (!state.welcome && !state.end && Clock::now() < until && !IsDone()) {
    bell_.Wait(std::min(until, stop_by().value_or(until)));
    state = stream.state();
  }
  if (!state.welcome) {
    if (!state.end) return absl::DeadlineExceededError("the collector does not answer");
    return state.end->ok() ? absl::UnavailableError("the collector does not welcome us")
                           : StatusOf(*state.end);
  }
  return Welcomed(*state.welcome, delivery);
}

absl::Status Sender::Welcomed(const auspex::v1::Welcome& welcome, Delivery* delivery) {
  if (welcome.unacknowledged_bytes_max() == 0) {
    return absl::FailedPreconditionError("the collector lets nothing be sent");
  }
  // More than we have made it cannot have.
  delivery->sent = std::min(welcome.last_number(), spool_.LastNumber(delivery->series));
  delivery->welcomed_at = delivery->sent;
  delivery->unacknowledged_bytes_max =
      std::min<size_t>(options_.unacknowledged_bytes_max, welcome.unacknowledged_bytes_max());
  spool_.Acknowledge(delivery->series, delivery->sent);
  Connected(delivery->server, welcome.server());
  return absl::OkStatus();
}

// Until it is the turn of another series, or this is to end.
absl::Status Sender::SendAll(DeliverStream& stream, Delivery* delivery) {
  for (;;) {
    const DeliverStream::State state = stream.state();
    const absl::Status settled = Settle(state, delivery);
    if (!settled.ok()) return settled;
    if (IsToEnd(*delivery)) return absl::OkStatus();
    if (!state.is_writing) {
      const absl::StatusOr<bool> has_sent = SendNext(stream, delivery);
      if (!has_sent.ok()) return has_sent.status();
      if (*has_sent || IsToEnd(*delivery)) continue;
    }
    bell_.Wait(WakeAt(*delivery));
  }
}

absl::StatusOr<bool> Sender::SendNext(DeliverStream& stream, Delivery* delivery) {
  if (delivery->unacknowledged_bytes >= delivery->unacknowledged_bytes_max) return false;
  const absl::StatusOr<std::optional<SpoolBatch>> next =
      spool_.Next(delivery->series, delivery->sent);
  if (!next.ok()) return next.status();
  if (!*next) return false;
  const SpoolBatch& batch = **next;
  const size_t bytes = stream.Send(batch, delivery->sent, Spool::BootOf(delivery->series));
  delivery->has_sent = true;
  delivery->sent = batch.number();
  delivery->unacknowledged_bytes += bytes;
  delivery->unacknowledged.push_back({.number = batch.number(),
                                      .bytes = bytes,
                                      .records = batch.record_count(),
                                      .at = Clock::now()});
  const std::lock_guard lock(mutex_);
  ++state_.counters.batches_sent;
  return true;
}

// Takes note of what the collector has said.
absl::Status Sender::Settle(const DeliverStream::State& state, Delivery* delivery) {
  uint64_t batches = 0;
  uint64_t records = 0;
  std::deque<Sent>& waiting = delivery->unacknowledged;
  while (!waiting.empty() && waiting.front().number <= state.acknowledged) {
    ++batches;
    records += waiting.front().records;
    delivery->unacknowledged_bytes -= waiting.front().bytes;
    waiting.pop_front();
  }
  if (batches > 0) {
    has_progressed_ = true;
    spool_.Acknowledge(delivery->series, std::min(state.acknowledged, delivery->sent));
  }
  const std::lock_guard lock(mutex_);
  state_.counters.batches_acknowledged += batches;
  state_.counters.records_acknowledged += records;
  if (state.gap) {
    // The next stream begins where the collector is.
    ++state_.counters.gaps;
    return absl::AbortedError(absl::StrCat("the collector has batch ", state.gap->last_number(),
                                           " and cannot take ", state.gap->number()));
  }
  if (state.end) {
    if (!state.end->ok()) return StatusOf(*state.end);
    return absl::UnavailableError("the collector has ended the stream");
  }
  if (!waiting.empty() && Clock::now() > waiting.front().at + options_.answer_time_max) {
    return absl::DeadlineExceededError("the collector does not acknowledge");
  }
  return absl::OkStatus();
}

// Waits for all that was sent to be acknowledged.
absl::Status Sender::End(DeliverStream& stream, Delivery* delivery) {
  bool has_ended = false;
  const Clock::time_point patience = Clock::now() + options_.answer_time_max;
  for (;;) {
    const Clock::time_point until = std::min(patience, stop_by().value_or(patience));
    DeliverStream::State state = stream.state();
    const bool is_over = state.end && state.end->ok();
    if (is_over) state.end.reset();
    const absl::Status settled = Settle(state, delivery);
    if (!settled.ok() || is_over) return settled;
    if (!has_ended && !state.is_writing) {
      stream.EndSending();
      has_ended = true;
    }
    if (Clock::now() >= until) return absl::OkStatus();  // It is cut off, and sends it again.
    bell_.Wait(until);
  }
}

bool Sender::IsToEnd(const Delivery& delivery) const {
  if (IsDone() || ShallReturn(delivery.server)) return true;
  const bool is_empty =
      delivery.unacknowledged.empty() && spool_.PendingBytes(delivery.series) == 0;
  const bool is_current = delivery.series == spool_.CurrentSeries();
  if (is_empty && (!is_current || stop_by())) return true;
  const bool is_turn_over =
      is_empty || (delivery.has_sent && Clock::now() >= delivery.began + options_.turn);
  if (!is_turn_over) return false;
  return std::ranges::any_of(spool_.PendingSeries(),
                             [&](const std::string& series) { return series != delivery.series; });
}

bool Sender::ShallReturn(size_t server) const {
  return server > 0 && Clock::now() >= connected_at_ + options_.return_after;
}

// When something is due that no bell tells.
Sender::Clock::time_point Sender::WakeAt(const Delivery& delivery) const {
  const Clock::time_point now = Clock::now();
  Clock::time_point at = now + options_.answer_time_max;
  if (const auto by = stop_by()) at = std::min(at, *by);
  if (delivery.server > 0) at = std::min(at, connected_at_ + options_.return_after);
  if (!delivery.unacknowledged.empty()) {
    at = std::min(at, delivery.unacknowledged.front().at + options_.answer_time_max);
  }
  const Clock::time_point turn_over = delivery.began + options_.turn;
  return turn_over > now ? std::min(at, turn_over) : at;
}

void Sender::Connected(size_t server, const std::string& software) {
  const std::lock_guard lock(mutex_);
  if (state_.counters.is_connected && state_.destination == options_.servers[server]) return;
  spdlog::info("delivering to {} ({})", options_.servers[server], Shown(software));
  state_.counters.is_connected = true;
  ++state_.counters.connections;
  state_.destination = options_.servers[server];
  state_.problem.clear();
  problems_[server].clear();
}

// Said once, however often it is tried.
void Sender::Failed(size_t server, const absl::Status& why) {
  const std::lock_guard lock(mutex_);
  const std::string problem = absl::StrCat(options_.servers[server], ": ", Shown(why.message()));
  if (problem != problems_[server]) spdlog::warn("cannot deliver: {}", problem);
  problems_[server] = problem;
  state_.counters.is_connected = false;
  ++state_.counters.failures;
  state_.destination = options_.servers[server];
  state_.problem = problem;
}

}  // namespace client_plugin
