// The store against a plain model of it: whatever is appended, sealed, merged, dropped, imported or
// cut off by a restart, a search finds what a list of records would find.

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <random>
#include <set>

#include "absl/strings/str_format.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/event_store.h"
#include "storage/term_index.h"
#include "tests/storage/open_store.h"
#include "tests/storage/temporary_directory.h"

namespace storage {
namespace {

using testing::ElementsAreArray;
using testing::IsEmpty;

constexpr uint64_t kFirstDayMs = uint64_t{20'000} * kDayMs;
constexpr const char* kKeys[] = {"exec", "net", "fsmod", "time"};

struct ModelEvent {
  std::string host = {};
  uint64_t time_ms = 0;
  uint32_t serial = 0;
  std::string key = {};
  std::vector<std::string> lines = {};
  bool malformed = false;

  auto place() const { return std::tuple(time_ms, serial, host); }
};

std::vector<std::string> LinesOf(std::vector<ModelEvent> events) {
  std::ranges::sort(events, {}, &ModelEvent::place);
  std::vector<std::string> lines = {};
  for (const ModelEvent& event : events) {
    for (const std::string& line : event.lines) lines.push_back(event.host + " " + line);
  }
  return lines;
}

class StoreModelTest : public testing::TestWithParam<int> {
 protected:
  StoreModelTest() : random_(static_cast<uint32_t>(GetParam())) {
    // Small, so that seals for memory happen all the time.
    options_.open_bytes_max = 100'000;
    options_.now_ms = [] { return kFirstDayMs + 10 * kDayMs; };
    options_.on_problem = [](const absl::Status& problem) { ADD_FAILURE() << problem; };
    Open();
  }

  void Open() {
    store_.reset();
    store_ = OpenStore(path_, options_);
    ASSERT_NE(store_, nullptr);
  }

  uint32_t Random(uint32_t below) { return static_cast<uint32_t>(random_() % below); }

  // An event of a few records, most often in order of time.
  ModelEvent NewEvent() {
    // Hosts are numbered as they come, and of events of one millisecond the number decides.
    const uint32_t host = serial_ < 4 ? serial_ : Random(4);
    ModelEvent event{.host = absl::StrFormat("host%d", host), .serial = ++serial_};
    now_ms_ += Random(200'000);
    const bool is_late = Random(20) == 0;
    event.time_ms = kFirstDayMs + now_ms_ - (is_late ? std::min<uint64_t>(now_ms_, 90'000'000) : 0);
    if (Random(30) == 0) {
      event.malformed = true;
      event.time_ms = kFirstDayMs + now_ms_;  // That of its receipt.
      event.lines = {absl::StrFormat("garbage %d \x01\xff", serial_)};
      return event;
    }
    event.key = kKeys[Random(4)];
    const std::string stamp = absl::StrFormat(" msg=audit(%d.%03d:%d): ", event.time_ms / 1000,
                                              event.time_ms % 1000, event.serial);
    event.lines = {
        "type=SYSCALL" + stamp +
            absl::StrFormat("arch=c000003e syscall=%d success=%s pid=%d uid=%d comm=\"c%d\" "
                            "exe=\"/usr/bin/e%d\" key=\"%s\"",
                            Random(8), Random(2) == 0 ? "yes" : "no", Random(70'000), Random(3),
                            Random(40), Random(40), event.key),
        "type=CWD" + stamp + absl::StrFormat("cwd=\"/home/%d\"", Random(5)),
        "type=PROCTITLE" + stamp + absl::StrFormat("proctitle=%08X", Random(1'000'000))};
    return event;
  }

  // Delivers events, their records one by one or all at once.
  void Append(uint32_t events) {
    std::vector<Delivery> deliveries;
    for (uint32_t i = 0; i < events; ++i) {
      const ModelEvent event = NewEvent();
      const bool together = Random(2) == 0;
      for (const std::string& line : event.lines) {
        if (!together || &line == &event.lines.front()) {
          deliveries.push_back({.received_ms = kFirstDayMs + now_ms_});
          deliveries.back().batches.emplace_back(
              Identity{.kind = IdentityKind::kNode, .name = event.host}, "192.0.2.1");
        }
        deliveries.back().batches.back().Add(line);
      }
      model_.push_back(event);
    }
    const auto appended = store_->Append(deliveries);
    ASSERT_TRUE(appended.ok()) << appended.status();
  }

  void DropOldestDay() {
    ASSERT_TRUE(store_->Settle({}).ok());
    const std::string host = absl::StrFormat("host%d", Random(4));
    Day oldest = std::numeric_limits<Day>::max();
    for (const ModelEvent& event : model_) {
      if (event.host == host) oldest = std::min(oldest, DayOfEvent(event));
    }
    if (oldest == std::numeric_limits<Day>::max()) return;
    const absl::Status dropped =
        store_->DropDay({.kind = IdentityKind::kNode, .name = host}, oldest);
    ASSERT_TRUE(dropped.ok()) << dropped;
    std::erase_if(model_, [&](const ModelEvent& event) {
      return event.host == host && DayOfEvent(event) == oldest;
    });
  }

  static Day DayOfEvent(const ModelEvent& event) { return DayOf(event.time_ms); }

  std::vector<std::string> Found(const SearchRequest& request) {
    std::vector<std::string> found;
    const absl::Status searched = store_->Search(request, [&](const FoundEvent& event) {
      for (size_t i = 0; i < event.event.record_count(); ++i) {
        found.push_back(event.host.name + " " + std::string(event.event.line(i)));
      }
      return true;
    });
    EXPECT_TRUE(searched.ok()) << searched;
    return found;
  }

  template <typename Accepts>
  std::vector<ModelEvent> Expected(const Accepts& accepts) const {
    std::vector<ModelEvent> events;
    std::ranges::copy_if(model_, std::back_inserter(events), [&](const ModelEvent& event) {
      return !event.malformed && accepts(event);
    });
    return events;
  }

  void ExpectModel() {
    const std::string key = kKeys[Random(4)];
    const std::string host = absl::StrFormat("host%d", Random(4));
    const uint64_t from_ms = kFirstDayMs + Random(static_cast<uint32_t>(now_ms_ + 1));
    const query::Predicate has_key(
        query::AttributeIs{query::Attribute::kKey, key, query::TermMatch::kContains});
    EXPECT_THAT(Found({.order = SearchOrder::kTime}),
                ElementsAreArray(LinesOf(Expected([](const auto&) { return true; }))));
    EXPECT_THAT(Found({.predicate = has_key, .order = SearchOrder::kTime}),
                ElementsAreArray(LinesOf(Expected([&](const auto& e) { return e.key == key; }))));
    const query::Predicate key_in_time(query::AllOf{
        {has_key, query::Predicate(query::TimeIn{{.from_ms = from_ms, .to_ms = from_ms * 2}})}});
    EXPECT_THAT(
        Found({.predicate = key_in_time, .host_patterns = {host}, .order = SearchOrder::kTime}),
        ElementsAreArray(LinesOf(Expected([&](const auto& e) {
          return e.host == host && e.key == key && e.time_ms >= from_ms;
        }))));
    ExpectPages(key);
    ExpectCounts(from_ms);
    ExpectHistogram(from_ms);
    ExpectMalformed();
  }

  // Page by page, in descending order, from cursor to cursor.
  void ExpectPages(const std::string& key) {
    SearchRequest request{.predicate = query::Predicate(query::AttributeIs{
                              query::Attribute::kKey, key, query::TermMatch::kContains}),
                          .order = SearchOrder::kTimeDescending,
                          .limit = 7};
    std::vector<uint32_t> serials;
    for (bool more = true; more;) {
      more = false;
      const absl::Status searched = store_->Search(request, [&](const FoundEvent& event) {
        serials.push_back(event.event.stamp().serial);
        request.after = event.cursor;
        more = true;
        return true;
      });
      ASSERT_TRUE(searched.ok()) << searched;
    }
    std::vector<ModelEvent> events = Expected([&](const auto& e) { return e.key == key; });
    std::ranges::sort(events, std::greater<>(), &ModelEvent::place);
    std::vector<uint32_t> expected;
    for (const ModelEvent& event : events) expected.push_back(event.serial);
    EXPECT_EQ(serials, expected);
  }

  void ExpectCounts(uint64_t from_ms) {
    for (const query::TimeRange& time :
         {query::TimeRange{}, query::TimeRange{.from_ms = from_ms, .to_ms = from_ms * 2}}) {
      const auto counts = store_->Count(
          {.field = query::TermField::kKey, .predicate = query::Predicate(query::TimeIn{time})});
      ASSERT_TRUE(counts.ok()) << counts.status();
      std::map<std::string, uint64_t> found;
      for (const ValueCount& count : *counts) found[count.value] = count.events;
      std::map<std::string, uint64_t> expected;
      for (const ModelEvent& event :
           Expected([&](const auto& e) { return time.Contains(e.time_ms); })) {
        ++expected[event.key];
      }
      EXPECT_EQ(found, expected);
    }
  }

  // A histogram is what a loop over all events counts.
  void ExpectHistogram(uint64_t from_ms) {
    constexpr query::TermField kFields[] = {query::TermField::kKey, query::TermField::kExe,
                                            query::TermField::kType, query::TermField::kSyscall};
    HistogramRequest request{
        .time = {.from_ms = from_ms, .to_ms = from_ms + Random(100'000'000)},
        .bucket_ms = uint64_t{1} << (14 + Random(14)),
        .by_host = Random(5) == 0,
        .series_max = Random(4),
    };
    if (!request.by_host && Random(5) > 0) request.field = kFields[Random(4)];
    if (Random(2) == 0) {
      request.predicate = query::Predicate(
          query::AttributeIs{query::Attribute::kKey, kKeys[Random(4)], query::TermMatch::kIs});
    }
    if (Random(3) == 0) request.host_patterns = {"host[01]"};
    const auto counted = store_->CountOverTime(request);
    ASSERT_TRUE(counted.ok()) << counted.status();

    std::map<std::string, std::map<size_t, uint64_t>> expected;  // By value and bucket.
    std::map<size_t, uint64_t> all;
    const SearchRequest search{.predicate = request.predicate,
                               .host_patterns = request.host_patterns};
    const absl::Status searched = store_->Search(search, [&](const FoundEvent& found) {
      const uint64_t time_ms = found.event.stamp().time_ms;
      if (!request.time.Contains(time_ms)) return true;
      const size_t bucket = (time_ms - from_ms) / request.bucket_ms;
      ++all[bucket];
      std::set<std::string> values;
      if (request.by_host) values.insert(found.host.name);
      query::ForEachTerm(found.event, [&](query::TermField field, std::string_view value) {
        if (field == request.field) values.emplace(value);
      });
      for (const std::string& value : values) ++expected[value][bucket];
      return true;
    });
    ASSERT_TRUE(searched.ok()) << searched;

    EXPECT_EQ(NotZero(counted->events), all);
    EXPECT_EQ(counted->value_count, expected.size());
    EXPECT_EQ(counted->series.size(), std::min(request.series_max, expected.size()));
    uint64_t least = std::numeric_limits<uint64_t>::max();
    for (const HistogramSeries& series : counted->series) {
      EXPECT_EQ(NotZero(series.events), expected[series.value]);
      EXPECT_EQ(series.total, SumOf(series.events));
      EXPECT_LE(series.total, least);
      least = series.total;
      expected.erase(series.value);
    }
    std::map<size_t, uint64_t> others;
    for (const auto& [value, events] : expected) {
      uint64_t total = 0;
      for (const auto& [bucket, count] : events) {
        others[bucket] += count;
        total += count;
      }
      EXPECT_LE(total, least);
    }
    EXPECT_EQ(NotZero(counted->others.events), others);
    EXPECT_EQ(counted->others.total, SumOf(counted->others.events));
  }

  static std::map<size_t, uint64_t> NotZero(const std::vector<uint64_t>& counts) {
    std::map<size_t, uint64_t> found;
    for (size_t i = 0; i < counts.size(); ++i) {
      if (counts[i] > 0) found[i] = counts[i];
    }
    return found;
  }

  static uint64_t SumOf(const std::vector<uint64_t>& counts) {
    return std::accumulate(counts.begin(), counts.end(), uint64_t{0});
  }

  void ExpectMalformed() {
    std::multiset<std::string> found;
    ASSERT_TRUE(store_
                    ->SearchMalformed({},
                                      [&](const MalformedRecord& record) {
                                        found.insert(record.host.name + " " +
                                                     std::string(record.line));
                                        return true;
                                      })
                    .ok());
    std::multiset<std::string> expected;
    for (const ModelEvent& event : model_) {
      if (event.malformed) expected.insert(event.host + " " + event.lines.front());
    }
    EXPECT_EQ(found, expected);
  }

  void ExpectSound() {
    std::vector<std::string> wrong;
    const absl::Status checked =
        store_->Check({}, [&](const std::string& what) { wrong.push_back(what); });
    EXPECT_TRUE(checked.ok()) << checked;
    EXPECT_THAT(wrong, IsEmpty());
  }

  std::mt19937 random_;
  TemporaryDirectory temporary_;
  const std::string path_ = temporary_.path() + "/store";
  StoreOptions options_;
  std::unique_ptr<EventStore> store_;
  uint64_t now_ms_ = 0;
  uint32_t serial_ = 0;
  std::vector<ModelEvent> model_;
};

TEST_P(StoreModelTest, FindsWhatAListWouldFind) {
  for (int step = 0; step < 120 && !HasFailure(); ++step) {
    switch (Random(10)) {
      case 0:
        Open();
        break;
      case 1:
        ASSERT_TRUE(store_->Seal().ok());
        break;
      case 2:
        ASSERT_TRUE(store_->Settle({}).ok());
        break;
      case 3:
        if (Random(4) == 0) DropOldestDay();
        break;
      default:
        Append(Random(60) + 1);
    }
    if (step % 6 == 0) ExpectModel();
    if (step % 20 == 0) ExpectSound();
  }
  ASSERT_TRUE(store_->Settle({}).ok());
  ExpectModel();
  ExpectSound();
  const auto stats = store_->Stats();
  ASSERT_TRUE(stats.ok());
  EXPECT_GT(stats->blocks, 4u);
  EXPECT_EQ(stats->open_records, 0u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, StoreModelTest, testing::Range(1, 7));

}  // namespace
}  // namespace storage
