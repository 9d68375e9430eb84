#include "server/committer.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/clock.h"

namespace server {

namespace asio = boost::asio;

namespace {

// What a delivery holds in memory, about. Batches of tiny records are mostly overhead.
size_t BytesOf(const storage::Delivery& delivery) {
  size_t bytes = sizeof(delivery);
  for (const storage::Batch& batch : delivery.batches) {
    bytes += sizeof(batch) + batch.host().name.size() + batch.encoded().size();
  }
  return bytes;
}

}  // namespace

Committer::Committer(asio::io_context& network, storage::EventStore& store, Counters& counters,
                     const CommitterOptions& options)
    : network_(network),
      store_(store),
      counters_(counters),
      options_(options),
      pending_({.sender_small_bytes_max = options.sender_small_bytes_max,
                .small_bytes_max = options.pending_small_bytes_max,
                .large_bytes_max = options.pending_large_bytes_max,
                .small_read_bytes = options.small_read_bytes}),
      committed_(network, Clock::time_point::max()),
      queue_({.group_bytes_max = options.commit_bytes_max,
              .group_large_bytes_max = options.commit_large_bytes_max}),
      thread_([this] { Run(); }) {
  store_.OnRoom([this] {
    { const std::lock_guard lock(mutex_); }  // Whoever has seen that there is none waits by now.
    handed_in_.notify_one();
  });
}

Committer::~Committer() { Stop(); }

asio::awaitable<size_t> Committer::WaitForRoom(storage::Identity client) {
  while (ReadBytesMax(client) == 0) co_await AwaitCommit();
  co_return ReadBytesMax(client);
}

asio::awaitable<void> Committer::WaitForBatchRoom(storage::Identity agent, size_t bytes_before) {
  while (!MayReadBatch(agent, bytes_before)) co_await AwaitCommit();
}

asio::awaitable<void> Committer::AwaitCommit() {
  ++counters_.waits_for_room_total;
  boost::system::error_code cancelled;
  co_await committed_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
}

void Committer::SetSuspended(bool suspended) {
  suspended_ = suspended;
  counters_.suspended = suspended ? 1 : 0;
}

void Committer::SetOutOfSpace(bool out_of_space) {
  out_of_space_ = out_of_space;
  counters_.space_suspended = out_of_space ? 1 : 0;
}

double Committer::records_per_second() const { return pace_.At(base::NowMs()).records_per_second; }

asio::awaitable<absl::StatusOr<storage::Receipt>> Committer::Append(storage::Delivery delivery) {
  if (suspended_) {
    ++counters_.deliveries_refused_suspended_total;
    co_return absl::UnavailableError("the collector is suspended");
  }
  if (out_of_space_) {
    ++counters_.deliveries_refused_space_total;
    co_return absl::UnavailableError("there is no space for records");
  }
  const auto hand_in = [this](auto handler, storage::Delivery&& handed_in) {
    Push({.delivery = std::move(handed_in),
          .done = [handler = std::move(handler)](absl::StatusOr<storage::Receipt> stored) mutable {
            std::move(handler)(std::move(stored));
          }});
  };
  const absl::StatusOr<storage::Receipt> stored =
      co_await asio::async_initiate<const asio::use_awaitable_t<>&,
                                    void(absl::StatusOr<storage::Receipt>)>(
          hand_in, asio::use_awaitable, std::move(delivery));
  co_return stored;
}

void Committer::AppendOwn(storage::Batch batch) {
  if (own_records_pending_ >= options_.own_records_pending_max) {
    ++counters_.records_own_dropped_total;
    return;
  }
  ++own_records_pending_;
  PendingDelivery own;
  own.delivery.received_ms = base::NowMs();
  own.delivery.batches.push_back(std::move(batch));
  Push(std::move(own));
}

void Committer::Push(PendingDelivery pending) {
  pending.bytes = BytesOf(pending.delivery);
  pending.handed_in = Clock::now();
  pending.sender = SenderOf(pending.delivery);
  pending.is_large = pending_.Take(pending.sender, pending.bytes);
  if (pending.is_large) ++counters_.deliveries_large_total;
  ++counters_.deliveries_pending;
  CountPending();
  // Sessions become readable many at a time. To wake the thread for each of them would cost more
  // than all the rest, and make small groups.
  if (pushed_.empty()) asio::post(network_, [this] { HandIn(); });
  pushed_.push_back(std::move(pending));
}

void Committer::HandIn() {
  {
    const std::lock_guard lock(mutex_);
    for (PendingDelivery& pending : pushed_) queue_.Push(std::move(pending));
  }
  pushed_.clear();
  handed_in_.notify_one();
}

void Committer::CountPending() {
  counters_.bytes_pending = pending_.small_bytes() + pending_.large_bytes();
  counters_.bytes_pending_large = pending_.large_bytes();
}

void Committer::TryStore(absl::AnyInvocable<void()> done) {
  RunBetweenCommits([this, done = std::move(done)](storage::EventStore& store) mutable {
    absl::StatusOr<storage::AppendResult> tried = store.Append({});
    asio::post(network_, [this, tried = std::move(tried), done = std::move(done)]() mutable {
      TellDamage(tried);
      done();
    });
  });
}

void Committer::TellWrite(const absl::Status& result) {
  if (on_write_ != nullptr) on_write_(result);
}

// The store tells it once.
void Committer::TellDamage(const absl::StatusOr<storage::AppendResult>& result) {
  if (result.ok() && !result->damage.empty() && on_damage_ != nullptr) on_damage_(result->damage);
}

void Committer::RunBetweenCommits(absl::AnyInvocable<void(storage::EventStore&)> task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  handed_in_.notify_one();
}

void Committer::Stop() {
  {
    const std::lock_guard lock(mutex_);
    for (PendingDelivery& pending : pushed_) queue_.Push(std::move(pending));
    pushed_.clear();
    stopping_ = true;
  }
  handed_in_.notify_one();
  if (!thread_.joinable()) return;
  thread_.join();
  store_.OnRoom(nullptr);
}

void Committer::Run() {
  for (Group group; TakeGroup(&group); group = Group()) {
    if (!group.empty()) Commit(std::move(group));
  }
}

// Waits for work. False when there is none and none will come.
bool Committer::TakeGroup(Group* group) {
  std::unique_lock lock(mutex_);
  // Large ones wait here for the indexer, not in Append(), where everybody would wait with them.
  const auto may_take_large = [this] { return stopping_ || store_.has_room(); };
  const bool had_to_wait =
      std::exchange(large_has_to_wait_, queue_.has_large() && !may_take_large());
  if (large_has_to_wait_ && !had_to_wait) {
    asio::post(network_, [this] { ++counters_.waits_for_indexer_total; });
  }
  handed_in_.wait(lock, [&] {
    return stopping_ || !tasks_.empty() || queue_.has_small() ||
           (queue_.has_large() && may_take_large());
  });
  while (!tasks_.empty()) {
    auto task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task(store_);
    lock.lock();
  }
  *group = queue_.TakeGroup(may_take_large());
  return !stopping_ || !group->empty();
}

void Committer::Commit(Group group) {
  const auto start = Clock::now();
  std::vector<storage::Delivery> deliveries;
  deliveries.reserve(group.size());
  for (PendingDelivery& pending : group) deliveries.push_back(std::move(pending.delivery));
  absl::StatusOr<storage::AppendResult> result = store_.Append(deliveries);
  const auto commit_us = static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start).count());
  for (size_t i = 0; i < group.size(); ++i) group[i].delivery = {.receipt = deliveries[i].receipt};
  asio::post(network_, [this, group = std::move(group), result = std::move(result),
                        commit_us]() mutable { Finish(std::move(group), result, commit_us); });

  const absl::Status synced = store_.SyncIfDue();
  if (synced.ok()) return;
  spdlog::error("sync failed: {}", std::string(synced.message()));
  asio::post(network_, [this, synced] { TellWrite(synced); });
}

// On the network thread: lets all sessions of a group go on.
void Committer::Finish(Group group, const absl::StatusOr<storage::AppendResult>& result,
                       uint64_t commit_us) {
  const uint64_t own_records = Release(group);
  ++counters_.commits_total;
  counters_.commit_us_total += commit_us;
  counters_.commit_us_max = std::max(counters_.commit_us_max, commit_us);
  if (result.ok()) {
    records_of_commits_.Add(result->records);
    pace_.Add(result->records, base::NowMs(), std::nullopt);
    counters_.records_stored_total += result->records;
    counters_.record_bytes_stored_total += result->bytes;
    counters_.records_malformed_total += result->malformed;
    counters_.records_duplicate_total += result->duplicates_dropped;
    counters_.hosts_overflowed_total += result->hosts_overflowed;
    counters_.commit_records_max = std::max(counters_.commit_records_max, result->records);
    TellDamage(result);
  } else {
    ++counters_.commit_errors_total;
    counters_.records_own_dropped_total += own_records;
    if (error_log_.Allow()) {
      spdlog::error("nothing can be acknowledged: {}", std::string(result.status().message()));
    }
  }
  TellWrite(result.status());
  committed_.cancel();
  const Clock::time_point now = Clock::now();
  for (PendingDelivery& stored : group) {
    if (stored.done == nullptr) continue;
    if (result.ok()) {
      const auto latency =
          std::chrono::duration_cast<std::chrono::microseconds>(now - stored.handed_in);
      latency_us_.Add(static_cast<uint64_t>(latency.count()));
      stored.done(stored.delivery.receipt);
    } else {
      stored.done(result.status());
    }
  }
}

// Nothing of a group is under way any more. Returns how many own records it had.
uint64_t Committer::Release(const Group& group) {
  uint64_t own_records = 0;
  for (const PendingDelivery& stored : group) {
    pending_.GiveBack(stored.sender, stored.bytes, stored.is_large);
    if (stored.done == nullptr) ++own_records;
  }
  own_records_pending_ -= own_records;
  counters_.deliveries_pending -= group.size();
  CountPending();
  return own_records;
}

}  // namespace server
