// Says in short what is stored when, what is deleted, and what is left.

#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/block_floors.h"
#include "storage/event_store.h"
#include "storage/retention.h"
#include "storage/store_directory.h"
#include "storage/term_index.h"
#include "tests/storage/open_store.h"
#include "tests/storage/temporary_directory.h"

namespace storage {

// Counted from the epoch.
inline constexpr Day kToday = 20'000;

inline Identity Host(const std::string& name) {
  return {.kind = IdentityKind::kNode, .name = name};
}

inline RetentionPolicy Policy(const std::string& text) {
  auto policy = ParseRetentionPolicy(text, "policy");
  EXPECT_TRUE(policy.ok()) << policy.status();
  return policy.value_or(RetentionPolicy());
}

class RetentionFixture : public testing::Test {
 protected:
  RetentionFixture() {
    options_.now_ms = [this] { return today_ * kDayMs + kDayMs / 2; };
    options_.on_problem = [](const absl::Status& problem) { ADD_FAILURE() << problem; };
    Open();
  }

  void Open() {
    store_.reset();
    store_ = OpenStore(path_, options_);
    ASSERT_NE(store_, nullptr);
  }

  struct What {
    std::string host;
    Day day = kToday;
    std::string key = "none";
    std::optional<Day> received = {};  // None: on that day.
    std::string type = "USER_CMD";
    int more_records = 0;  // PATH, which have no key.
  };

  // Stores an event. It is in a block after Seal().
  void Add(const What& what) {
    const uint64_t time_ms = what.day * kDayMs + ++serial_ * 1000;
    Delivery delivery{.received_ms = what.received.value_or(what.day) * kDayMs + serial_ * 1000};
    delivery.batches.emplace_back(Host(what.host), "192.0.2.1");
    delivery.batches.back().Add(absl::StrFormat("type=%s msg=audit(%d.%03d:%d): pid=7 key=\"%s\"",
                                                what.type, time_ms / 1000, time_ms % 1000, serial_,
                                                what.key));
    for (int i = 0; i < what.more_records; ++i) {
      delivery.batches.back().Add(absl::StrFormat("type=PATH msg=audit(%d.%03d:%d): item=%d",
                                                  time_ms / 1000, time_ms % 1000, serial_, i));
    }
    const auto appended = store_->Append({&delivery, 1});
    ASSERT_TRUE(appended.ok()) << appended.status();
  }

  void Seal() {
    const absl::Status settled = store_->Settle({});
    ASSERT_TRUE(settled.ok()) << settled;
  }

  void AddAll(const std::vector<What>& all) {
    for (const What& what : all) Add(what);
    Seal();
  }

  // Each as "rule host first-last: events".
  std::vector<std::string> Apply(const std::string& policy) {
    std::vector<std::string> told;
    const absl::Status applied = store_->ApplyRetention(
        Policy(policy), {}, [&](const Deletion& deletion) { told.push_back(TextOf(deletion)); });
    EXPECT_TRUE(applied.ok()) << applied;
    ExpectSound();
    return told;
  }

  static std::string TextOf(const Deletion& deletion) {
    EXPECT_GT(deletion.bytes, 0u);
    return absl::StrFormat("%s %s %d-%d: %d", deletion.rule, deletion.host.name, deletion.first_day,
                           deletion.last_day, deletion.events);
  }

  // What is left, as "host day".
  std::vector<std::string> Left(const SearchRequest& request = {.order = SearchOrder::kTime}) {
    return LeftIn(*store_, request);
  }

  static std::vector<std::string> LeftIn(const EventStore& store, const SearchRequest& request) {
    std::vector<std::string> left;
    const absl::Status searched = store.Search(request, [&](const FoundEvent& found) {
      left.push_back(
          absl::StrFormat("%s %d", found.host.name, found.event.stamp().time_ms / kDayMs));
      return true;
    });
    EXPECT_TRUE(searched.ok()) << searched;
    return left;
  }

  // By the index: a search for a key, a count, and a histogram by key.
  void ExpectKey(const std::string& key, uint64_t events) {
    const query::Predicate has_key(
        query::AttributeIs{query::Attribute::kKey, key, query::TermMatch::kIs});
    EXPECT_EQ(Left({.predicate = has_key}).size(), events);
    std::map<std::string, uint64_t> counts;
    const auto counted = store_->Count({.field = query::TermField::kKey});
    ASSERT_TRUE(counted.ok()) << counted.status();
    for (const ValueCount& count : *counted) counts[count.value] = count.events;
    EXPECT_EQ(counts[key], events);
    const auto histogram = store_->CountOverTime({.time = {.from_ms = 0, .to_ms = kDayMs * 40'000},
                                                  .bucket_ms = kDayMs * 10,
                                                  .field = query::TermField::kKey,
                                                  .series_max = 10});
    ASSERT_TRUE(histogram.ok()) << histogram.status();
    uint64_t in_series = 0;
    for (const HistogramSeries& series : histogram->series) {
      if (series.value == key) in_series = series.total;
    }
    EXPECT_EQ(in_series, events);
  }

  // What the columns of these hosts take; of all, if there is no pattern.
  uint64_t ColumnsBytes(const std::vector<std::string>& host_patterns = {}) {
    uint64_t sum = 0;
    const auto hosts = store_->ListHosts({.host_patterns = host_patterns, .with_contents = true});
    EXPECT_TRUE(hosts.ok()) << hosts.status();
    for (const auto& host : hosts->hosts) sum += host.contents->bytes;
    return sum;
  }

  size_t CountFloors() {
    const auto rocks = OpenRocksForReading(DatabasePath(path_));
    EXPECT_TRUE(rocks.ok()) << rocks.status();
    return BlockFloors::Load(**rocks, {}, 0, 40'000)->floors().size();
  }

  void ExpectSound() {
    std::vector<std::string> wrong;
    const absl::Status checked =
        store_->Check({}, [&](const std::string& what) { wrong.push_back(what); });
    EXPECT_TRUE(checked.ok()) << checked;
    EXPECT_THAT(wrong, testing::IsEmpty());
  }

  uint64_t Place(const std::string& pattern, Day from, Day to) {
    const auto id = store_->AddHold({.host_pattern = pattern,
                                     .from_ms = from * kDayMs + 1000,
                                     .to_ms = to * kDayMs + 1000,
                                     .reason = "case 7",
                                     .placed_by = "auditor",
                                     .placed_ms = today_ * kDayMs});
    EXPECT_TRUE(id.ok()) << id.status();
    return id.value_or(0);
  }

  Day today_ = kToday;
  TemporaryDirectory temporary_;
  const std::string path_ = temporary_.path() + "/store";
  StoreOptions options_;
  std::unique_ptr<EventStore> store_;
  uint32_t serial_ = 0;
};

}  // namespace storage
