// Holds, policies, and what deletions leave behind.

#include "storage/retention.h"

#include <random>

#include "absl/strings/str_format.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/storage/retention_fixture.h"

namespace storage {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

using RetentionTest = RetentionFixture;

TEST_F(RetentionTest, DeletesWhatIsOlderThanItsRuleSays) {
  AddAll({{"a", kToday - 11}, {"a", kToday - 10}, {"a", kToday - 9}, {"b", kToday - 11}});
  EXPECT_THAT(Apply("rule b host=b keep forever\ndefault keep 10d"),
              ElementsAre("default a 19989-19989: 1"));
  EXPECT_THAT(Left(), ElementsAre("b 19989", "a 19990", "a 19991"));
  ++today_;
  EXPECT_THAT(Apply("default keep 10d"),
              ElementsAre("default a 19990-19990: 1", "default b 19989-19989: 1"));
  EXPECT_THAT(Apply("default keep 10d"), IsEmpty());
  EXPECT_THAT(Left(), ElementsAre("a 19991"));
}

TEST_F(RetentionTest, KeepsWhatNoRuleMatches) {
  AddAll({{"a", kToday - 100}, {"web1", kToday - 100}});
  EXPECT_THAT(Apply("rule web host=web*,db* keep 10d"), ElementsAre("web web1 19900-19900: 1"));
  EXPECT_THAT(Left(), ElementsAre("a 19900"));
}

TEST_F(RetentionTest, TellsDaysThatFollowEachOtherTogether) {
  AddAll({{"a", 19'900}, {"a", 19'901}, {"a", 19'905}, {"a", 19'910}, {"a", 19'911}});
  Place("a", 19'905, 19'905);
  EXPECT_THAT(Apply("default keep 10d"),
              ElementsAre("default a 19900-19901: 2", "default a 19910-19911: 2"));
}

// What is late, imported, or of a clock in the past is as old as its receipt.
TEST_F(RetentionTest, CountsTheAgeFromTheReceiptWhereThatIsLater) {
  AddAll({{.host = "late", .day = 19'900, .received = kToday - 5},
          {.host = "epoch", .day = 0, .received = kToday - 5},
          {.host = "epoch", .day = 1, .received = kToday - 50}});
  EXPECT_THAT(Apply("default keep 10d"), ElementsAre("default epoch 1-1: 1"));
  EXPECT_THAT(Left(), ElementsAre("epoch 0", "late 19900"));
  today_ += 6;
  EXPECT_EQ(Apply("default keep 10d").size(), 2u);
}

TEST_F(RetentionTest, DeletesWhatAClockAheadHasStampedByItsReceipt) {
  AddAll({{.host = "ahead", .day = 40'000, .received = kToday - 50},
          {.host = "ahead", .day = 40'001, .received = kToday - 5}});
  EXPECT_THAT(Apply("default keep 10d"), ElementsAre("default ahead 40000-40000: 1"));
  EXPECT_THAT(Left(), ElementsAre("ahead 40001"));
}

TEST_F(RetentionTest, LeavesNothingOfWhatIsDeletedInTheIndex) {
  AddAll({{"a", kToday - 20, "k"}, {"a", kToday - 5, "k"}, {"b", kToday - 20, "k"}});
  ExpectKey("k", 3);
  Apply("default keep 10d");
  ExpectKey("k", 1);
  Open();
  ExpectKey("k", 1);
  ExpectSound();
  Seal();
  ExpectKey("k", 1);
  ExpectSound();
  const auto reader = EventStore::OpenForReading(path_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ(LeftIn(**reader, {}).size(), 1u);
}

// The numbers of blocks that are gone must not be given again: their terms are still there.
TEST_F(RetentionTest, TakesLateEventsOfADayThatIsGone) {
  AddAll({{"a", kToday - 20, "old"}, {"a", kToday - 20, "old"}});
  Apply("default keep 10d");
  for (const bool restarted : {false, true}) {
    if (restarted) Open();
    Add({.host = "a", .day = kToday - 20, .key = "new", .received = kToday});
    ASSERT_TRUE(store_->Seal().ok());
    ExpectKey("old", 0);
    ExpectKey("new", restarted ? 2 : 1);
    ExpectSound();
  }
  Seal();
  ExpectKey("old", 0);
  ExpectKey("new", 2);
  ExpectSound();
}

TEST_F(RetentionTest, KeepsWhatIsHeld) {
  AddAll({{"web1", 19'900}, {"web1", 19'901}, {"web1", 19'902}, {"db1", 19'901}});
  const uint64_t hold = Place("web*", 19'901, 19'901);
  EXPECT_THAT(store_->DropDay(Host("web1"), 19'901).message(), HasSubstr("hold 1 keeps"));
  EXPECT_EQ(Apply("default keep 10d").size(), 3u);
  EXPECT_THAT(Left(), ElementsAre("web1 19901"));
  // A host that comes later.
  AddAll({{"web2", 19'901}, {"web2", 19'900}});
  EXPECT_THAT(Apply("default keep 10d"), ElementsAre("default web2 19900-19900: 1"));
  const auto dropped = store_->DropOldest(1 << 30, {}, nullptr);
  ASSERT_TRUE(dropped.ok()) << dropped.status();
  EXPECT_EQ(*dropped, 0u);
  ASSERT_TRUE(store_->RemoveHold(hold).ok());
  EXPECT_EQ(Apply("default keep 10d").size(), 2u);
}

TEST_F(RetentionTest, RemembersHoldsAndNeverGivesAnIdAgain) {
  EXPECT_EQ(Place("a", 1, 2), 1u);
  EXPECT_EQ(Place("b", 1, 2), 2u);
  EXPECT_TRUE(store_->RemoveHold(2).ok());
  EXPECT_TRUE(absl::IsNotFound(store_->RemoveHold(2)));
  Open();
  EXPECT_EQ(Place("c", 1, 2), 3u);
  const auto reader = EventStore::OpenForReading(path_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  for (const EventStore* store : {store_.get(), reader->get()}) {
    const auto holds = store->Holds();
    ASSERT_TRUE(holds.ok()) << holds.status();
    ASSERT_EQ(holds->size(), 2u);
    EXPECT_EQ(holds->front(), (Hold{.id = 1,
                                    .host_pattern = "a",
                                    .from_ms = kDayMs + 1000,
                                    .to_ms = 2 * kDayMs + 1000,
                                    .reason = "case 7",
                                    .placed_by = "auditor",
                                    .placed_ms = kToday * kDayMs}));
    EXPECT_EQ(holds->back().id, 3u);
  }
}

TEST_F(RetentionTest, RefusesHoldsThatSayNothing) {
  EXPECT_TRUE(absl::IsInvalidArgument(store_->AddHold({}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      store_->AddHold({.host_pattern = "a", .from_ms = 2, .to_ms = 1}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      store_->AddHold({.host_pattern = std::string(kHoldTextMax + 1, 'x')}).status()));
  for (const char* const list : {"a,b", " a", "a b"}) {
    const absl::Status refused = store_->AddHold({.host_pattern = list}).status();
    EXPECT_TRUE(absl::IsInvalidArgument(refused));
    EXPECT_THAT(std::string(refused.message()), HasSubstr(list));
  }
  EXPECT_THAT(*store_->Holds(), IsEmpty());
}

TEST_F(RetentionTest, DropsTheOldestDaysOfAllHostsFirst) {
  AddAll({{"a", 19'902}, {"b", 19'900}, {"a", 19'901}, {"b", 19'903}, {"c", kToday}});
  std::vector<std::string> told;
  const auto tell = [&](const Deletion& deletion) { told.push_back(TextOf(deletion)); };
  const auto first = store_->DropOldest(1, {}, tell);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_GT(*first, 0u);
  EXPECT_THAT(told, ElementsAre("rotate b 19900-19900: 1"));
  EXPECT_EQ(*store_->DropOldest(0, {}, tell), 0u);
  ASSERT_GT(*store_->DropOldest(*first * 3 / 2, {}, tell), *first);
  EXPECT_THAT(Left(), ElementsAre("b 19903", "c 20000"));
  EXPECT_GT(*store_->DropOldest(1 << 30, {}, tell), 0u);
  EXPECT_THAT(Left(), ElementsAre("c 20000"));
  EXPECT_EQ(*store_->DropOldest(1 << 30, {}, tell), 0u);
  ExpectSound();
}

// On a full disk nothing else would have the files rewritten.
TEST_F(RetentionTest, GivesBackTheSpaceOfTheOldestDays) {
  std::mt19937_64 noise;
  for (const Day day : {19'900, 19'901}) {
    for (int i = 0; i < 200; ++i) {
      std::string key;
      while (key.size() < 4000) key += absl::StrFormat("%016x", noise());
      Add({.host = "a", .day = day, .key = key});
    }
  }
  Seal();
  const uint64_t before = store_->Activity().table_bytes;
  const auto dropped = store_->DropOldest(1, {}, nullptr);
  ASSERT_TRUE(dropped.ok()) << dropped.status();
  ASSERT_GT(*dropped, 200'000u);
  EXPECT_LT(store_->Activity().table_bytes, before - *dropped / 2);
  EXPECT_EQ(Left().size(), 200u);
  ExpectSound();
}

// As where nothing else goes: without a policy, on a disk that is full.
TEST_F(RetentionTest, GivesBackTheIndexOfTheOldestDays) {
  AddAll({{"a", 19'900}, {"a", 19'901}, {"a", 19'902}});
  ASSERT_GT(*store_->DropOldest(1, {}, nullptr), 0u);
  EXPECT_EQ(CountFloors(), 1u);
  Open();
  ASSERT_TRUE(store_->ApplyRetention({}, {}, nullptr).ok());
  EXPECT_EQ(CountFloors(), 0u);
  ExpectKey("none", 2);
  ExpectSound();
}

// RocksDB does not ask the filter of what a search sees that began after the deletion.
TEST_F(RetentionTest, KeepsTheFloorsOfPostingsThatAreStillThere) {
  AddAll({{"a", 19'900, "old"}, {"a", 19'901, "none"}, {"a", 19'902, "none"}});
  ASSERT_GT(*store_->DropOldest(1, {}, nullptr), 0u);
  int found = 0;
  const absl::Status searched = store_->Search({}, [&](const FoundEvent&) {
    if (++found == 1) {
      EXPECT_TRUE(store_->ApplyRetention({}, {}, nullptr).ok());
    }
    return true;
  });
  EXPECT_TRUE(searched.ok()) << searched;
  EXPECT_EQ(found, 2);
  Open();
  AddAll({{.host = "a", .day = 19'900, .key = "late", .received = 19'950}});
  ExpectKey("old", 0);
  ExpectKey("late", 1);
  ExpectSound();
}

// Files, and the index: then no floor is needed any more.
TEST_F(RetentionTest, GivesBackWhatIsDeletedOnceAQuarterIsDead) {
  options_.reclaim_bytes_min = 0;
  Open();
  std::mt19937_64 noise;
  for (const Day day : {19'900, 19'910, 19'920, 19'921, 19'922, 19'923}) {
    for (int i = 0; i < 200; ++i) {
      std::string key;
      while (key.size() < 900) key += absl::StrFormat("%016x", noise());
      Add({.host = "a", .day = day, .key = key});
    }
  }
  Seal();
  const auto stats = [&] { return store_->Stats().value_or(StoreStats()); };
  const StoreStats before = stats();
  ASSERT_EQ(Apply("default keep 95d").size(), 1u);
  EXPECT_EQ(CountFloors(), 1u);
  {
    // Whoever searches the index must find what he has begun with.
    int found = 0;
    const absl::Status searched = store_->Search({}, [&](const FoundEvent&) {
      if (++found == 1) Apply("default keep 85d");
      return true;
    });
    EXPECT_TRUE(searched.ok()) << searched;
    EXPECT_EQ(found, 1000);
    EXPECT_EQ(CountFloors(), 2u);
  }
  ASSERT_EQ(Apply("default keep 79d").size(), 1u);
  EXPECT_EQ(CountFloors(), 0u);
  const StoreStats after = stats();
  EXPECT_LT(after.columns_bytes, before.columns_bytes * 6 / 10);
  EXPECT_LT(after.terms_bytes, before.terms_bytes * 6 / 10);
  // Numbers are given again now, and mean the new blocks.
  Open();
  Add({.host = "a", .day = 19'900, .key = "late", .received = 19'950});
  Seal();
  const query::Predicate is_late(
      query::AttributeIs{query::Attribute::kKey, "late", query::TermMatch::kIs});
  EXPECT_EQ(Left({.predicate = is_late}).size(), 1u);
  EXPECT_EQ(Left().size(), 601u);
  ExpectSound();
}

// Its events look old, but they come now.
TEST_F(RetentionTest, DropsNothingThatWasReceivedToday) {
  AddAll({{.host = "epoch", .day = 0, .received = kToday}});
  EXPECT_EQ(*store_->DropOldest(1 << 30, {}, nullptr), 0u);
  EXPECT_THAT(Left(), ElementsAre("epoch 0"));
}

TEST_F(RetentionTest, KeepsNoMoreThanItsRuleGivesRoomFor) {
  RetentionPolicy policy = Policy("rule web host=web* keep forever at-most 1K");
  std::vector<What> all;
  for (Day day = 19'900; day < 19'930; ++day) {
    all.push_back({.host = day % 2 == 0 ? "web1" : "web2", .day = day});
  }
  all.push_back({"db1", 19'000});
  AddAll(all);
  const uint64_t before = ColumnsBytes({"web*"});
  policy.rules[0].bytes_max = before / 2;
  const auto preview = store_->PreviewRetention(policy, {});
  ASSERT_TRUE(preview.ok()) << preview.status();
  uint64_t deleted = 0;
  ASSERT_TRUE(
      store_
          ->ApplyRetention(policy, {}, [&](const Deletion& deletion) { deleted += deletion.bytes; })
          .ok());
  EXPECT_EQ(before - ColumnsBytes({"web*"}), deleted);
  EXPECT_EQ(preview->front().bytes, deleted);
  EXPECT_LE(ColumnsBytes({"web*"}), before / 2);
  EXPECT_GT(ColumnsBytes({"web*"}), before / 3);
  const std::vector<std::string> left = Left();
  EXPECT_EQ(left.front(), "db1 19000");
  EXPECT_EQ(left.back(), "web2 19929");
  ExpectSound();
}

TEST_F(RetentionTest, TellsWhatItWouldDelete) {
  AddAll({{"a", 19'900}, {"a", 19'901}, {"b", 19'900}, {"web1", 19'900}, {"web1", 19'999}});
  Place("b", 19'900, 19'900);
  const std::string policy = "rule web host=web* keep 20d\ndefault keep 30d";
  const auto reader = EventStore::OpenForReading(path_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  const auto preview = store_->PreviewRetention(Policy(policy), {});
  ASSERT_TRUE(preview.ok()) << preview.status();
  ASSERT_EQ(preview->size(), 2u);
  const RuleEffect& web = preview->front();
  EXPECT_EQ(web.rule, "web");
  EXPECT_EQ(web.hosts, 1u);
  EXPECT_EQ(web.events, 1u);
  const RuleEffect& rest = preview->back();
  EXPECT_EQ(rest.hosts, 1u);
  EXPECT_EQ(rest.host_days, 2u);
  EXPECT_EQ(rest.records, 2u);
  EXPECT_EQ(rest.held_host_days, 1u);
  EXPECT_EQ(rest.held_events, 1u);
  EXPECT_GT(rest.held_bytes, 0u);
  const auto by_reader = (*reader)->PreviewRetention(Policy(policy), {});  // By the real clock.
  ASSERT_TRUE(by_reader.ok()) << by_reader.status();
  EXPECT_EQ(by_reader->front().events, 2u);
  EXPECT_EQ(by_reader->back(), rest);
  EXPECT_EQ(Left().size(), 5u);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(
      absl::IsCancelled(store_->PreviewRetention(Policy(policy), stop.get_token()).status()));
  EXPECT_TRUE(absl::IsCancelled(store_->ApplyRetention(Policy(policy), stop.get_token(), {})));
  EXPECT_THAT(Apply(policy),
              UnorderedElementsAre("web web1 19900-19900: 1", "default a 19900-19901: 2"));
}

TEST_F(RetentionTest, DeletesMalformedRecordsWithTheirDay) {
  Delivery delivery{.received_ms = 19'900 * kDayMs};
  delivery.batches.emplace_back(Host("a"), "192.0.2.1");
  delivery.batches.back().AddMalformed("garbage");
  ASSERT_TRUE(store_->Append({&delivery, 1}).ok());
  Seal();
  EXPECT_THAT(Apply("default keep 10d"), ElementsAre("default a 19900-19900: 1"));
  EXPECT_EQ(store_->Stats()->block_malformed, 0u);
}

// A search that has begun before sees its moment to the end.
TEST_F(RetentionTest, LetsASearchThatHasBegunGoOn) {
  AddAll({{"a", 19'900}, {"b", 19'900}, {"c", 19'900}});
  int found = 0;
  const absl::Status searched = store_->Search({}, [&](const FoundEvent&) {
    if (++found == 1) Apply("default keep 10d");
    return true;
  });
  EXPECT_TRUE(searched.ok()) << searched;
  EXPECT_EQ(found, 3);
  EXPECT_THAT(Left(), IsEmpty());
}

TEST_F(RetentionTest, FailsOnAStoreThatIsOpenForReading) {
  const auto reader = EventStore::OpenForReading(path_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_TRUE(absl::IsUnavailable((*reader)->ApplyRetention({}, {}, {})));
  EXPECT_TRUE(absl::IsUnavailable((*reader)->AddHold({.host_pattern = "a"}).status()));
  EXPECT_TRUE(absl::IsUnavailable((*reader)->RemoveHold(1)));
  EXPECT_TRUE(absl::IsUnavailable((*reader)->DropOldest(1, {}, {}).status()));
}

}  // namespace
}  // namespace storage
