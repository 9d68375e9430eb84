#include "audit/assembler.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace audit {
namespace {

using std::chrono::milliseconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAreArray;

std::string Line(const std::string& type, uint64_t time_ms, uint32_t serial,
                 const std::string& node = "") {
  return absl::StrFormat("%stype=%s msg=audit(%d.%03d:%d): a=1",
                         node.empty() ? "" : "node=" + node + " ", type, time_ms / 1000,
                         time_ms % 1000, serial);
}

// "7 SYSCALL PATH" for an event with the serial 7, "node!7 ..." with a node, "late 7 ..." if late.
std::string Describe(const Event& event) {
  std::string text = event.late() ? "late " : "";
  if (!event.node().empty()) text += event.node() + "!";
  text += std::to_string(event.stamp().serial);
  for (size_t i = 0; i < event.record_count(); ++i) {
    text.append(" ").append(event.record(i).type);
  }
  return text;
}

class AssemblerTest : public testing::Test {
 protected:
  void Start(const AssemblerOptions& options) { assembler_.emplace(options); }

  // Adds a record, with a time in milliseconds after an arbitrary one.
  void Add(const std::string& type, uint64_t time_ms, uint32_t serial,
           const std::string& node = "") {
    AddAt(type, 1'600'000'000'000 + time_ms, serial, node);
  }

  void AddAt(const std::string& type, uint64_t time_ms, uint32_t serial,
             const std::string& node = "") {
    const std::string line = Line(type, time_ms, serial, node);
    assembler_->Add(line, *ParseRecord(line));
  }

  // What came out since the last call.
  std::vector<std::string> Out() {
    std::vector<std::string> events;
    while (const auto event = assembler_->Take()) events.push_back(Describe(*event));
    return events;
  }

  std::vector<std::string> Flush() {
    assembler_->Flush();
    return Out();
  }

  const AssemblerCounters& counters() const { return assembler_->counters(); }

  std::optional<Assembler> assembler_{std::in_place};
};

constexpr AssemblerOptions kAtOnce{.hold = milliseconds(0)};

TEST_F(AssemblerTest, JoinsInterleavedRecords) {
  Add("SYSCALL", 0, 1);
  Add("SYSCALL", 0, 2);
  Add("PATH", 0, 1);
  Add("PROCTITLE", 0, 2);
  Add("PROCTITLE", 0, 1);
  EXPECT_THAT(Out(), IsEmpty());
  EXPECT_THAT(Flush(), ElementsAre("1 SYSCALL PATH PROCTITLE", "2 SYSCALL PROCTITLE"));
  EXPECT_EQ(counters().records, 5u);
  EXPECT_EQ(counters().events, 2u);
}

TEST_F(AssemblerTest, KeepsTheLinesAsTheyWere) {
  const std::string line =
      "type=USER_LOGIN msg=audit(0001.5:07): odd  but\x1d"
      "A=\"kept\" ";
  assembler_->Add(line, *ParseRecord(line));
  assembler_->Flush();
  EXPECT_EQ(assembler_->Take()->line(0), line);
}

TEST_F(AssemblerTest, TellsNodesApart) {
  Add("SYSCALL", 0, 1, "a");
  Add("SYSCALL", 0, 1, "b");
  Add("SYSCALL", 0, 1);
  Add("PROCTITLE", 0, 1, "a");
  EXPECT_THAT(Flush(), ElementsAre("a!1 SYSCALL PROCTITLE", "b!1 SYSCALL", "1 SYSCALL"));
}

TEST_F(AssemblerTest, TellsStampsWithOneSerialApart) {
  Add("SYSCALL", 0, 1);
  Add("SYSCALL", 1, 1);
  EXPECT_THAT(Flush(), ElementsAre("1 SYSCALL", "1 SYSCALL"));
}

TEST_F(AssemblerTest, CompletesAnEventAtItsLastRecord) {
  Start(kAtOnce);
  for (const char* last : {"EOE", "PROCTITLE", "KERNEL"}) {
    Add("SYSCALL", 0, 1);
    EXPECT_THAT(Out(), IsEmpty());
    Add(last, 0, 1);
    EXPECT_THAT(Out(), ElementsAre(std::string("1 SYSCALL ") + last));
    Start(kAtOnce);
  }
}

TEST_F(AssemblerTest, CompletesATypeThatStandsAlone) {
  Start(kAtOnce);
  Add("USER_LOGIN", 0, 1);
  Add("UNKNOWN[2900]", 0, 2);
  Add("DAEMON_START", 0, 3);
  EXPECT_THAT(Out(), ElementsAre("1 USER_LOGIN", "2 UNKNOWN[2900]", "3 DAEMON_START"));
}

TEST_F(AssemblerTest, JoinsATypeThatNobodyKnows) {
  Add("SYSCALL", 0, 1);
  Add("FROM_THE_FUTURE", 0, 1);
  Add("PROCTITLE", 0, 1);
  EXPECT_THAT(Flush(), ElementsAre("1 SYSCALL FROM_THE_FUTURE PROCTITLE"));
}

TEST_F(AssemblerTest, CompletesAnEventAfterTheTimeout) {
  Add("SYSCALL", 0, 1);
  Add("SYSCALL", 2000, 2);
  EXPECT_THAT(Out(), IsEmpty());
  Add("SYSCALL", 2001, 3);
  EXPECT_THAT(Out(), ElementsAre("1 SYSCALL"));
}

TEST_F(AssemblerTest, HoldsACompleteEventForLateRecords) {
  Add("SYSCALL", 0, 1);
  Add("PROCTITLE", 0, 1);
  Add("SYSCALL", 1999, 2);
  Add("PATH", 0, 1);
  EXPECT_THAT(Out(), IsEmpty());
  Add("PATH", 2000, 3);
  EXPECT_THAT(Out(), ElementsAre("1 SYSCALL PROCTITLE PATH"));
  EXPECT_EQ(counters().late_records, 0u);
}

TEST_F(AssemblerTest, KeepsEoeWithItsEvent) {
  Add("SYSCALL", 0, 1);
  Add("PROCTITLE", 0, 1);
  Add("EOE", 0, 1);
  EXPECT_THAT(Flush(), ElementsAre("1 SYSCALL PROCTITLE EOE"));
}

TEST_F(AssemblerTest, MarksWhatComesAfterItsEventIsOut) {
  Start(kAtOnce);
  Add("SYSCALL", 0, 1, "n");
  Add("PROCTITLE", 0, 1, "n");
  Add("PATH", 0, 1, "n");
  Add("PATH", 0, 1, "m");
  EXPECT_THAT(Flush(), ElementsAre("n!1 SYSCALL PROCTITLE", "late n!1 PATH", "m!1 PATH"));
  EXPECT_EQ(counters().late_records, 1u);
}

TEST_F(AssemblerTest, JoinsTheLateRecordsThatAreHeld) {
  Add("SYSCALL", 0, 1);
  Add("USER_LOGIN", 5000, 2);
  Add("PATH", 0, 1);
  Add("PATH", 0, 1);
  EXPECT_THAT(Flush(), ElementsAre("1 SYSCALL", "2 USER_LOGIN", "late 1 PATH PATH"));
  EXPECT_EQ(counters().late_records, 2u);
}

// The next four are what ausearch 3.0.9 prints for the same records.
TEST_F(AssemblerTest, MakesTwoEventsOfTwoThatStandAlone) {
  Add("USER_LOGIN", 0, 1);
  Add("USER_LOGIN", 0, 1);
  EXPECT_THAT(Flush(), ElementsAre("1 USER_LOGIN", "1 USER_LOGIN"));
  EXPECT_EQ(counters().late_records, 0u);
}

TEST_F(AssemblerTest, KeepsALoginApartFromItsSystemCall) {
  Add("LOGIN", 0, 1);
  Add("SYSCALL", 0, 1);
  Add("PROCTITLE", 0, 1);
  EXPECT_THAT(Flush(), ElementsAre("1 LOGIN", "1 SYSCALL PROCTITLE"));
}

TEST_F(AssemblerTest, JoinsALoginToASystemCallBeforeIt) {
  Add("SYSCALL", 0, 1);
  Add("LOGIN", 0, 1);
  Add("PROCTITLE", 0, 1);
  EXPECT_THAT(Flush(), ElementsAre("1 SYSCALL LOGIN PROCTITLE"));
}

TEST_F(AssemblerTest, KeepsALoginApartFromACompleteEvent) {
  Add("SYSCALL", 0, 1);
  Add("PROCTITLE", 0, 1);
  Add("LOGIN", 0, 1);
  EXPECT_THAT(Flush(), ElementsAre("1 SYSCALL PROCTITLE", "1 LOGIN"));
}

TEST_F(AssemblerTest, LetsEventsOutInTheOrderOfTheirStamps) {
  Add("SYSCALL", 10, 2);
  Add("SYSCALL", 0, 1);
  Add("PROCTITLE", 10, 2);
  Add("PROCTITLE", 0, 1);
  Add("SYSCALL", 1999, 3);
  EXPECT_THAT(Out(), IsEmpty());
  Add("SYSCALL", 2010, 4);
  EXPECT_THAT(Out(), ElementsAre("1 SYSCALL PROCTITLE", "2 SYSCALL PROCTITLE"));
}

// As ausearch prints it: what begins after it is behind it, whatever its stamp.
TEST_F(AssemblerTest, GivesWhatStandsAloneItsPlaceAtOnceIfItIsTheLowest) {
  Add("USER_LOGIN", 10, 2);
  Add("USER_LOGIN", 0, 1);
  Add("SYSCALL", 5, 3);
  Add("USER_LOGIN", 20, 4);
  EXPECT_THAT(Flush(), ElementsAre("2 USER_LOGIN", "1 USER_LOGIN", "3 SYSCALL", "4 USER_LOGIN"));
}

TEST_F(AssemblerTest, WaitsForNoLowerStampForeverAfterAClockWasSetBack) {
  const uint64_t hour_ms = 3'600'000;
  Add("SYSCALL", hour_ms, 1);
  Add("PROCTITLE", hour_ms, 1);
  for (uint32_t serial = 2; serial < 100; ++serial) Add("SYSCALL", uint64_t{100} * serial, serial);
  EXPECT_THAT(Out(), Contains("1 SYSCALL PROCTITLE"));
}

// The log goes back in time in its middle. ausearch prints what it has begun only when the time
// has come there again.
TEST_F(AssemblerTest, OrdersALogAtRestAsAusearchDoes) {
  Start({.at_rest = true});
  Add("SYSCALL", 3'600'000, 1);
  for (uint32_t serial = 2; serial < 100; ++serial) Add("SYSCALL", uint64_t{100} * serial, serial);
  std::vector<std::string> out = Out();
  EXPECT_THAT(out, Not(Contains("1 SYSCALL")));
  Add("SYSCALL", 3'700'000, 100);
  std::ranges::copy(Flush(), std::back_inserter(out));
  ASSERT_EQ(out.size(), 100u);
  EXPECT_EQ(out[98], "1 SYSCALL");
  EXPECT_EQ(out[99], "100 SYSCALL");
}

TEST_F(AssemblerTest, EvictsTheOldestWhenThereAreTooMany) {
  Start({.events_max = 2});
  Add("SYSCALL", 0, 1);
  Add("SYSCALL", 0, 2);
  Add("SYSCALL", 0, 3);
  EXPECT_THAT(Out(), ElementsAre("1 SYSCALL"));
  EXPECT_EQ(counters().events_evicted, 1u);
  Add("PATH", 0, 1);
  EXPECT_THAT(Flush(), ElementsAre("late 1 PATH", "2 SYSCALL", "3 SYSCALL"));
}

TEST_F(AssemblerTest, CountsCompleteEventsThatComeOutEarlyWhenThereAreTooMany) {
  Start({.events_max = 2});
  Add("USER_LOGIN", 0, 1);
  Add("SYSCALL", 0, 2);
  Add("SYSCALL", 0, 3);
  EXPECT_THAT(Out(), ElementsAre("1 USER_LOGIN"));
  EXPECT_EQ(counters().events_evicted, 0u);
  EXPECT_EQ(counters().events_hurried, 1u);
}

TEST_F(AssemblerTest, EvictsTheOldestWhenItsBytesAreTooMany) {
  const size_t line_bytes = Line("SYSCALL", 1'600'000'000'000, 1).size();
  Start({.bytes_max = 3 * line_bytes});
  Add("SYSCALL", 0, 1);
  Add("SYSCALL", 0, 2);
  Add("SYSCALL", 0, 2);
  EXPECT_THAT(Out(), IsEmpty());
  Add("SYSCALL", 0, 2);
  EXPECT_THAT(Out(), ElementsAre("1 SYSCALL"));
  Add("SYSCALL", 0, 2);
  EXPECT_THAT(Out(), ElementsAre("2 SYSCALL SYSCALL SYSCALL SYSCALL"));
  EXPECT_EQ(counters().events_evicted, 2u);
}

TEST_F(AssemblerTest, SurvivesAClockThatJumpsYearsAhead) {
  Add("SYSCALL", 0, 1);
  AddAt("SYSCALL", 18446744073709550999u, 2);
  EXPECT_THAT(Out(), ElementsAre("1 SYSCALL"));
  // Back again, and on: nothing is held for years, and no event is torn.
  std::vector<std::string> out;
  std::vector<std::string> expected = {"2 SYSCALL"};
  for (uint32_t serial = 3; serial < 100; ++serial) {
    Add("SYSCALL", uint64_t{100} * serial, serial);
    Add("PATH", uint64_t{100} * serial, serial);
    Add("PROCTITLE", uint64_t{100} * serial, serial);
    for (const std::string& event : Out()) out.push_back(event);
    expected.push_back(std::to_string(serial) + " SYSCALL PATH PROCTITLE");
  }
  EXPECT_GT(out.size(), 50u);
  for (const std::string& event : Flush()) out.push_back(event);
  EXPECT_THAT(out, UnorderedElementsAreArray(expected));
}

TEST_F(AssemblerTest, SurvivesAClockThatFallsBackTo1970) {
  Add("SYSCALL", 0, 9000);
  std::vector<std::string> out;
  std::vector<std::string> expected = {"9000 SYSCALL"};
  for (uint32_t serial = 1; serial < 100; ++serial) {
    AddAt("SYSCALL", uint64_t{100} * serial, serial);
    AddAt("PROCTITLE", uint64_t{100} * serial, serial);
    for (const std::string& event : Out()) out.push_back(event);
    expected.push_back(std::to_string(serial) + " SYSCALL PROCTITLE");
  }
  EXPECT_GT(out.size(), 50u);
  for (const std::string& event : Flush()) out.push_back(event);
  EXPECT_THAT(out, UnorderedElementsAreArray(expected));
  EXPECT_EQ(counters().serials_missing, 0u);
}

// The stamp of a system call is its beginning: one that blocked for an hour is an hour late.
TEST_F(AssemblerTest, KeepsABlockedCallTogetherAndMovesNoTimeForIt) {
  const uint64_t hour_ms = 3'600'000;
  Add("SYSCALL", hour_ms, 1);
  Add("SYSCALL", 0, 2);
  Add("PATH", hour_ms, 1);
  Add("PATH", 0, 2);
  Add("PROCTITLE", hour_ms, 1);
  Add("PROCTITLE", 0, 2);
  EXPECT_THAT(Out(), IsEmpty());
  Add("USER_LOGIN", hour_ms + 2000, 3);
  EXPECT_THAT(Out(), ElementsAre("2 SYSCALL PATH PROCTITLE", "1 SYSCALL PATH PROCTITLE"));
}

TEST_F(AssemblerTest, MeasuresEachNodeByItsOwnClock) {
  AddAt("SYSCALL", 1000, 1, "old");
  Add("SYSCALL", 0, 1, "new");
  AddAt("PATH", 1000, 1, "old");
  Add("PATH", 0, 1, "new");
  AddAt("PROCTITLE", 1000, 1, "old");
  Add("PROCTITLE", 0, 1, "new");
  Add("SYSCALL", 1999, 2, "new");
  EXPECT_THAT(Out(), IsEmpty());
  AddAt("SYSCALL", 2999, 2, "old");
  EXPECT_THAT(Out(), IsEmpty());  // Both clocks have run for as long.
  AddAt("PROCTITLE", 2999, 2, "old");
  AddAt("SYSCALL", 3000, 3, "old");
  EXPECT_THAT(Out(), ElementsAre("old!1 SYSCALL PATH PROCTITLE"));
  // The event that began at 2999 has lower stamps, and holds back the other node for its time.
  AddAt("SYSCALL", 6000, 4, "old");
  EXPECT_THAT(Out(), ElementsAre("old!2 SYSCALL PROCTITLE", "old!3 SYSCALL",
                                 "new!1 SYSCALL PATH PROCTITLE"));
}

TEST_F(AssemblerTest, RemembersNoMoreNodesThanItMay) {
  for (uint32_t i = 0; i < 3000; ++i) {
    Add("SYSCALL", 0, 1, "node" + std::to_string(i));
    Add("SYSCALL", 0, 3, "node" + std::to_string(i));
  }
  EXPECT_EQ(counters().serials_missing, 2048u);  // Of those that were forgotten.
  EXPECT_EQ(Out().size() + Flush().size(), 6000u);
  EXPECT_EQ(counters().serials_missing, 3000u);
}

TEST_F(AssemblerTest, CountsSerialsThatNeverCame) {
  for (const uint32_t serial : {5u, 6u, 9u, 8u, 12u}) Add("USER_LOGIN", 0, serial);
  EXPECT_EQ(counters().serials_missing, 0u);  // 7, 10 and 11 may still come.
  Add("USER_LOGIN", 1000, 11);
  Add("USER_LOGIN", 3000, 13);
  EXPECT_EQ(counters().serials_missing, 2u);
  Add("USER_LOGIN", 3000, 15);
  Flush();
  EXPECT_EQ(counters().serials_missing, 3u);
}

TEST_F(AssemblerTest, CountsNoSerialsOfTheDaemon) {
  Add("DAEMON_START", 0, 8029);
  Add("CONFIG_CHANGE", 0, 3);
  Add("DAEMON_ACCEPT", 0, 8035);
  Add("CONFIG_CHANGE", 0, 4);
  Flush();
  EXPECT_EQ(counters().serials_missing, 0u);
}

TEST_F(AssemblerTest, CountsSerialsOfEachNodeApart) {
  for (const uint32_t serial : {1u, 2u, 3u}) {
    Add("USER_LOGIN", 0, serial, "a");
    Add("USER_LOGIN", 0, serial + 1000, "b");
  }
  Flush();
  EXPECT_EQ(counters().serials_missing, 0u);
}

TEST_F(AssemblerTest, ReadsOnAfterAFlush) {
  Add("SYSCALL", 0, 1);
  EXPECT_THAT(Flush(), ElementsAre("1 SYSCALL"));
  Add("PATH", 0, 1);
  Add("SYSCALL", 0, 2);
  EXPECT_THAT(Flush(), ElementsAre("late 1 PATH", "2 SYSCALL"));
  EXPECT_THAT(Flush(), IsEmpty());
}

struct Arrival {
  uint64_t time_ms;
  std::string line;
};

// Events of one to eight records, in an order in which each record is late by less than the hold.
std::vector<Arrival> ShuffledRecords(uint32_t seed, std::map<std::string, size_t>* record_counts) {
  std::minstd_rand random(seed);
  std::vector<Arrival> arrivals;
  uint64_t time_ms = 1'600'000'000'000;
  for (uint32_t serial = 1; serial <= 500; ++serial) {
    time_ms += random() % 40;
    const std::string node = random() % 8 == 0 ? "other" : "";
    const size_t records = 1 + random() % 8;
    for (size_t i = 0; i < records; ++i) {
      const char* type = i == 0 ? "SYSCALL" : i + 1 == records ? "PROCTITLE" : "PATH";
      arrivals.push_back({time_ms + random() % 900, Line(type, time_ms, serial, node)});
    }
    (*record_counts)[node + "!" + std::to_string(serial)] = records;
  }
  std::stable_sort(arrivals.begin(), arrivals.end(),
                   [](const Arrival& a, const Arrival& b) { return a.time_ms < b.time_ms; });
  return arrivals;
}

TEST(AssemblerProperty, EachShuffledEventComesOutOnceAndWhole) {
  for (uint32_t seed = 1; seed <= 50; ++seed) {
    std::map<std::string, size_t> missing;
    const std::vector<Arrival> arrivals = ShuffledRecords(seed, &missing);
    Assembler assembler;
    const auto take = [&] {
      while (const auto event = assembler.Take()) {
        const std::string key = event->node() + "!" + std::to_string(event->stamp().serial);
        ASSERT_EQ(missing[key], event->record_count()) << "seed " << seed << " event " << key;
        missing.erase(key);
      }
    };
    for (const Arrival& arrival : arrivals) {
      assembler.Add(arrival.line, *ParseRecord(arrival.line));
      take();
    }
    EXPECT_LT(missing.size(), 450u) << "events come out while records arrive";
    assembler.Flush();
    take();
    EXPECT_TRUE(missing.empty()) << "seed " << seed;
    EXPECT_EQ(assembler.counters().events, 500u);
    EXPECT_EQ(assembler.counters().late_records, 0u);
    EXPECT_EQ(assembler.counters().events_evicted, 0u);
  }
}

}  // namespace
}  // namespace audit
