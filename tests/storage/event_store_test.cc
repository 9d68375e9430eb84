#include "storage/event_store.h"

#include <fstream>

#include "absl/strings/str_format.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/block.h"
#include "tests/storage/open_store.h"
#include "tests/storage/temporary_directory.h"

namespace storage {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A record of the millisecond `serial`.
std::string Line(uint32_t serial, std::string_view type = "USER_LOGIN") {
  return "type=" + std::string(type) +
         absl::StrFormat(" msg=audit(1626611363.%03d:%d): pid=7", serial, serial);
}

Identity Host(const std::string& name) { return {.kind = IdentityKind::kNode, .name = name}; }

// Says in short what is delivered, and what a search finds.
class EventStoreTest : public testing::Test {
 protected:
  void Open() {
    store_.reset();
    store_ = OpenStore(path_, options_);
    ASSERT_NE(store_, nullptr);
  }

  static Delivery From(const std::string& host, const std::vector<std::string>& lines,
                       const std::string& address = "192.0.2.7") {
    Delivery delivery{.received_ms = 1626611364000};
    delivery.batches.emplace_back(Host(host), address);
    for (const std::string& line : lines) delivery.batches.back().Add(line);
    return delivery;
  }

  AppendResult Append(std::vector<Delivery> deliveries) {
    const auto result = store_->Append(deliveries);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.value_or(AppendResult());
  }

  // The records of all events, as "host record".
  std::vector<std::string> Found(const SearchRequest& request = {}) {
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

  TemporaryDirectory temporary_;
  std::string path_ = temporary_.path() + "/store";
  StoreOptions options_;
  std::unique_ptr<EventStore> store_;
};

TEST_F(EventStoreTest, FindsWhatWasAppended) {
  Open();
  const AppendResult result = Append({From("web1", {Line(1), Line(2)}), From("db1", {Line(3)})});
  EXPECT_EQ(result.records, 3u);
  EXPECT_THAT(Found(), ElementsAre("web1 " + Line(1), "web1 " + Line(2), "db1 " + Line(3)));
}

TEST_F(EventStoreTest, KeepsEverythingOverARestart) {
  Open();
  Append({From("web1", {Line(1)})});
  Open();
  Append({From("web1", {Line(2)})});
  Open();
  EXPECT_THAT(Found(), ElementsAre("web1 " + Line(1), "web1 " + Line(2)));
  EXPECT_EQ(Append({From("web1", {Line(3)})}).damage, "");
}

TEST_F(EventStoreTest, InterleavesHostsByTheTimeOfTheirEvents) {
  Open();
  Append({From("b", {Line(2), Line(3), Line(6)})});
  Append({From("a", {Line(1), Line(4), Line(5)})});
  EXPECT_THAT(Found({.order = SearchOrder::kTime}),
              ElementsAre("a " + Line(1), "b " + Line(2), "b " + Line(3), "a " + Line(4),
                          "a " + Line(5), "b " + Line(6)));
}

TEST_F(EventStoreTest, SearchesTheHostsThatArePatternedOnly) {
  Open();
  Append({From("web1", {Line(1)}), From("web2", {Line(2)}), From("db1", {Line(3)})});
  EXPECT_THAT(Found({.host_patterns = {"web*"}}),
              ElementsAre("web1 " + Line(1), "web2 " + Line(2)));
  EXPECT_THAT(Found({.host_patterns = {"db?", "web2"}}),
              ElementsAre("web2 " + Line(2), "db1 " + Line(3)));
  EXPECT_THAT(Found({.host_patterns = {"mail*"}}), IsEmpty());
}

// Events that lack their end, so that nothing of them can be sealed before all is read.
TEST_F(EventStoreTest, LosesNothingIfItStopsWhileMemoryIsShort) {
  Open();
  std::vector<std::string> lines;
  for (uint32_t serial = 1; serial <= 900; ++serial) {
    lines.push_back(absl::StrFormat("type=SYSCALL msg=audit(1626611363.%03d:%d): %s", serial,
                                    serial, std::string(200, 'x')));
    Append({From("web1", {lines.back()})});
  }
  Append({From("db1", {Line(1)})});
  options_.open_bytes_max = 30'000;
  for (int restart = 0; restart < 3; ++restart) {
    Open();
    EXPECT_EQ(Found().size(), lines.size() + 1);
  }
  options_.open_bytes_max = StoreOptions().open_bytes_max;
  Open();
  EXPECT_EQ(Found().size(), lines.size() + 1);
}

TEST_F(EventStoreTest, AsksThePredicate) {
  Open();
  Append({From("web1", {Line(1), Line(2)})});
  const query::Predicate second(query::SerialIs{.serial = 2});
  EXPECT_THAT(Found({.predicate = second}), ElementsAre("web1 " + Line(2)));
}

// They come faster than they are sealed, and from so many hosts that none has a block.
TEST_F(EventStoreTest, KeepsTheMemoryOfOpenHostsBounded) {
  options_.open_bytes_max = 2 << 20;
  Open();
  const std::vector<std::string> lines(2000, Line(1) + std::string(400, 'x'));
  size_t most = 0;
  for (int host = 0; host < 40; ++host) {
    Append({From(absl::StrFormat("host%d", host), lines)});
    most = std::max<size_t>(most, store_->Activity().open_bytes);
  }
  EXPECT_LT(most, options_.open_bytes_max * 9 / 8 + (4 << 20));  // And one delivery.
  EXPECT_EQ(Found().size(), 80'000u);
}

TEST_F(EventStoreTest, SealsWhatIsBeyondNewLimits) {
  const size_t much = StoreOptions().open_bytes_max;
  const std::pair<size_t, std::chrono::seconds> limits[] = {{0, std::chrono::hours(1)},
                                                            {much, std::chrono::seconds(0)}};
  for (const auto& [open_bytes_max, seal_age] : limits) {
    path_ += "x";
    Open();
    Append({From("web1", std::vector<std::string>(100, Line(1)))});
    EXPECT_EQ(Found().size(), 100u);
    EXPECT_EQ(store_->Activity().seals, 0u);
    store_->SetSealing(open_bytes_max, seal_age);
    while (store_->Activity().seals == 0) continue;
    EXPECT_EQ(Found().size(), 100u);
  }
}

TEST_F(EventStoreTest, KeepsMalformedRecordsApart) {
  Open();
  Append({From("web1", {"no record", Line(1), std::string("\0\xff\n", 3)})});
  EXPECT_THAT(Found(), ElementsAre("web1 " + Line(1)));
  std::vector<std::string> malformed;
  ASSERT_TRUE(store_
                  ->SearchMalformed({},
                                    [&](const MalformedRecord& record) {
                                      EXPECT_EQ(record.address, "192.0.2.7");
                                      EXPECT_EQ(record.received_ms, 1626611364000u);
                                      malformed.emplace_back(record.line);
                                      return true;
                                    })
                  .ok());
  EXPECT_THAT(malformed, ElementsAre("no record", std::string("\0\xff\n", 3)));
}

TEST_F(EventStoreTest, StopsWhenTheSinkHasEnough) {
  Open();
  Append({From("web1", {Line(1), Line(2), Line(3)})});
  int calls = 0;
  ASSERT_TRUE(store_->Search({}, [&](const FoundEvent&) { return ++calls < 2; }).ok());
  EXPECT_EQ(calls, 2);
}

TEST_F(EventStoreTest, JoinsTheRecordsOfAnEventOverDeliveries) {
  Open();
  Append({From("web1", {Line(7, "SYSCALL")}), From("web1", {Line(8, "SYSCALL")})});
  Append({From("web1", {Line(7, "PROCTITLE")})});
  int events = 0;
  ASSERT_TRUE(store_
                  ->Search({},
                           [&](const FoundEvent& found) {
                             EXPECT_EQ(found.event.record_count(),
                                       found.event.stamp().serial == 7 ? 2u : 1u);
                             ++events;
                             return true;
                           })
                  .ok());
  EXPECT_EQ(events, 2);
}

TEST_F(EventStoreTest, IsReadWhileItIsWritten) {
  Open();
  Append({From("web1", {Line(1)})});
  const auto reader = EventStore::OpenForReading(path_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  int events = 0;
  ASSERT_TRUE((*reader)->Search({}, [&](const FoundEvent&) { return ++events > 0; }).ok());
  EXPECT_EQ(events, 1);
  std::vector<Delivery> deliveries{From("web1", {Line(2)})};
  EXPECT_TRUE(absl::IsFailedPrecondition((*reader)->Append(deliveries).status()));
  Append({From("web1", {Line(2)})});
}

TEST_F(EventStoreTest, DropsARecordThatAClientSendsAgain) {
  Open();
  const auto deliver = [&](uint64_t connection, std::vector<std::string> lines) {
    Delivery delivery = From("web1", lines);
    delivery.retry = {.client = "192.0.2.7",
                      .connection = connection,
                      .opens_connection = true,
                      .first_sequence = 5,
                      .last_sequence = 5 + static_cast<uint32_t>(lines.size()) - 1};
    return Append({delivery});
  };
  EXPECT_EQ(deliver(store_->NextConnection(), {Line(1)}).duplicates_dropped, 0u);
  EXPECT_EQ(deliver(store_->NextConnection(), {Line(1)}).duplicates_dropped, 1u);
  Open();
  const AppendResult result = deliver(store_->NextConnection(), {Line(1), Line(2)});
  EXPECT_EQ(result.duplicates_dropped, 1u);
  EXPECT_EQ(result.records, 1u);
  EXPECT_THAT(Found(), ElementsAre("web1 " + Line(1), "web1 " + Line(2)));
}

// The last group of the host is another client's, and the one before has no sender at all.
TEST_F(EventStoreTest, DropsARetryAfterARestartWhereClientsShareAName) {
  Open();
  const auto deliver = [&](const std::string& client, uint32_t serial) {
    Delivery delivery = From("localhost", {Line(serial)}, client);
    delivery.retry = {.client = client,
                      .connection = store_->NextConnection(),
                      .opens_connection = true,
                      .first_sequence = 1,
                      .last_sequence = 1};
    return Append({delivery}).duplicates_dropped;
  };
  EXPECT_EQ(deliver("192.0.2.7", 1), 0u);
  Append({From("localhost", {Line(2)})});
  EXPECT_EQ(deliver("192.0.2.8", 3), 0u);
  Open();
  EXPECT_EQ(deliver("192.0.2.7", 1), 1u);
  EXPECT_EQ(deliver("192.0.2.8", 3), 1u);
}

TEST_F(EventStoreTest, CountsWhatEachHostDelivers) {
  Open();
  const auto deliver = [&](std::vector<std::string> lines) {
    Delivery delivery = From("web1", lines);
    delivery.retry = {.client = "192.0.2.7",
                      .connection = store_->NextConnection(),
                      .opens_connection = true,
                      .first_sequence = 5,
                      .last_sequence = 5 + static_cast<uint32_t>(lines.size()) - 1};
    Append({delivery});
  };
  deliver({Line(1)});
  deliver({Line(1), Line(2)});  // The first one again.
  Delivery malformed = From("db1", {Line(3)});
  malformed.batches.back().AddMalformed("no record");
  malformed.received_ms += 1000;
  EXPECT_EQ(Append({malformed}).malformed, 1u);
  EXPECT_EQ(Append({From("db1", {Line(4)})}).malformed, 0u);  // By a clock that was put back.

  const std::vector<ActiveHost> hosts = store_->WhoIsActive(10).hosts;
  ASSERT_EQ(hosts.size(), 2u);
  const uint64_t line_bytes = Line(1).size() + 1;  // With its length.
  EXPECT_EQ(hosts[0].host, Host("web1"));
  EXPECT_EQ(hosts[0].activity, (HostActivity{.records = 2,
                                             .bytes = 2 * line_bytes,
                                             .duplicates_dropped = 1,
                                             .last_received_ms = 1626611364000}));
  EXPECT_EQ(hosts[1].host, Host("db1"));
  EXPECT_EQ(hosts[1].activity, (HostActivity{.records = 3,
                                             .bytes = 2 * line_bytes + 10,
                                             .malformed = 1,
                                             .last_received_ms = 1626611365000}));
  const ActiveHosts first = store_->WhoIsActive(1);
  EXPECT_EQ(first.hosts.at(0).host, Host("web1"));
  EXPECT_EQ(first.more, 1u);
  Open();
  EXPECT_TRUE(store_->WhoIsActive(10).hosts.empty());
}

TEST_F(EventStoreTest, NumbersConnectionsAnewAfterARestart) {
  Open();
  const uint64_t before = store_->NextConnection();
  EXPECT_NE(store_->NextConnection(), before);
  Open();
  EXPECT_GT(store_->NextConnection(), before);
}

TEST_F(EventStoreTest, PutsHostsBeyondTheLimitUnderTheirAddress) {
  options_.hosts_max = 2;
  Open();
  EXPECT_EQ(Append({From("a", {Line(1)}), From("b", {Line(2)})}).hosts_overflowed, 0u);
  EXPECT_EQ(Append({From("c", {Line(3)}), From("a", {Line(4)})}).hosts_overflowed, 1u);
  Append({From("d", {Line(5)}, "192.0.2.8")});
  Append({From("d", {Line(6)}, "192.0.2.9")});
  EXPECT_THAT(Found({.order = SearchOrder::kTime}),
              ElementsAre("a " + Line(1), "b " + Line(2), "192.0.2.7 " + Line(3), "a " + Line(4),
                          "192.0.2.8 " + Line(5), "overflow " + Line(6)));
  EXPECT_EQ(store_->ListHosts({})->hosts.size(), 5u);
}

// Damages the write-ahead log at `place` of its size.
void DamageLog(const std::string& store_path, double place) {
  for (const auto& file : std::filesystem::directory_iterator(store_path + "/db")) {
    if (file.path().extension() != ".log" || file.file_size() == 0) continue;
    std::fstream log(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    log.seekp(static_cast<std::streamoff>(static_cast<double>(file.file_size()) * place));
    log << "damage";
  }
}

TEST_F(EventStoreTest, TellsWhenTheJournalIsDamaged) {
  Open();
  for (uint32_t serial = 1; serial <= 200; ++serial) Append({From("web1", {Line(serial)})});
  store_.reset();
  DamageLog(path_, 0.5);
  Open();
  EXPECT_NE(Append({From("db1", {Line(1)})}).damage, "");
  EXPECT_EQ(Append({From("db1", {Line(2)})}).damage, "");
  const std::vector<std::string> found = Found({.host_patterns = {"web1"}});
  EXPECT_GT(found.size(), 50u);
  EXPECT_LT(found.size(), 150u);
  EXPECT_EQ(found.back(), "web1 " + Line(static_cast<uint32_t>(found.size())));
}

TEST_F(EventStoreTest, MakesNoSmallBlockBesideAFullOne) {
  Open();
  const auto lines = [](uint32_t count) {
    std::vector<std::string> all;
    for (uint32_t serial = 1; serial <= count; ++serial) {
      all.push_back(absl::StrFormat("type=USER_LOGIN msg=audit(1626611363.000:%d): pid=7", serial));
    }
    return all;
  };
  Append({From("web1", lines(kBlockRecordsAim + 500))});
  ASSERT_TRUE(store_->Settle({}).ok());
  EXPECT_EQ(store_->Activity().blocks_sealed, 1u);
  EXPECT_EQ(store_->Stats()->block_records, kBlockRecordsAim + 500);
  // Of twice as many each is full by itself.
  Append({From("db1", lines(2 * kBlockRecordsAim + 500))});
  ASSERT_TRUE(store_->Settle({}).ok());
  EXPECT_EQ(store_->Stats()->blocks, 3u);
  EXPECT_EQ(store_->Activity().merges, 0u);
}

TEST_F(EventStoreTest, SealsWithoutLosingAnything) {
  Open();
  Append({From("web1", {Line(1)})});
  ASSERT_TRUE(store_->Seal().ok());
  Append({From("web1", {Line(2)})});
  Open();
  EXPECT_THAT(Found(), ElementsAre("web1 " + Line(1), "web1 " + Line(2)));
}

// Whoever goes on behind a cursor finds each event as soon as it is complete, wherever it was.
TEST_F(EventStoreTest, PutsEventsBehindEveryCursorWhenTheyAreComplete) {
  Open();
  Append({From("quiet", {Line(1, "SYSCALL")})});
  Append({From("busy", {Line(2)})});
  std::optional<SearchCursor> cursor;
  const auto find = [&] {
    std::vector<std::string> complete;
    SearchRequest request{.after = cursor};
    const absl::Status searched = store_->Search(request, [&](const FoundEvent& found) {
      if (found.pending) return true;
      complete.push_back(found.host.name);
      cursor = found.cursor;
      return true;
    });
    EXPECT_TRUE(searched.ok()) << searched;
    return complete;
  };
  EXPECT_THAT(find(), IsEmpty());
  const auto seal = [&] { EXPECT_TRUE(store_->Seal().ok() && store_->Settle({}).ok()); };
  seal();
  EXPECT_THAT(find(), testing::UnorderedElementsAre("quiet", "busy"));
  Append({From("quiet", {Line(3, "SYSCALL")})});
  Append({From("busy", {Line(4)}), From("late", {Line(5, "SYSCALL")})});
  seal();
  EXPECT_THAT(find(), testing::SizeIs(3));
  EXPECT_THAT(find(), IsEmpty());
}

TEST_F(EventStoreTest, StoresUnderEveryFlush) {
  for (const Flush flush :
       {Flush::kNone, Flush::kIncremental, Flush::kIncrementalAsync, Flush::kData, Flush::kSync}) {
    options_.flush = flush;
    options_.flush_records = 2;
    Open();
    for (uint32_t serial = 1; serial <= 5; ++serial) {
      Append({From(std::to_string(static_cast<int>(flush)), {Line(serial)})});
      EXPECT_TRUE(store_->SyncIfDue().ok());
    }
  }
  EXPECT_EQ(Found().size(), 25u);
}

}  // namespace
}  // namespace storage
