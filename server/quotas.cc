#include "server/quotas.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/clock.h"

namespace server {

using std::chrono::milliseconds;

namespace {

constexpr uint64_t kDayMs = 86'400'000;

// What a bucket holds: logins, builds and cron jobs write for seconds, then are silent.
constexpr double kBurstSeconds = 10;

// How often those who would be treated as strangers are forgotten; and when there is no room left,
// for each time takes a millisecond or two.
constexpr auto kForgetEvery = std::chrono::seconds(60);
constexpr auto kForgetAtOnceEvery = std::chrono::seconds(1);

double BucketOf(const QuotaLimits& limits) { return kBurstSeconds * limits.records_per_second; }

double Filled(const QuotaLimits& limits, double records, Quotas::Clock::duration time) {
  const double seconds = std::max(0.0, std::chrono::duration<double>(time).count());
  return std::min(BucketOf(limits), records + seconds * limits.records_per_second);
}

}  // namespace

Quotas::Moment Quotas::Moment::Now() { return {.time = Clock::now(), .wall_ms = base::NowMs()}; }

Quotas::Quotas(Counters& counters, size_t hosts_max) : counters_(counters), hosts_max_(hosts_max) {}

void Quotas::SetRules(QuotaRules rules) {
  rules_ = std::move(rules);
  ++rules_number_;
  limit_anybody_ = rules_.limit_anybody();
  if (limit_anybody_) return;
  accounts_ = {};
  counters_.quota_hosts = 0;
}

Quotas::Turn Quotas::TakeTurn(const storage::Identity& host, milliseconds delay_max, Moment now) {
  if (!limit_anybody_) return {.has_place = true};
  Account& account = AccountOf(host, now);
  // It would be refused at once, knock again at once, and so on.
  const bool day_is_over =
      account.limits.bytes_per_day > 0 && account.bytes >= account.limits.bytes_per_day;
  if (day_is_over) {
    ++counters_.quota_delays_total;
    return {.wait = delay_max, .day_is_over = true};
  }
  if (account.limits.records_per_second == 0) return {.has_place = true};
  const double missing = std::max(0.0, 1 - account.records);
  const double wait_ms = std::ceil(1000 * missing / account.limits.records_per_second);
  if (wait_ms > 0) ++counters_.quota_delays_total;
  if (wait_ms > static_cast<double>(delay_max.count())) return {.wait = delay_max};
  account.records -= 1;
  return {.wait = milliseconds(static_cast<int64_t>(wait_ms)), .has_place = true};
}

Quotas::Refusal Quotas::Charge(const storage::Identity& host, Turn turn, Delivered delivered,
                               Moment now) {
  if (!limit_anybody_) return Refusal::kNone;
  Account& account = AccountOf(host, now);
  const QuotaLimits& limits = account.limits;
  if (limits.records_per_second > 0) {
    if (turn.has_place) account.records = std::min(BucketOf(limits), account.records + 1);
    if (!turn.has_place && account.records < 0 && delivered.records > 0) {
      ++counters_.quota_refused_records_total;
      return Refusal::kRecords;
    }
  }
  if (delivered.records == 0) return Refusal::kNone;
  if (limits.bytes_per_day > 0 && account.bytes >= limits.bytes_per_day) {
    ++counters_.quota_refused_bytes_day_total;
    return Refusal::kBytesOfDay;
  }
  if (limits.records_per_second > 0) account.records -= static_cast<double>(delivered.records);
  account.bytes += delivered.bytes;
  if (limits.bytes_per_day > 0 && account.bytes >= limits.bytes_per_day && !account.is_told) {
    account.is_told = true;
    ++counters_.quota_days_passed_total;
    if (passed_ != nullptr) passed_(host, limits);
  }
  return Refusal::kNone;
}

Quotas::Account& Quotas::AccountOf(const storage::Identity& host, Moment now) {
  auto found = accounts_.find(host);
  if (found == accounts_.end()) {
    const bool is_full = accounts_.size() >= hosts_max_;
    if (now.time - forgot_at_ >= (is_full ? kForgetAtOnceEvery : kForgetEvery)) ForgetIdle(now);
    if (accounts_.size() >= hosts_max_) {
      ++counters_.quota_hosts_overflowed_total;
      Update(&others_, rules_.defaults(), now);
      return others_;
    }
    found = accounts_.try_emplace(host).first;
    counters_.quota_hosts = accounts_.size();
  }
  Account& account = found->second;
  const bool is_current = account.rules == rules_number_;
  Update(&account, is_current ? account.limits : rules_.LimitsOf(host.name), now);
  return account;
}

// Brings an account up to this moment. One that has never been there gets a full bucket.
void Quotas::Update(Account* account, const QuotaLimits& limits, Moment now) const {
  const bool is_new = account->rules == 0;
  const bool had_no_bucket = account->limits.records_per_second == 0;
  if (is_new || had_no_bucket) {
    account->records = BucketOf(limits);
  } else {
    account->records = Filled(limits, account->records, now.time - account->filled_at);
  }
  account->limits = limits;
  account->rules = rules_number_;
  account->filled_at = std::max(account->filled_at, now.time);
  const uint64_t day = now.wall_ms / kDayMs;
  if (day == account->day) return;
  account->day = day;
  account->bytes = 0;
  account->is_told = false;
}

void Quotas::ForgetIdle(Moment now) {
  forgot_at_ = now.time;
  absl::erase_if(accounts_, [&](const auto& account) { return IsIdle(account.second, now); });
  counters_.quota_hosts = accounts_.size();
}

// It makes no difference whether we know it.
bool Quotas::IsIdle(const Account& account, Moment now) const {
  const QuotaLimits& limits = account.limits;
  const double records = Filled(limits, account.records, now.time - account.filled_at);
  const bool has_day = account.bytes > 0 && account.day == now.wall_ms / kDayMs;
  // Other rules can limit what these do not.
  return account.rules == rules_number_ && records >= BucketOf(limits) && !has_day;
}

std::string_view RefusalText(Quotas::Refusal refusal) {
  switch (refusal) {
    case Quotas::Refusal::kNone:
      return "";
    case Quotas::Refusal::kRecords:
      return "over quota_records";
    case Quotas::Refusal::kBytesOfDay:
      return "over quota_bytes_day until the day of UTC ends";
  }
  return "";
}

}  // namespace server
