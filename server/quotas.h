// Quotas: what one host may deliver, so that a noisy one does not take what the others need.
//
// Charged is who connects: an agent by the name in its certificate, a client of audisp-remote by
// its address. The node= in front of a record is its sender's own claim, and a sender with many
// names is one sender. Hosts behind one address, and those of a relay, are charged together.
//
// Records a second fill a bucket; it holds what comes in ten seconds, since audit comes in bursts,
// and is full at first. A read takes one record out of it in advance. If there is none the read has
// to wait for it, behind those of the same host that wait already: so a client that waits for
// acknowledgements gets just what it may have, and what it has not sent needs no memory of ours.
// What else a read brings is taken afterwards, and may leave a debt. Where the wait would be too
// long for the client, it waits as long as it can, and what it then brings is refused.
//
// Bytes of a day are counted from its beginning in UTC, by our clock, or from our start: a restart
// gives each host its day anew, and so does a clock that is set to another day. The delivery that
// reaches the limit is taken; what comes later that day is refused.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"

#include "server/counters.h"
#include "server/quota_rules.h"
#include "storage/batch.h"

namespace server {

// Belongs to the network thread. Knows no clock.
class Quotas {
 public:
  using Clock = std::chrono::steady_clock;

  struct Moment {
    Clock::time_point time = {};
    uint64_t wall_ms = 0;  // Since the epoch.

    static Moment Now();
  };

  // Hosts that are told apart. Each of them connects, so these are twice the clients that a
  // collector is made for. Beyond it, new ones are charged together.
  static constexpr size_t kHostsMax = 65'536;

  // `counters` must outlive the object.
  explicit Quotas(Counters& counters, size_t hosts_max = kHostsMax);

  // Counts for everybody from the next read on. What was delivered stays charged.
  void SetRules(QuotaRules rules);

  // Called once for each host and day that passes its bytes.
  using Passed = absl::AnyInvocable<void(const storage::Identity& host, const QuotaLimits& limits)>;
  void OnDayPassed(Passed passed) { passed_ = std::move(passed); }

  struct Turn {
    std::chrono::milliseconds wait{0};  // Before the read.
    bool has_place = false;             // One record has been taken in advance.
    bool day_is_over = false;           // No wait helps.
  };

  // To be asked before each read of something that `host` delivers. The wait is at most
  // `delay_max`.
  Turn TakeTurn(const storage::Identity& host, std::chrono::milliseconds delay_max, Moment now);

  enum class Refusal : uint8_t { kNone, kRecords, kBytesOfDay };

  // Of one read.
  struct Delivered {
    uint64_t records = 0;
    uint64_t bytes = 0;  // As the journal holds them.
  };

  // Charges what a read has brought, or says why it is to be refused: then it is not charged. To be
  // told after each read, even if it has brought nothing.
  Refusal Charge(const storage::Identity& host, Turn turn, Delivered delivered, Moment now);

 private:
  struct Account {
    QuotaLimits limits;
    uint64_t rules = 0;  // The number of the rules that the limits are from.
    double records = 0;  // In the bucket; below 0, a debt.
    Clock::time_point filled_at = {};
    uint64_t day = 0;
    uint64_t bytes = 0;  // Of the day.
    bool is_told = false;
  };

  Account& AccountOf(const storage::Identity& host, Moment now);
  void Update(Account* account, const QuotaLimits& limits, Moment now) const;
  void ForgetIdle(Moment now);
  bool IsIdle(const Account& account, Moment now) const;

  Counters& counters_;
  const size_t hosts_max_;
  QuotaRules rules_;
  uint64_t rules_number_ = 1;
  bool limit_anybody_ = false;
  Passed passed_;
  absl::flat_hash_map<storage::Identity, Account> accounts_;
  Account others_;  // Of those who have no account of their own.
  Clock::time_point forgot_at_ = {};
};

// For the peer, and for the log.
std::string_view RefusalText(Quotas::Refusal refusal);

}  // namespace server
