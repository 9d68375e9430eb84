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
      room_(network, Clock::time_point::max()),
      thread_([this] { Run(); }) {}

Committer::~Committer() { Stop(); }

asio::awaitable<void> Committer::WaitForRoom() {
  while (!has_room()) {
    ++counters_.waits_for_room_total;
    boost::system::error_code cancelled;
    co_await room_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }
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
  Pending own;
  own.delivery.received_ms = base::NowMs();
  own.delivery.batches.push_back(std::move(batch));
  Push(std::move(own));
}

void Committer::Push(Pending pending) {
  pending.bytes = BytesOf(pending.delivery);
  pending.handed_in = Clock::now();
  pending_bytes_ += pending.bytes;
  counters_.bytes_pending = pending_bytes_;
  ++counters_.deliveries_pending;
  // Sessions become readable many at a time. To wake the thread for each of them would cost more
  // than all the rest, and make small groups.
  if (pushed_.empty()) asio::post(network_, [this] { HandIn(); });
  pushed_.push_back(std::move(pending));
}

void Committer::HandIn() {
  {
    const std::lock_guard lock(mutex_);
    for (Pending& pending : pushed_) queue_.push_back(std::move(pending));
  }
  pushed_.clear();
  handed_in_.notify_one();
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
    for (Pending& pending : pushed_) queue_.push_back(std::move(pending));
    pushed_.clear();
    stopping_ = true;
  }
  handed_in_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Committer::Run() {
  for (Group group; TakeGroup(&group); group = {}) {
    if (!group.deliveries.empty()) Commit(std::move(group));
  }
}

// Waits for work. False when there is none and none will come.
bool Committer::TakeGroup(Group* group) {
  std::unique_lock lock(mutex_);
  handed_in_.wait(lock, [this] { return stopping_ || !queue_.empty() || !tasks_.empty(); });
  while (!tasks_.empty()) {
    auto task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task(store_);
    lock.lock();
  }
  while (!queue_.empty() && group->bytes < options_.commit_bytes_max) {
    Pending& pending = queue_.front();
    group->bytes += pending.bytes;
    if (pending.done == nullptr) ++group->own_records;
    group->deliveries.push_back(std::move(pending.delivery));
    group->done.push_back(std::move(pending.done));
    group->handed_in.push_back(pending.handed_in);
    queue_.pop_front();
  }
  return !stopping_ || !group->deliveries.empty();
}

void Committer::Commit(Group group) {
  const auto start = Clock::now();
  absl::StatusOr<storage::AppendResult> result = store_.Append(group.deliveries);
  const auto commit_us = static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start).count());
  for (const storage::Delivery& delivery : group.deliveries) {
    group.receipts.push_back(delivery.receipt);
  }
  group.deliveries.clear();
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
  pending_bytes_ -= group.bytes;
  own_records_pending_ -= group.own_records;
  counters_.bytes_pending = pending_bytes_;
  counters_.deliveries_pending -= group.done.size();
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
    counters_.records_own_dropped_total += group.own_records;
    if (error_log_.Allow()) {
      spdlog::error("nothing can be acknowledged: {}", std::string(result.status().message()));
    }
  }
  TellWrite(result.status());
  room_.cancel();
  const Clock::time_point now = Clock::now();
  for (size_t i = 0; i < group.done.size(); ++i) {
    if (group.done[i] == nullptr) continue;
    if (result.ok()) {
      const auto latency =
          std::chrono::duration_cast<std::chrono::microseconds>(now - group.handed_in[i]);
      latency_us_.Add(static_cast<uint64_t>(latency.count()));
      group.done[i](group.receipts[i]);
    } else {
      group.done[i](result.status());
    }
  }
}

}  // namespace server
