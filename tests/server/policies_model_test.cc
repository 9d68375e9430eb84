// Quotas, holds and retention together against a plain model of them, over days that pass as fast
// as the test goes: what quotas let in and no policy has deleted is in the store, nothing else is,
// and what was told of deletions adds up.

#include <algorithm>
#include <fnmatch.h>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_format.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/counters.h"
#include "server/quotas.h"
#include "storage/event_store.h"
#include "storage/retention.h"
#include "tests/storage/open_store.h"
#include "tests/storage/temporary_directory.h"

namespace server {
namespace {

using storage::Day;
using storage::Identity;
using storage::kDayMs;
using storage::RetentionRule;
using testing::ElementsAreArray;
using testing::IsEmpty;

constexpr Day kFirstDay = 20'000;
constexpr uint64_t kBytesOfDay = 1 << 20;  // Of each of web*.

// "epoch" has a clock that stands still, that of "ahead" is half a year too late.
constexpr const char* kHosts[] = {"web1", "web2", "db1", "pay1", "epoch", "ahead"};
constexpr const char* kKeys[] = {"pci", "noise", "net", "none"};
constexpr const char* kTypes[] = {"USER_CMD", "CRYPTO_KEY_USER", "SYSCALL"};

constexpr const char* kPolicies[] = {
    "default keep 8d",
    "rule web host=web* keep 3d\nrule db host=db* keep forever\ndefault keep 12d",
    "rule pci key=pci keep 20d\nrule noise key=noise,net keep 2d\ndefault keep 6d",
    "rule crypto type=CRYPTO_KEY_USER keep 1d\nrule pay host=pay* keep 15d",
    "rule both host=web*,epoch key=noise type=SYSCALL,USER_CMD keep 1d\n"
    "rule sys host=*1 type=SYSCALL keep 4d\nrule pci key=pci keep forever\ndefault keep 9d",
};

struct ModelEvent {
  uint32_t serial = 0;
  std::string host = {};
  Day day = 0;
  Day received = 0;
  std::string key = {};
  std::string type = {};
};

struct ModelHold {
  uint64_t id = 0;
  std::string pattern = {};
  Day from = 0;
  Day to = 0;
};

bool Contains(const std::vector<std::string>& words, const std::string& word) {
  return words.empty() || std::ranges::find(words, word) != words.end();
}

bool MatchesHost(const RetentionRule& rule, const std::string& host) {
  return rule.host_patterns.empty() ||
         std::ranges::any_of(rule.host_patterns, [&](const std::string& pattern) {
           return fnmatch(pattern.c_str(), host.c_str(), 0) == 0;
         });
}

// By name of the rule: how many events.
using Counts = std::map<std::string, uint64_t>;

class PoliciesModelTest : public testing::TestWithParam<int> {
 protected:
  PoliciesModelTest() : random_(static_cast<uint32_t>(GetParam())) {
    options_.now_ms = [this] { return today_ * kDayMs + kDayMs / 2; };
    options_.on_problem = [](const absl::Status& problem) { ADD_FAILURE() << problem; };
    auto rules = QuotaRules::Parse({}, "web* bytes_day 1\n", "quotas");
    EXPECT_TRUE(rules.ok()) << rules.status();
    quotas_.SetRules(*std::move(rules));
    Open();
  }

  void Open() {
    store_.reset();
    store_ = storage::OpenStore(temporary_.path() + "/store", options_);
    ASSERT_NE(store_, nullptr);
  }

  uint32_t Random(uint32_t below) { return static_cast<uint32_t>(random_() % below); }

  template <typename T, size_t N>
  T OneOf(const T (&all)[N]) {
    return all[Random(N)];
  }

  Quotas::Moment Now() const {
    return {.time = Quotas::Clock::time_point() + std::chrono::hours(24) * (today_ - kFirstDay),
            .wall_ms = today_ * kDayMs + kDayMs / 2};
  }

  // A host sends an event, which the quota lets in or not.
  void Send(const std::string& host) {
    ModelEvent event{.serial = ++serial_, .host = host, .day = today_, .received = today_};
    if (Random(8) == 0) event.day -= std::min<Day>(Random(4), today_ - kFirstDay);
    if (host == "epoch") event.day = Random(2);
    if (host == "ahead") event.day += 180;
    event.key = OneOf(kKeys);
    event.type = OneOf(kTypes);
    const Identity identity{.kind = storage::IdentityKind::kNode, .name = host};
    // What a record weighs is the test's: the quota counts what it is told.
    const uint64_t bytes = (Random(4) + 1) << 18;
    const auto turn = quotas_.TakeTurn(identity, std::chrono::milliseconds(0), Now());
    const auto refusal = quotas_.Charge(identity, turn, {.records = 1, .bytes = bytes}, Now());
    const bool is_over = host.starts_with("web") && bytes_today_[host] >= kBytesOfDay;
    EXPECT_EQ(refusal != Quotas::Refusal::kNone, is_over) << host;
    if (refusal != Quotas::Refusal::kNone) {
      ++refused_;
      return;
    }
    bytes_today_[host] += bytes;
    const uint64_t time_ms = event.day * kDayMs + event.serial;
    storage::Delivery delivery{.received_ms = event.received * kDayMs + kDayMs / 2};
    delivery.batches.emplace_back(identity, "192.0.2.1");
    delivery.batches.back().Add(absl::StrFormat("type=%s msg=audit(%d.%03d:%d): pid=7 key=\"%s\"",
                                                event.type, time_ms / 1000, time_ms % 1000,
                                                event.serial, event.key));
    ASSERT_TRUE(store_->Append({&delivery, 1}).ok());
    events_.push_back(event);
  }

  bool IsHeld(const ModelEvent& event) const {
    return std::ranges::any_of(holds_, [&](const ModelHold& hold) {
      return fnmatch(hold.pattern.c_str(), event.host.c_str(), 0) == 0 && event.day >= hold.from &&
             event.day <= hold.to;
    });
  }

  Day AgeDay(const ModelEvent& event) const {
    Day received = 0;
    for (const ModelEvent& other : events_) {
      if (other.host != event.host || other.day != event.day) continue;
      received = std::max(received, other.received);
    }
    return event.day > today_ ? received : std::max(event.day, received);
  }

  // The name of the rule by which an event goes.
  std::optional<std::string> RuleThatTakes(const storage::RetentionPolicy& policy,
                                           const ModelEvent& event) const {
    const Day age_day = AgeDay(event);
    const auto has_expired = [&](const RetentionRule& rule) {
      return rule.days_max && age_day + *rule.days_max < today_;
    };
    const RetentionRule* decides = nullptr;
    bool all_expired = true;
    for (const RetentionRule& rule : policy.rules) {
      if (!MatchesHost(rule, event.host)) continue;
      all_expired = all_expired && has_expired(rule);
      const bool has_words = Contains(rule.keys, event.key) && Contains(rule.types, event.type);
      if (decides == nullptr && has_words) decides = &rule;
      if (!rule.takes_whole_hosts()) continue;
      // The whole day goes unread.
      if (all_expired) return rule.name;
      break;
    }
    if (decides == nullptr || !has_expired(*decides)) return std::nullopt;
    return decides->name;
  }

  void Apply() {
    const std::string text = OneOf(kPolicies);
    const auto policy = storage::ParseRetentionPolicy(text, "policy");
    ASSERT_TRUE(policy.ok()) << policy.status();
    Counts expected, held, told, previewed;
    std::vector<ModelEvent> left;
    for (const ModelEvent& event : events_) {
      const std::optional<std::string> rule = RuleThatTakes(*policy, event);
      if (rule) ++(IsHeld(event) ? held : expected)[*rule];
      if (!rule || IsHeld(event)) left.push_back(event);
    }
    const auto preview = store_->PreviewRetention(*policy, {});
    ASSERT_TRUE(preview.ok()) << preview.status();
    Counts held_told;
    for (const storage::RuleEffect& effect : *preview) {
      if (effect.events > 0) previewed[effect.rule] = effect.events;
      if (effect.held_events > 0) held_told[effect.rule] = effect.held_events;
    }
    const absl::Status applied = store_->ApplyRetention(
        *policy, {},
        [&](const storage::Deletion& deletion) { told[deletion.rule] += deletion.events; });
    ASSERT_TRUE(applied.ok()) << applied;
    EXPECT_EQ(previewed, expected) << text;
    EXPECT_EQ(held_told, held) << text;
    EXPECT_EQ(told, expected) << text;
    events_ = std::move(left);
  }

  // The oldest days of all hosts, as many as it likes.
  void DropOldest() {
    uint64_t told = 0;
    const auto dropped = store_->DropOldest(Random(2000), {}, [&](const storage::Deletion& one) {
      EXPECT_EQ(one.rule, storage::kRotateRule);
      told += one.events;
    });
    ASSERT_TRUE(dropped.ok()) << dropped.status();
    const std::vector<uint32_t> serials = SerialsInStore();
    std::vector<ModelEvent> left;
    std::optional<Day> newest_gone, oldest_left;
    for (const ModelEvent& event : events_) {
      if (std::ranges::binary_search(serials, event.serial)) {
        left.push_back(event);
        if (IsHeld(event) || AgeDay(event) >= today_) continue;
        oldest_left = std::min(oldest_left.value_or(event.day), event.day);
      } else {
        EXPECT_FALSE(IsHeld(event));
        EXPECT_LT(AgeDay(event), today_);
        newest_gone = std::max(newest_gone.value_or(event.day), event.day);
      }
    }
    EXPECT_EQ(events_.size() - left.size(), told);
    if (newest_gone && oldest_left) {
      EXPECT_LE(*newest_gone, *oldest_left);
    }
    events_ = std::move(left);
  }

  void ChangeHolds() {
    if (!holds_.empty() && Random(2) == 0) {
      const size_t place = Random(static_cast<uint32_t>(holds_.size()));
      ASSERT_TRUE(store_->RemoveHold(holds_[place].id).ok());
      holds_.erase(holds_.begin() + static_cast<std::ptrdiff_t>(place));
      return;
    }
    constexpr const char* kPatterns[] = {"web*", "db1", "*", "epoch", "*1"};
    ModelHold hold{.pattern = OneOf(kPatterns), .from = today_ - Random(10)};
    hold.to = hold.from + Random(3);
    if (Random(4) == 0) hold.from = 0;
    const auto id = store_->AddHold({.host_pattern = hold.pattern,
                                     .from_ms = hold.from * kDayMs + 5,
                                     .to_ms = hold.to * kDayMs + 5,
                                     .reason = "case",
                                     .placed_by = "auditor",
                                     .placed_ms = today_ * kDayMs});
    ASSERT_TRUE(id.ok()) << id.status();
    hold.id = *id;
    holds_.push_back(hold);
  }

  std::vector<uint32_t> SerialsInStore() {
    std::vector<uint32_t> serials;
    const absl::Status searched = store_->Search({}, [&](const storage::FoundEvent& found) {
      serials.push_back(static_cast<uint32_t>(found.event.stamp().serial));
      return true;
    });
    EXPECT_TRUE(searched.ok()) << searched;
    std::ranges::sort(serials);
    return serials;
  }

  void ExpectModel() {
    std::vector<uint32_t> serials;
    for (const ModelEvent& event : events_) serials.push_back(event.serial);
    std::ranges::sort(serials);
    EXPECT_THAT(SerialsInStore(), ElementsAreArray(serials));
    for (const char* key : kKeys) {
      const auto has_key = [&](const ModelEvent& event) { return event.key == key; };
      uint64_t found = 0;
      const query::Predicate predicate(
          query::AttributeIs{query::Attribute::kKey, key, query::TermMatch::kIs});
      ASSERT_TRUE(store_
                      ->Search({.predicate = predicate},
                               [&](const storage::FoundEvent&) { return ++found > 0; })
                      .ok());
      EXPECT_EQ(found, std::ranges::count_if(events_, has_key)) << key;
    }
    std::vector<std::string> wrong;
    ASSERT_TRUE(store_->Check({}, [&](const std::string& what) { wrong.push_back(what); }).ok());
    EXPECT_THAT(wrong, IsEmpty());
  }

  std::mt19937 random_;
  Day today_ = kFirstDay;
  uint32_t serial_ = 0;
  TemporaryDirectory temporary_;
  storage::StoreOptions options_;
  std::unique_ptr<storage::EventStore> store_;
  Counters counters_;
  Quotas quotas_{counters_};
  std::vector<ModelEvent> events_;
  std::vector<ModelHold> holds_;
  std::map<std::string, uint64_t> bytes_today_;
  uint64_t refused_ = 0;
};

TEST_P(PoliciesModelTest, KeepsWhatThePoliciesKeepAndNothingElse) {
  for (int day = 0; day < 40 && !HasFailure(); ++day, ++today_) {
    bytes_today_.clear();
    for (const char* host : kHosts) {
      for (uint32_t events = Random(7); events > 0; --events) Send(host);
    }
    ASSERT_TRUE(store_->Settle({}).ok());
    if (Random(3) == 0) ChangeHolds();
    if (Random(2) == 0) Apply();
    if (Random(8) == 0) DropOldest();
    if (Random(6) == 0) Open();
    if (Random(4) == 0) ExpectModel();
  }
  ExpectModel();
  EXPECT_GT(refused_, 0u);
  EXPECT_EQ(counters_.quota_refused_bytes_day_total, refused_);
}

INSTANTIATE_TEST_SUITE_P(Seeds, PoliciesModelTest, testing::Range(0, 6));

// All hosts of a fleet have sent something on one day.
TEST(PoliciesOfAFleetTest, DeletesADayOfAThousandHosts) {
  constexpr int kFleet = 1000;
  constexpr int kEventsOfHost = 6;
  Day today = kFirstDay;
  TemporaryDirectory temporary;
  storage::StoreOptions options;
  options.now_ms = [&] { return today * kDayMs + kDayMs / 2; };
  const auto store = storage::EventStore::Open(temporary.path() + "/store", options);
  ASSERT_TRUE(store.ok()) << store.status();
  std::vector<storage::Delivery> deliveries;
  uint32_t serial = 0;
  for (int host = 0; host < kFleet; ++host) {
    storage::Delivery& delivery =
        deliveries.emplace_back(storage::Delivery{.received_ms = today * kDayMs + kDayMs / 2});
    delivery.batches.emplace_back(
        Identity{.kind = storage::IdentityKind::kNode, .name = absl::StrFormat("host%03d", host)},
        "192.0.2.1");
    for (int i = 0; i < kEventsOfHost; ++i) {
      const uint64_t time_ms = today * kDayMs + ++serial;
      delivery.batches.back().Add(
          absl::StrFormat("type=USER_CMD msg=audit(%d.%03d:%d): pid=7 key=\"%s\"", time_ms / 1000,
                          time_ms % 1000, serial, i == 0 ? "pci" : "none"));
    }
  }
  ASSERT_TRUE((*store)->Append(deliveries).ok());
  ASSERT_TRUE((*store)->Settle({}).ok());
  ASSERT_TRUE((*store)
                  ->AddHold({.host_pattern = "host00*",
                             .from_ms = today * kDayMs,
                             .to_ms = today * kDayMs,
                             .reason = "case",
                             .placed_by = "auditor"})
                  .ok());
  const auto apply = [&](const char* text) {
    Counts told;
    const auto policy = storage::ParseRetentionPolicy(text, "policy");
    EXPECT_TRUE(policy.ok()) << policy.status();
    const absl::Status applied = (*store)->ApplyRetention(
        *policy, {},
        [&](const storage::Deletion& deletion) { told[deletion.rule] += deletion.events; });
    EXPECT_TRUE(applied.ok()) << applied;
    return told;
  };
  today += 10;
  constexpr char kPolicy[] = "rule pci key=pci keep 30d\ndefault keep 7d";
  constexpr uint64_t kNotHeld = kFleet - 10;
  EXPECT_EQ(apply(kPolicy), (Counts{{"default", kNotHeld * (kEventsOfHost - 1)}}));
  EXPECT_EQ((*store)->Stats()->block_events, kFleet + 10 * (kEventsOfHost - 1));
  EXPECT_EQ(apply(kPolicy), Counts());
  today += 30;
  EXPECT_EQ(apply(kPolicy), (Counts{{"default", kNotHeld}}));
  EXPECT_EQ((*store)->Stats()->block_events, 10u * kEventsOfHost);
}

}  // namespace
}  // namespace server
