// Rules by key and type: what they take out of days, and leave in them.

#include <optional>
#include <random>
#include <stop_token>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/due_days.h"
#include "tests/storage/retention_fixture.h"

namespace storage {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class RetentionTrimTest : public RetentionFixture {
 protected:
  // How many days of hosts would be read for a policy.
  size_t CountDue(const std::string& text, const std::vector<Identity>& hosts) {
    size_t days = 0;
    const RetentionPolicy policy = Policy(text);
    const auto rocks = OpenRocksForReading(DatabasePath(path_));
    EXPECT_TRUE(rocks.ok()) << rocks.status();
    if (!rocks.ok()) return 0;
    const RetentionScope scope{.rocks = **rocks, .hosts = hosts, .today = today_};
    const absl::Status looked = DueDays(scope, policy).ForEach([&](const DueDay&) {
      ++days;
      return absl::OkStatus();
    });
    EXPECT_TRUE(looked.ok()) << looked;
    return days;
  }

  void AddMalformed(const std::string& host, Day day) {
    Delivery delivery{.received_ms = day * kDayMs};
    delivery.batches.emplace_back(Host(host), "192.0.2.1");
    delivery.batches.back().AddMalformed("garbage");
    ASSERT_TRUE(store_->Append({&delivery, 1}).ok());
  }
};

TEST_F(RetentionTrimTest, TakesOutWhatARuleByKeyDoesNotKeep) {
  const std::string policy = "rule noise key=noise,more keep 5d\ndefault keep 100d";
  AddAll({{"a", 19'990, "noise"},
          {"a", 19'990, "pci"},
          {"a", 19'990, "more"},
          {"a", 19'990, "noise"},
          {"a", 19'996, "noise"}});
  EXPECT_THAT(Apply(policy), ElementsAre("noise a 19990-19990: 3"));
  EXPECT_THAT(Left(), ElementsAre("a 19990", "a 19996"));
  ExpectKey("noise", 1);
  ExpectKey("more", 0);
  ExpectKey("pci", 1);
  EXPECT_THAT(Apply(policy), IsEmpty());
  Open();
  EXPECT_THAT(Apply(policy), IsEmpty());
  ExpectKey("pci", 1);
}

TEST_F(RetentionTrimTest, KeepsForARuleByKeyWhatTheRestLoses) {
  const std::string policy = "rule pci key=pci keep 100d\ndefault keep 5d";
  AddMalformed("a", 19'950);
  AddAll({{"a", 19'950, "noise"}, {"a", 19'950, "pci"}, {"b", 19'950, "noise"}});
  // One after the other, since they lie in two blocks or one, as the sealer liked it.
  EXPECT_THAT(Apply(policy),
              UnorderedElementsAre("default a 19950-19950: 2", "default b 19950-19950: 1"));
  EXPECT_THAT(Left(), ElementsAre("a 19950"));
  EXPECT_EQ(store_->Stats()->block_malformed, 0u);
  ExpectKey("pci", 1);
  today_ += 60;
  EXPECT_THAT(Apply(policy), ElementsAre("default a 19950-19950: 1"));
  EXPECT_THAT(Left(), IsEmpty());
}

TEST_F(RetentionTrimTest, TakesOutAllRecordsOfAnEvent) {
  AddAll({{.host = "a", .day = 19'950, .key = "noise", .type = "SYSCALL", .more_records = 3},
          {.host = "a", .day = 19'950, .key = "pci", .type = "SYSCALL", .more_records = 2}});
  uint64_t records = 0;
  const absl::Status applied =
      store_->ApplyRetention(Policy("rule noise key=noise keep 5d"), {},
                             [&](const Deletion& deletion) { records += deletion.records; });
  ASSERT_TRUE(applied.ok()) << applied;
  EXPECT_EQ(records, 4u);
  EXPECT_EQ(store_->Stats()->block_records, 3u);
  ExpectSound();
}

TEST_F(RetentionTrimTest, LetsTheFirstRuleDecideThatMatches) {
  AddAll({{.host = "pay1", .day = 19'950, .key = "pci", .type = "CRYPTO_KEY_USER"},
          {.host = "pay1", .day = 19'950, .key = "none", .type = "CRYPTO_KEY_USER"},
          {.host = "pay1", .day = 19'950, .key = "pci", .type = "USER_CMD"},
          {.host = "web1", .day = 19'950, .key = "pci", .type = "USER_CMD"},
          {.host = "web1", .day = 19'950, .key = "pci", .type = "CRYPTO_KEY_USER"}});
  EXPECT_THAT(Apply("rule both host=pay* key=pci type=CRYPTO_KEY_USER keep 10d\n"
                    "rule pci host=pay* key=pci keep forever\n"
                    "rule crypto type=CRYPTO_KEY_USER,CRYPTO_SESSION keep 20d\n"),
              UnorderedElementsAre("both pay1 19950-19950: 1", "crypto pay1 19950-19950: 1",
                                   "crypto web1 19950-19950: 1"));
  EXPECT_THAT(Left(), ElementsAre("pay1 19950", "web1 19950"));
  ExpectKey("pci", 2);
}

TEST_F(RetentionTrimTest, TellsDaysThatFollowEachOtherTogether) {
  std::vector<What> all;
  for (const Day day : {19'900, 19'901, 19'902}) {
    for (const char* key : {"x", "y", "z"}) all.push_back({"a", day, key});
  }
  AddAll(all);
  EXPECT_THAT(Apply("rule x key=x keep 5d\nrule y key=y keep 6d"),
              UnorderedElementsAre("x a 19900-19902: 3", "y a 19900-19902: 3"));
  ExpectKey("z", 3);
}

TEST_F(RetentionTrimTest, TakesNothingOutOfWhatIsHeld) {
  const std::string policy = "rule noise key=noise keep 5d";
  AddAll({{"a", 19'950, "noise"}, {"a", 19'950, "pci"}, {"a", 19'951, "noise"}});
  const uint64_t hold = Place("a", 19'950, 19'950);
  EXPECT_THAT(Apply(policy), ElementsAre("noise a 19951-19951: 1"));
  ExpectKey("noise", 1);
  ASSERT_TRUE(store_->RemoveHold(hold).ok());
  EXPECT_THAT(Apply(policy), ElementsAre("noise a 19950-19950: 1"));
  ExpectKey("noise", 0);
}

TEST_F(RetentionTrimTest, DoesNotReadADayAgainUntilSomethingChanges) {
  const std::string policy =
      "rule noise key=noise keep 5d\nrule more key=more keep 60d\ndefault keep forever";
  AddAll({{"a", 19'950, "noise"}, {"a", 19'950, "more"}, {"a", 19'950, "pci"}});
  EXPECT_EQ(CountDue(policy, {Host("a")}), 1u);
  Apply(policy);
  EXPECT_EQ(CountDue(policy, {Host("a")}), 0u);
  // Another policy, another block, another rule that has expired.
  EXPECT_EQ(CountDue("rule noise key=noise,other keep 5d", {Host("a")}), 1u);
  AddAll({{.host = "a", .day = 19'950, .key = "noise", .received = 19'951}});
  EXPECT_EQ(CountDue(policy, {Host("a")}), 1u);
  EXPECT_THAT(Apply(policy), ElementsAre("noise a 19950-19950: 1"));
  today_ = 19'950 + 60;
  EXPECT_EQ(CountDue(policy, {Host("a")}), 0u);
  ++today_;
  EXPECT_EQ(CountDue(policy, {Host("a")}), 1u);
  EXPECT_THAT(Apply(policy), ElementsAre("more a 19950-19950: 1"));
  EXPECT_EQ(CountDue(policy, {Host("a")}), 0u);
}

// A day of which a part goes by its age, and the rest for want of room.
TEST_F(RetentionTrimTest, CountsWhatAKeyKeepsWhereAlsoAgeTakesAPart) {
  std::mt19937_64 noise;
  std::vector<What> all;
  for (Day day = 19'900; day < 19'920; ++day) {
    for (int i = 0; i < 40; ++i) {
      const std::string rest = absl::StrFormat("%016x", noise());
      all.push_back({"a", day, i % 4 == 0 ? "pci" : i % 4 == 1 ? "noise" : rest});
    }
  }
  AddAll(all);
  RetentionPolicy policy = Policy(
      "rule pci key=pci keep forever\nrule noise key=noise keep 7d\n"
      "default keep 365d at-most 1K");
  policy.rules[2].bytes_max = ColumnsBytes() * 6 / 10 / 1024 * 1024;
  for (int round = 0; round < 50; ++round) {
    ASSERT_TRUE(store_->ApplyRetention(policy, {}, nullptr).ok());
  }
  EXPECT_LE(ColumnsBytes(), *policy.rules[2].bytes_max);
  EXPECT_GT(ColumnsBytes(), *policy.rules[2].bytes_max / 2);
  ExpectKey("pci", 200);
  ExpectKey("noise", 0);
  std::string text;
  for (const RetentionRule& rule : policy.rules) text += ToText(rule) + "\n";
  EXPECT_EQ(CountDue(text, {Host("a")}), 0u);  // Nothing is read again for nothing.
  ExpectSound();
}

// What is left can be older than what there was.
TEST_F(RetentionTrimTest, TakesTheAgeOfWhatIsLeft) {
  const std::string policy = "rule noise key=noise keep 2d\ndefault keep 6d";
  AddAll({{.host = "a", .day = 19'990, .key = "none"},
          {.host = "a", .day = 19'990, .key = "noise", .received = 19'994}});
  today_ = 19'997;
  EXPECT_THAT(Apply(policy), ElementsAre("noise a 19990-19990: 1"));
  EXPECT_THAT(Apply(policy), ElementsAre("default a 19990-19990: 1"));
}

// The block of what comes late must not have a number that was trimmed before.
TEST_F(RetentionTrimTest, TakesOutLateEventsOfADayThatWasTrimmed) {
  const std::string policy = "rule noise key=noise keep 5d";
  AddAll({{"a", 19'950, "pci"}});
  AddAll({{"a", 19'950, "noise"}});
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(Apply(policy), ElementsAre("noise a 19950-19950: 1"));
    if (i > 0) Open();
    Add({.host = "a", .day = 19'950, .key = "noise", .received = 19'950});
    ASSERT_TRUE(store_->Seal().ok());
    ExpectKey("noise", 1);
    ExpectKey("pci", 1);
  }
}

TEST_F(RetentionTrimTest, LeavesNothingOfADayThatIsTakenOutWhole) {
  const std::string policy = "rule noise key=noise keep 5d\nrule more key=more keep 5d";
  AddAll({{"a", 19'950, "noise"}, {"a", 19'950, "more"}});
  EXPECT_THAT(Apply(policy),
              UnorderedElementsAre("noise a 19950-19950: 1", "more a 19950-19950: 1"));
  EXPECT_EQ(store_->Stats()->blocks, 0u);
  Open();
  AddAll({{.host = "a", .day = 19'950, .key = "pci", .received = 19'950}});
  ExpectKey("pci", 1);
  ExpectKey("noise", 0);
  ExpectSound();
}

TEST_F(RetentionTrimTest, DeletesWhatThePreviewTells) {
  std::vector<What> all;
  for (const Day day : {19'900, 19'901, 19'950}) {
    for (const char* host : {"a", "b"}) {
      for (int i = 0; i < 50; ++i) all.push_back({host, day, "noise", {}, "SYSCALL", i % 3});
      for (int i = 0; i < 30; ++i) all.push_back({host, day, i % 2 == 0 ? "pci" : "none"});
    }
  }
  AddAll(all);
  Place("b", 19'901, 19'901);
  const RetentionPolicy policy =
      Policy("rule noise key=noise keep 20d\nrule pci key=pci keep 200d\ndefault keep 70d");
  auto preview = store_->PreviewRetention(policy, {});
  ASSERT_TRUE(preview.ok()) << preview.status();
  std::map<std::string, RuleEffect> effects;
  const absl::Status applied = store_->ApplyRetention(policy, {}, [&](const Deletion& deletion) {
    effects[deletion.rule].events += deletion.events;
    effects[deletion.rule].records += deletion.records;
    effects[deletion.rule].bytes += deletion.bytes;
  });
  ASSERT_TRUE(applied.ok()) << applied;
  for (const RuleEffect& told : *preview) {
    EXPECT_EQ(told.events, effects[told.rule].events) << told.rule;
    EXPECT_EQ(told.records, effects[told.rule].records) << told.rule;
    EXPECT_EQ(told.bytes, effects[told.rule].bytes) << told.rule;
  }
  EXPECT_EQ((*preview)[0].events, 250u);
  EXPECT_EQ((*preview)[0].hosts, 2u);
  EXPECT_EQ((*preview)[0].host_days, 5u);
  EXPECT_EQ((*preview)[0].held_host_days, 1u);
  EXPECT_EQ((*preview)[0].held_events, 50u);
  EXPECT_GT((*preview)[0].bytes, 0u);
  EXPECT_EQ((*preview)[1].events, 0u);
  EXPECT_EQ((*preview)[2].events, 45u);
  EXPECT_EQ((*preview)[2].held_events, 15u);
  ExpectSound();
  preview = store_->PreviewRetention(policy, {});
  ASSERT_TRUE(preview.ok()) << preview.status();
  EXPECT_EQ((*preview)[0].events, 0u);
  EXPECT_EQ((*preview)[0].held_events, 50u);
}

// What was held back in the middle is not told as gone.
TEST_F(RetentionTrimTest, TellsNothingOfDaysThatItHasLeft) {
  std::vector<What> all;
  for (const Day day : {19'900, 19'901, 19'902, 19'903, 19'904}) {
    for (const char* key : {"x", "z"}) {
      if (day != 19'903 || key[0] == 'z') all.push_back({"a", day, key});
    }
  }
  AddAll(all);
  Place("a", 19'901, 19'901);
  EXPECT_THAT(Apply("rule x key=x keep 5d"),
              ElementsAre("x a 19900-19900: 1", "x a 19902-19902: 1", "x a 19904-19904: 1"));
}

// It must not take more with each time that it is applied, for what it cannot take.
TEST_F(RetentionTrimTest, ComesDownToItsSizeBesideWhatAKeyKeeps) {
  std::mt19937_64 noise;
  std::vector<What> all;
  for (Day day = 19'900; day < 19'920; ++day) {
    for (int i = 0; i < 40; ++i) {
      all.push_back({"a", day, i % 4 == 0 ? "pci" : absl::StrFormat("%016x", noise())});
    }
  }
  AddAll(all);
  RetentionPolicy policy = Policy("rule pci key=pci keep forever\ndefault keep forever at-most 1K");
  policy.rules[1].bytes_max = ColumnsBytes() * 3 / 4;
  uint64_t before = 0;
  for (int round = 0; round < 50 && before != ColumnsBytes(); ++round) {
    before = ColumnsBytes();
    ASSERT_TRUE(store_->ApplyRetention(policy, {}, nullptr).ok());
  }
  EXPECT_LE(before, *policy.rules[1].bytes_max);
  ASSERT_TRUE(store_->ApplyRetention(policy, {}, nullptr).ok());
  EXPECT_EQ(before, ColumnsBytes());
  ExpectKey("pci", 200);
  EXPECT_LT(Left().size(), 800u);
  EXPECT_GT(Left().size(), 300u);
  ExpectSound();
}

TEST_F(RetentionTrimTest, EndsWhenItIsToStop) {
  AddAll({{"a", 19'950, "noise"}, {"a", 19'950, "pci"}});
  std::stop_source stop;
  stop.request_stop();
  const RetentionPolicy policy = Policy("rule noise key=noise keep 5d");
  EXPECT_TRUE(absl::IsCancelled(store_->ApplyRetention(policy, stop.get_token(), nullptr)));
  EXPECT_TRUE(absl::IsCancelled(store_->PreviewRetention(policy, stop.get_token()).status()));
  ExpectKey("noise", 1);
}

}  // namespace
}  // namespace storage
