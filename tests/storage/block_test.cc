#include "storage/block.h"

#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <random>
#include <set>
#include <xxhash.h>

#include "absl/strings/str_format.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "audit/assembler.h"
#include "storage/block_facts.h"
#include "storage/block_reader.h"
#include "storage/block_tally.h"
#include "storage/block_terms.h"
#include "storage/block_writer.h"

namespace storage {
namespace {

using testing::ElementsAre;

const std::string kSource = AUSPEX_SOURCE_DIR;

struct StoredRecord {
  std::string line;
  uint64_t position = 0;
};

// An event on its way into a block, and what must come out of it.
struct StoredEvent {
  EventHead head;
  std::string node;
  std::vector<StoredRecord> records;
};

// As the store does it: records that parse are joined, the others stand alone.
std::vector<StoredEvent> EventsOf(const std::vector<std::string>& lines) {
  std::vector<StoredEvent> events;
  audit::Assembler assembler;
  uint32_t rank = 0;
  const auto take = [&] {
    while (const std::optional<audit::Event> event = assembler.Take()) {
      StoredEvent& stored = events.emplace_back();
      stored.head = {.time_ms = event->stamp().time_ms,
                     .serial = event->stamp().serial,
                     .order = {.arrival = 5, .rank = rank},
                     .end = {.arrival = rank % 5, .record = 1},
                     .late = event->late()};
      ++rank;
      stored.node = event->node();
      for (size_t i = 0; i < event->record_count(); ++i) {
        stored.records.push_back({std::string(event->line(i)), event->tag(i)});
      }
    }
  };
  for (uint64_t position = 0; position < lines.size(); ++position) {
    const absl::StatusOr<audit::Record> record = audit::ParseRecord(lines[position]);
    if (record.ok()) {
      assembler.Add(lines[position], *record, position);
      take();
      continue;
    }
    StoredEvent& stored = events.emplace_back();
    stored.head = {.time_ms = 777, .order = {.arrival = 5, .rank = rank++}, .malformed = true};
    stored.records.push_back({lines[position], position});
  }
  assembler.Flush();
  take();
  return events;
}

RecordOrigin OriginOf(uint64_t position) {
  return {.position = position,
          .received_ms = 1000 + position / 3,
          .address = position % 100 < 50 ? "192.0.2.1" : ""};
}

EncodedBlock Write(BlockWriter& writer, const std::vector<StoredEvent>& events) {
  for (const StoredEvent& event : events) {
    EventHead head = event.head;
    head.node = event.node;
    writer.BeginEvent(head);
    for (const StoredRecord& record : event.records) {
      writer.AddRecord(record.line, OriginOf(record.position));
    }
  }
  return writer.Finish();
}

void ExpectEvents(const EncodedBlock& block, const std::vector<StoredEvent>& events) {
  const auto opened = BlockReader::Open(block.summary, block.columns);
  ASSERT_TRUE(opened.ok()) << opened.status();
  BlockReader& reader = **opened;
  ASSERT_EQ(reader.event_count(), events.size());
  for (uint32_t i = 0; i < events.size(); ++i) {
    const EventHead head = reader.head(i);
    EXPECT_EQ(head.time_ms, events[i].head.time_ms);
    EXPECT_EQ(head.serial, events[i].head.serial);
    EXPECT_EQ(head.order, events[i].head.order);
    const bool has_end = events[i].head.end.record > 0;
    EXPECT_EQ(head.end, has_end ? events[i].head.end : EventEnd{.arrival = head.order.arrival});
    EXPECT_EQ(head.node, events[i].node);
    EXPECT_EQ(head.late, events[i].head.late);
    EXPECT_EQ(head.malformed, events[i].head.malformed);
    ASSERT_EQ(reader.first_record(i + 1) - reader.first_record(i), events[i].records.size());
    for (uint32_t j = 0; j < events[i].records.size(); ++j) {
      const uint32_t record = reader.first_record(i) + j;
      std::string line;
      ASSERT_TRUE(reader.AppendLine(i, record, &line).ok());
      ASSERT_EQ(line, events[i].records[j].line);
      const RecordOrigin expected = OriginOf(events[i].records[j].position);
      EXPECT_EQ(reader.origin(record).position, expected.position);
      EXPECT_EQ(reader.origin(record).received_ms, expected.received_ms);
      EXPECT_EQ(reader.origin(record).address, expected.address);
    }
  }
}

audit::Event EventOf(const StoredEvent& stored) {
  audit::Event event(stored.node, {stored.head.time_ms, stored.head.serial});
  for (const StoredRecord& record : stored.records) event.Add(record.line);
  return event;
}

// The terms of the columns are those of the events.
void ExpectTerms(const EncodedBlock& block, const std::vector<StoredEvent>& events) {
  std::map<std::pair<query::TermField, std::string>, uint32_t> expected;
  for (const StoredEvent& stored : events) {
    if (stored.head.malformed) continue;
    const audit::Event event = EventOf(stored);
    std::set<std::pair<query::TermField, std::string>> terms;
    query::ForEachTerm(event, [&](query::TermField field, std::string_view value) {
      terms.emplace(field, query::IndexedTerm(value));
    });
    for (const auto& term : terms) ++expected[term];
  }
  const auto reader = BlockReader::Open(block.summary, block.columns);
  ASSERT_TRUE(reader.ok());
  const auto counts = CountTerms(**reader);
  ASSERT_TRUE(counts.ok());
  std::map<std::pair<query::TermField, std::string>, uint32_t> found;
  for (const TermCount& count : *counts) {
    found[{count.term.field, count.term.value}] += count.events;
  }
  // The difference alone: there are thousands.
  for (auto one = found.begin(); one != found.end();) {
    const auto same = expected.find(one->first);
    if (same == expected.end() || same->second != one->second) {
      ++one;
      continue;
    }
    expected.erase(same);
    one = found.erase(one);
  }
  EXPECT_EQ(found, expected);
}

std::string ToText(query::EventFacts facts) {
  std::string text = absl::StrFormat("%d:%d classes %x outcome %d", facts.time_ms, facts.serial,
                                     facts.classes, static_cast<int>(facts.outcome));
  for (const auto& number : {facts.auid, facts.uid, facts.pid, facts.session, facts.type_number}) {
    text += number ? absl::StrFormat(" %d", *number) : " -";
  }
  facts.ForEachText([&](const query::FactText& value) {
    text += value.is_absent() ? " -" : absl::StrFormat(" [%s]", value.text);
  });
  text += absl::StrFormat(" %s %s", facts.node, facts.type);
  for (const query::FileFact& file : facts.files) text += file.is_parent ? " parent" : " file";
  for (const query::AccessVector& vector : facts.access_vectors) {
    text += !vector.granted ? " unset" : *vector.granted ? " granted" : " denied";
  }
  return text;
}

// What reports tell of an event does not depend on whether it is read from columns or from text.
void ExpectFacts(const EncodedBlock& block, const std::vector<StoredEvent>& events) {
  const auto reader = BlockReader::Open(block.summary, block.columns);
  ASSERT_TRUE(reader.ok());
  const auto facts = BlockFacts::Open(**reader, query::kAllRoles);
  ASSERT_TRUE(facts.ok()) << facts.status();
  query::EventFactsBuilder builder;
  for (uint32_t i = 0; i < events.size(); ++i) {
    if (events[i].head.malformed) continue;
    const auto read = (*facts)->Read(i);
    ASSERT_TRUE(read.ok()) << read.status();
    const audit::Event event = EventOf(events[i]);
    ASSERT_EQ(ToText(**read), ToText(query::FactsOf(event, &builder))) << event.line(0);
  }
}

std::vector<std::string> ToLines(const query::EventTally& tally) {
  std::vector<std::string> lines;
  for (const query::Outcome outcome :
       {query::Outcome::kUnset, query::Outcome::kFailed, query::Outcome::kSucceeded}) {
    for (size_t list = 0; list < query::kTallyLists; ++list) {
      for (const auto& entry : tally.list(outcome, static_cast<query::TallyList>(list)).entries()) {
        // Of the values of one event the order counts, not the number.
        lines.push_back(absl::StrFormat("%d %d %s: %d from %d.%d", static_cast<int>(outcome), list,
                                        entry.value, entry.count, entry.first[0], entry.first[1]));
      }
    }
  }
  if (tally.first()) {
    lines.push_back(absl::StrFormat("%d to %d, %d; %d missing", tally.first()->time_ms,
                                    tally.last()->time_ms, tally.latest_ms(),
                                    tally.serials().missing()));
  }
  return lines;
}

// The stored tally is that of the events.
void ExpectTally(const EncodedBlock& block, const std::vector<StoredEvent>& events) {
  query::EventTally expected;
  query::EventFactsBuilder builder;
  std::set<std::string> nodes;
  for (const StoredEvent& stored : events) {
    if (stored.head.malformed) continue;
    const audit::Event event = EventOf(stored);
    const query::EventFacts& facts = query::FactsOf(event, &builder);
    expected.Notice(facts, KeyOf(stored.head.order, 0), query::kSerialsToo);
    expected.Add(facts, KeyOf(stored.head.order, 0), query::kAllTallyLists);
    nodes.insert(stored.node);
  }
  const auto reader = BlockReader::Open(block.summary, block.columns);
  ASSERT_TRUE(reader.ok());
  const auto bytes = EncodeTallyOf(**reader);
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  auto stored = StoredTally::Open(*bytes);
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->node().has_value(), nodes.size() == 1);
  query::EventTally found;
  ASSERT_TRUE(stored->AddTo(0, {}, query::kAllTallyLists | query::kSerialsToo, &found).ok());
  EXPECT_EQ(ToLines(found), ToLines(expected));
}

void ExpectRoundTrip(const std::vector<std::string>& lines) {
  const std::vector<StoredEvent> events = EventsOf(lines);
  BlockWriter writer;
  // Twice: what the writer remembers of a block must not show in the next one.
  for (int i = 0; i < 2; ++i) {
    const EncodedBlock block = Write(writer, events);
    ExpectEvents(block, events);
    ExpectTerms(block, events);
    ExpectFacts(block, events);
    ExpectTally(block, events);
  }
}

std::vector<std::string> ReadLines(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

std::vector<std::filesystem::path> RealLogs() {
  std::vector<std::filesystem::path> logs = {kSource + "/tests/data/audit.log"};
  const std::filesystem::path corpus = kSource + "/../shared/corpus";
  if (std::filesystem::is_directory(corpus)) {
    for (const auto& file : std::filesystem::directory_iterator(corpus)) {
      if (file.path().extension() == ".log") logs.push_back(file.path());
    }
  }
  return logs;
}

TEST(Block, GivesBackRealLogsByteForByte) {
  const auto logs = RealLogs();
  if (logs.size() == 1) std::cout << "../shared/corpus is not there: tests/data only\n";
  for (const auto& log : logs) {
    SCOPED_TRACE(log);
    ExpectRoundTrip(ReadLines(log));
  }
}

// Bytes that field.cc treats in ways of their own.
constexpr std::string_view kOddities[] = {"\"",         "'",       " ",      "=",
                                          ",",          "(",       ")",      "\x1d",
                                          "{",          " }",      "msg='",  "\n",
                                          "?",          "",        "AUID=",  "subj=a (enforce)",
                                          "key=(null)", "x=\"a b", "a=, b=", "SADDR={ a=b }"};

// Damages a record a little, where field.cc would notice.
std::string Mutated(std::string line, std::mt19937& random) {
  for (size_t i = random() % 3 + 1; i > 0 && !line.empty(); --i) {
    const size_t place = random() % line.size();
    const std::string_view oddity = kOddities[random() % std::size(kOddities)];
    switch (random() % 3) {
      case 0:
        line.insert(place, oddity);
        break;
      case 1:
        line.replace(place, std::min(random() % 4 + 1, line.size() - place), oddity);
        break;
      default:
        line.erase(place, random() % 6 + 1);
    }
  }
  return line;
}

TEST(Block, GivesBackRecordsThatAreNearlyRealByteForByte) {
  for (const auto& log : RealLogs()) {
    std::vector<std::string> lines = ReadLines(log);
    if (lines.size() > 400) lines.resize(400);
    for (uint32_t seed = 1; seed <= 25; ++seed) {
      SCOPED_TRACE(testing::Message() << log << " seed " << seed);
      std::mt19937 random(seed);
      std::vector<std::string> mutated;
      for (const std::string& line : lines) {
        // As it is, too: so the odd one is matched with a template that it nearly has.
        mutated.push_back(line);
        mutated.push_back(Mutated(line, random));
      }
      ExpectRoundTrip(mutated);
    }
  }
}

TEST(Block, KeepsWhatIsNoRecordAsItIs) {
  ExpectRoundTrip({"", "x", std::string("\0\n\xff", 3), std::string(20'000, 'a'), "type=", "",
                   "type=A msg=audit(1.0:1) ", "x"});
}

TEST(Block, KeepsOddPrefixesAsTheyAre) {
  ExpectRoundTrip({"type=A msg=audit(01.5:007): a=1", "type=A msg=audit(1.005:7):",
                   "type=A msg=audit(1.005:7):a=1", "type=A msg=audit(1.005:7):  a=1 ",
                   "node=n type=A msg=audit(1.005:7): a=1", "type=A msg=audit(1.005:7): a=1 "});
}

TEST(Block, KeepsRecordsOfMoreFieldsThanItHasColumnsFor) {
  std::string line = "type=EXECVE msg=audit(1.000:1): argc=9000";
  for (int i = 0; i < 900; ++i) line += " a" + std::to_string(i) + "=\"x\"";
  ExpectRoundTrip({line, "type=CWD msg=audit(1.000:1): cwd=\"/\"", line});
}

TEST(Block, KeepsRecordsOfMoreShapesThanItHasTemplatesFor) {
  std::vector<std::string> lines;
  for (int i = 0; i < 3000; ++i) {
    lines.push_back("type=USER_CMD msg=audit(1.000:1): f" + std::to_string(i) + "=1 exe=\"/e\"");
  }
  ExpectRoundTrip(lines);
}

TEST(Block, TellsWhatIsInside) {
  BlockWriter writer;
  const EncodedBlock block = Write(
      writer, EventsOf({"type=CWD msg=audit(2.000:8): cwd=\"/\"", "type=EOE msg=audit(2.000:8):",
                        "type=USER_LOGIN msg=audit(1.500:7): uid=0", "garbage"}));
  const BlockSummary& summary = block.summary;
  EXPECT_EQ(summary.event_count, 3u);
  EXPECT_EQ(summary.record_count, 4u);
  EXPECT_EQ(summary.malformed_count, 1u);
  EXPECT_EQ(summary.record_bytes, 38u + 28 + 42 + 8);
  EXPECT_EQ(summary.time, (query::TimeRange{.from_ms = 777, .to_ms = 2000}));
  EXPECT_EQ(summary.serial_min, 7u);
  EXPECT_EQ(summary.serial_max, 8u);
  EXPECT_EQ(summary.position_min, 0u);
  EXPECT_EQ(summary.position_max, 3u);
  EXPECT_EQ(summary.received, (query::TimeRange{.from_ms = 1000, .to_ms = 1001}));
  EXPECT_THAT(summary.types, ElementsAre(TypeCount{"", 1}, TypeCount{"CWD", 1}, TypeCount{"EOE", 1},
                                         TypeCount{"USER_LOGIN", 1}));
  const auto decoded = DecodeSummary(EncodeSummary(summary));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(*decoded, summary);
}

// The bytes of a text like `01 "CWD" ff`.
std::string Bytes(std::string_view text) {
  std::string bytes;
  while (!text.empty()) {
    if (text[0] == ' ' || text[0] == '\n') {
      text.remove_prefix(1);
    } else if (text[0] == '"') {
      const size_t end = text.find('"', 1);
      bytes.append(text.substr(1, end - 1));
      text.remove_prefix(end + 1);
    } else {
      bytes.push_back(static_cast<char>(std::stoi(std::string(text.substr(0, 2)), nullptr, 16)));
      text.remove_prefix(2);
    }
  }
  return bytes;
}

// The example of storage/README.md.
TEST(Block, WritesWhatTheReadmeShows) {
  BlockWriter writer;
  writer.BeginEvent({.time_ms = 1500,
                     .serial = 7,
                     .order = {.arrival = 3},
                     .end = {.arrival = 2, .record = 2},
                     .node = "web1"});
  const RecordOrigin first{.position = 0, .received_ms = 2000, .address = "10.0.0.9"};
  writer.AddRecord("node=web1 type=CWD msg=audit(1.500:7): cwd=\"/\"", first);
  const RecordOrigin second{.position = 1, .received_ms = 2000, .address = "10.0.0.9"};
  writer.AddRecord("node=web1 type=EOE msg=audit(1.500:7):", second);
  const EncodedBlock block = writer.Finish();
  EXPECT_EQ(EncodeSummary(block.summary), Bytes(R"(
      02 01 02 00 56  dc0b 00  07 00  03 00  03 00  02  00 01  d00f 00
      02 03 "CWD" 01 03 "EOE" 01  6b 50b5ae7435dacc4e  00  44aa0a817a3b9215)"));
  EXPECT_EQ(block.columns, Bytes(R"(
      4a 4a
      01 02  01 04 "web1"  01 08 "10.0.0.9"
      02  00 03 "CWD" 01 01 05 " cwd=" 03 00 00  00 03 "EOE" 01 00 00
      0703 0702 0702 0702 0702 0702 0702  0702 0702 0703 0702  0702 0702  0003
      01 1f 1f
      b81700 0e00 0400 0000 0000 0600 0000  0002 0002 a01f00 0000  0400 0400  222f22)"));
}

// One of format 4.
TEST(Block, ReadsABlockWithoutEnds) {
  const auto summary = DecodeSummary(Bytes(R"(
      01 01 02 00 56  dc0b 00  07 00  03 00  03 00  00 01  d00f 00
      02 03 "CWD" 01 03 "EOE" 01  63 b40e44546ffd5ac2  00  c652c1855b0621f1)"));
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_FALSE(summary->has_ends);
  EXPECT_EQ(summary->end_min, 3u);
  const std::string columns = Bytes(R"(
      46 46
      01 02  01 04 "web1"  01 08 "10.0.0.9"
      02  00 03 "CWD" 01 01 05 " cwd=" 03 00 00  00 03 "EOE" 01 00 00
      0703 0702 0702 0702 0702 0702 0702  0702 0702 0703 0702  0003
      01 1b 1b
      b81700 0e00 0400 0000 0000 0600 0000  0002 0002 a01f00 0000  222f22)");
  const auto reader = BlockReader::Open(*summary, columns);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ((*reader)->head(0).end, (EventEnd{.arrival = 3}));
  std::string line;
  ASSERT_TRUE((*reader)->AppendLine(0, 1, &line).ok());
  EXPECT_EQ(line, "node=web1 type=EOE msg=audit(1.500:7):");
}

EncodedBlock RealBlock() {
  BlockWriter writer;
  return Write(writer, EventsOf(ReadLines(kSource + "/tests/data/audit.log")));
}

TEST(Block, RefusesADamagedSummary) {
  const std::string good = EncodeSummary(RealBlock().summary);
  for (size_t place = 0; place < good.size(); ++place) {
    std::string bad = good;
    bad[place] = static_cast<char>(bad[place] ^ 0x10);
    EXPECT_TRUE(absl::IsDataLoss(DecodeSummary(bad).status())) << place;
    EXPECT_TRUE(absl::IsDataLoss(DecodeSummary(good.substr(0, place)).status())) << place;
  }
}

TEST(Block, RefusesDamagedColumns) {
  const EncodedBlock block = RealBlock();
  for (size_t place = 0; place < block.columns.size(); ++place) {
    std::string bad = block.columns;
    bad[place] = static_cast<char>(bad[place] ^ 1);
    EXPECT_TRUE(absl::IsDataLoss(BlockReader::Open(block.summary, bad).status())) << place;
  }
}

// Reads all there is to read. What it gives does not matter: the sanitizers look on.
void ReadAll(const BlockSummary& summary, const std::string& columns) {
  const auto opened = BlockReader::Open(summary, columns);
  if (!opened.ok()) {
    EXPECT_TRUE(absl::IsDataLoss(opened.status())) << opened.status();
    return;
  }
  for (uint32_t event = 0; event < (*opened)->event_count(); ++event) {
    const absl::StatusOr<audit::Event> read = (*opened)->ReadEvent(event);
    EXPECT_TRUE(read.ok() || absl::IsDataLoss(read.status())) << read.status();
  }
  const auto counts = CountTerms(**opened);
  EXPECT_TRUE(counts.ok() || absl::IsDataLoss(counts.status())) << counts.status();
}

TEST(Block, SurvivesDamageThatHasTheRightChecksum) {
  const EncodedBlock block = RealBlock();
  std::mt19937 random(2);
  for (int i = 0; i < 4000; ++i) {
    std::string bad = block.columns;
    for (size_t changes = random() % 4 + 1; changes > 0; --changes) {
      bad[random() % bad.size()] = static_cast<char>(random());
    }
    if (i % 8 == 0) bad.resize(random() % bad.size());
    BlockSummary summary = block.summary;
    summary.columns_bytes = bad.size();
    summary.columns_checksum = XXH3_64bits(bad.data(), bad.size());
    ReadAll(summary, bad);
  }
}

}  // namespace
}  // namespace storage
