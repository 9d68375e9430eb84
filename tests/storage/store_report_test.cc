// A report over a store is the report over the records of that store, whatever of it is in blocks,
// in tallies or in neither, whatever time and hosts are asked for, and in whatever order it came.

#include <algorithm>
#include <map>
#include <random>

#include "absl/strings/str_format.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "query/report/event_class.h"
#include "query/report/report_rows.h"
#include "query/report/report_text.h"
#include "query/report/summary.h"
#include "storage/event_store.h"
#include "storage/term_index.h"
#include "tests/audit/log_files.h"
#include "tests/storage/temporary_directory.h"

namespace storage {
namespace {

using query::ReportFilter;
using query::ReportKind;

constexpr uint64_t kFirstDayMs = uint64_t{20'000} * kDayMs;

constexpr ReportKind kLists[] = {
    ReportKind::kAvc,     ReportKind::kMac,           ReportKind::kIntegrity,
    ReportKind::kConfig,  ReportKind::kEvent,         ReportKind::kFile,
    ReportKind::kHost,    ReportKind::kPid,           ReportKind::kLogin,
    ReportKind::kSyscall, ReportKind::kTerminal,      ReportKind::kUser,
    ReportKind::kExe,     ReportKind::kComm,          ReportKind::kAnomalies,
    ReportKind::kKey,     ReportKind::kCrypto,        ReportKind::kResponse,
    ReportKind::kAccount, ReportKind::kAuthentication};

// A report and nothing around it: what must be equal.
std::string ToText(ReportKind kind, const query::EventTally& tally, const ReportFilter& filter,
                   query::ReportNames& names) {
  std::string text;
  query::ReportText printer(kind, query::EscapeMode::kTty, absl::UTCTimeZone());
  if (kind == ReportKind::kOverall) {
    const query::OverallReport overall{.counts = query::SummarizeAll(tally, filter),
                                       .last_ms = tally.last() ? tally.last()->time_ms : 0};
    printer.AppendOverall(overall, filter, &text);
    absl::StrAppendFormat(&text, "latest %d\n", tally.latest_ms());
  } else {
    for (query::SummaryRow& row : query::SummarizeList(kind, tally, filter, names)) {
      printer.AppendTotal({.host = "", .row = std::move(row)}, false, &text);
    }
  }
  return text;
}

class StoreReportTest : public testing::TestWithParam<int> {
 protected:
  StoreReportTest() : random_(static_cast<uint32_t>(GetParam())) {
    options_.open_bytes_max = 200'000;  // Small: seals for memory happen all the time.
    options_.now_ms = [] { return kFirstDayMs + 30 * kDayMs; };
    options_.on_problem = [](const absl::Status& problem) { ADD_FAILURE() << problem; };
    auto opened = EventStore::Open(temporary_.path() + "/store", options_);
    EXPECT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
    for (const std::string& file : audit::LogFiles()) logs_.push_back(audit::ReadLines(file));
  }

  uint32_t Random(uint32_t below) { return static_cast<uint32_t>(random_() % below); }

  // Records of real logs, of some hosts, moved into a few days: their stamps are made anew.
  void Append() {
    std::vector<Delivery> deliveries;
    const std::vector<std::string>& log = logs_[Random(static_cast<uint32_t>(logs_.size()))];
    const std::string host = absl::StrFormat("host%d", Random(4));
    uint32_t at = Random(static_cast<uint32_t>(log.size()));
    std::string before;
    std::string node;
    uint32_t& serial = serials_[host];
    for (uint32_t i = 0; i < 60 && at < log.size(); ++i, ++at) {
      const auto record = audit::ParseRecord(log[at]);
      std::string line = log[at];
      if (record.ok()) {
        const std::string stamp =
            absl::StrFormat("%d:%d", record->stamp.time_ms, record->stamp.serial);
        if (stamp != before) {
          NextStamp(&serial);
          // All of a host's records are its own, whether they name it or not.
          node = Random(9) == 0 ? "" : absl::StrFormat("node=%s ", host);
        }
        before = stamp;
        line = absl::StrFormat("%stype=%s msg=audit(%d.%03d:%d): %s", node, record->type,
                               now_ms_ / 1000, now_ms_ % 1000, serial, record->body);
      }
      Delivery& delivery = deliveries.emplace_back();
      delivery.received_ms = now_ms_;
      delivery.batches.emplace_back(Identity{.kind = IdentityKind::kNode, .name = host},
                                    "192.0.2.1");
      delivery.batches.back().Add(line);
    }
    const auto appended = store_->Append(deliveries);
    ASSERT_TRUE(appended.ok()) << appended.status();
  }

  void NextStamp(uint32_t* serial) {
    // Some come late, and at times a host begins anew.
    now_ms_ += Random(400'000);
    if (Random(40) == 0) now_ms_ -= std::min<uint64_t>(now_ms_ - kFirstDayMs, Random(90'000'000));
    if (Random(200) == 0) *serial = 0;
    *serial += 1 + (Random(50) == 0 ? Random(5) : 0);
  }

  ReportFilter RandomFilter() {
    ReportFilter filter;
    const auto some_time = [&] {
      return kFirstDayMs + Random(static_cast<uint32_t>(now_ms_ - kFirstDayMs + 1));
    };
    if (Random(2) == 0) filter.time.from_ms = some_time();
    if (Random(2) == 0) filter.time.to_ms = some_time();
    if (Random(4) == 0) filter.outcome = query::Outcome::kFailed;
    if (Random(6) == 0) filter.outcome = query::Outcome::kSucceeded;
    if (Random(6) == 0) filter.nodes = {"host1", "host3"};
    if (Random(8) == 0) filter.without_config = true;
    if (Random(8) == 0) filter.without_added = true;
    if (Random(8) == 0) filter.without_deleted = true;
    return filter;
  }

  // What a report over the records would be made of, host by host if `by_host`.
  struct Raw {
    std::map<std::string, query::EventTally> tallies;
    // By report, and by host; without a host in the order of receipt.
    std::map<ReportKind, std::map<std::string, std::string>> rows;
  };

  Raw ReadRaw(const ReportFilter& filter, const std::vector<std::string>& hosts, bool by_host,
              query::ReportNames& names) {
    Raw raw;
    query::EventFactsBuilder builder;
    std::map<ReportKind, std::unique_ptr<query::ReportRowMaker>> makers;
    for (const ReportKind kind : kLists) {
      makers[kind] = std::make_unique<query::ReportRowMaker>(kind, names);
    }
    std::map<ReportKind, query::ReportText> printers;
    uint64_t number = 0;
    const absl::Status searched =
        store_->Search({.host_patterns = hosts}, [&](const FoundEvent& found) {
          const query::EventFacts& facts = query::FactsOf(found.event, &builder);
          const query::OrderKey place = {number++};
          if (!filter.time.Contains(facts.time_ms)) return true;
          query::EventTally& tally = raw.tallies[by_host ? found.host.name : ""];
          tally.Notice(facts, place, query::kSerialsToo);
          if (!filter.Matches(facts)) return true;
          tally.Add(facts, place, query::kAllTallyLists);
          for (const ReportKind kind : kLists) {
            AppendRows(*makers[kind], kind, facts, found.host.name,
                       &raw.rows[kind][by_host ? found.host.name : ""]);
          }
          return true;
        });
    EXPECT_TRUE(searched.ok()) << searched;
    return raw;
  }

  static void AppendRows(query::ReportRowMaker& maker, ReportKind kind,
                         const query::EventFacts& facts, const std::string& host,
                         std::string* text) {
    maker.Make(facts, host, [&](const query::ReportRow& row) {
      query::ReportText printer(kind, query::EscapeMode::kTty, absl::UTCTimeZone());
      text->append(row.host).push_back(' ');
      printer.AppendRow(row, text);
      return true;
    });
  }

  void ExpectReports() {
    const ReportFilter filter = RandomFilter();
    std::vector<std::string> hosts;
    if (Random(3) == 0) hosts = {absl::StrFormat("host%d", Random(4)), "host[23]"};
    const bool by_host = Random(3) == 0;
    // Hosts that are not visible are left out as those that are not asked for.
    const bool hides_others = Random(2) == 0;
    const std::vector<std::string> asked = hides_others ? std::vector<std::string>() : hosts;
    const std::vector<std::string> visible = hides_others ? hosts : std::vector<std::string>();
    query::ReportNames names({.interpret = Random(2) == 0});
    SCOPED_TRACE(absl::StrFormat("%d to %d, %d hosts, by host %d", filter.time.from_ms,
                                 filter.time.to_ms, hosts.size(), by_host));
    const Raw raw = ReadRaw(filter, hosts, by_host, names);
    size_t tallies = 0;
    const query::EventTally nothing;
    const absl::Status tallied = store_->Tally(
        {.filter = filter,
         .host_patterns = asked,
         .visible_hosts = visible,
         .lists = query::kAllTallyLists | query::kSerialsToo,
         .by_host = by_host,
         .with_first_record = true,
         .explanation = &explanation_},
        [&](const FoundTally& found) {
          ++tallies;
          if (!by_host) {
            EXPECT_EQ(found.host, nullptr);
            EXPECT_EQ(found.first_record_ms, FirstRecordTime(hosts));
          }
          const auto expected = raw.tallies.find(found.host == nullptr ? "" : found.host->name);
          const query::EventTally& raw_tally =
              expected == raw.tallies.end() ? nothing : expected->second;
          if (by_host) {
            EXPECT_EQ(found.tally.serials().missing(), raw_tally.serials().missing());
          }
          EXPECT_EQ(ToText(ReportKind::kOverall, found.tally, filter, names),
                    ToText(ReportKind::kOverall, raw_tally, filter, names));
          for (const ReportKind kind : kLists) {
            EXPECT_EQ(ToText(kind, found.tally, filter, names),
                      ToText(kind, raw_tally, filter, names));
          }
          return true;
        });
    EXPECT_TRUE(tallied.ok()) << tallied;
    EXPECT_EQ(tallies, by_host ? store_->ListHosts({.host_patterns = hosts})->hosts.size() : 1);
    added_ += explanation_.blocks_added;
    read_ += explanation_.blocks_read;
    open_ += explanation_.open_events;
    ExpectRows({.filter = filter,
                .host_patterns = asked,
                .visible_hosts = visible,
                .by_host = by_host,
                .memory_bytes_max = Random(2) == 0 ? size_t{1} : size_t{64} << 20},
               raw, names);
  }

  // Of the host whose first event is the first one of all, the record that was appended first.
  std::optional<uint64_t> FirstRecordTime(const std::vector<std::string>& hosts) {
    std::optional<std::string> host;
    std::optional<uint64_t> time_ms;
    uint64_t lowest = 0;
    const absl::Status searched =
        store_->Search({.host_patterns = hosts}, [&](const FoundEvent& found) {
          if (!host) host = found.host.name;
          if (found.host.name != *host) return true;
          if (time_ms && found.event.tag(0) >= lowest) return true;
          lowest = found.event.tag(0);
          time_ms = found.event.stamp().time_ms;
          return true;
        });
    EXPECT_TRUE(searched.ok()) << searched;
    return time_ms;
  }

  void ExpectRows(FactsRequest request, const Raw& raw, query::ReportNames& names) {
    const ReportKind kind = kLists[Random(std::size(kLists))];
    query::ReportRowMaker maker(kind, names);
    request.roles = query::RolesOfRows(kind);
    request.types = query::RecordTypesOf(query::ClassesOfRows(kind));
    std::string rows;
    const absl::Status read = store_->ReadFacts(request, [&](const FoundFacts& found) {
      AppendRows(maker, kind, found.facts, found.host.name, &rows);
      return true;
    });
    EXPECT_TRUE(read.ok()) << read;
    std::string expected;
    if (const auto of_kind = raw.rows.find(kind); of_kind != raw.rows.end()) {
      for (const auto& [host, text] : of_kind->second) expected += text;
    }
    EXPECT_EQ(rows, expected);
  }

  std::mt19937 random_;
  TemporaryDirectory temporary_;
  StoreOptions options_;
  std::unique_ptr<EventStore> store_;
  std::vector<std::vector<std::string>> logs_;
  uint64_t now_ms_ = kFirstDayMs;
  std::map<std::string, uint32_t> serials_;  // Of each host, the last one.
  ReportExplanation explanation_;
  uint64_t added_ = 0;
  uint64_t read_ = 0;
  uint64_t open_ = 0;
};

TEST_P(StoreReportTest, IsTheReportOverTheRecords) {
  for (int step = 0; step < 150 && !HasFailure(); ++step) {
    switch (Random(12)) {
      case 0:
        ASSERT_TRUE(store_->Seal().ok());
        break;
      case 1:
        ASSERT_TRUE(store_->Settle({}).ok());
        break;
      case 2:
      case 3:
        ExpectReports();
        break;
      default:
        Append();
    }
  }
  ASSERT_TRUE(store_->Settle({}).ok());
  for (int i = 0; i < 5 && !HasFailure(); ++i) ExpectReports();
  // Each way of looking was taken.
  EXPECT_GT(added_, 0u);
  EXPECT_GT(read_, 0u);
  EXPECT_GT(open_, 0u);
  std::vector<std::string> wrong;
  ASSERT_TRUE(store_->Check({}, [&](const std::string& what) { wrong.push_back(what); }).ok());
  EXPECT_THAT(wrong, testing::IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Seeds, StoreReportTest, testing::Range(1, 7));

}  // namespace
}  // namespace storage
