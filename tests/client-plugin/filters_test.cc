#include "client-plugin/filters.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "audit/record.h"
#include "audit/record_type.h"

namespace client_plugin {
namespace {

// The fixture's language: a record is "SERIAL TYPE fields"; Kept() gives back "SERIAL TYPE" of
// those that are not dropped.
class FiltersTest : public testing::Test {
 protected:
  void Filter(const std::vector<std::string>& texts) {
    absl::StatusOr<Filters> filters = Filters::Parse(texts);
    ASSERT_TRUE(filters.ok()) << filters.status();
    filters_ = *std::move(filters);
  }

  std::vector<std::string> Kept(const std::vector<std::string>& records) {
    std::vector<std::string> kept;
    for (const std::string& text : records) {
      const size_t first = text.find(' ');
      const size_t second = std::min(text.find(' ', first + 1), text.size());
      const std::string type = text.substr(first + 1, second - first - 1);
      const std::string line = "type=" + type + " msg=audit(" + time_ + ":" +
                               text.substr(0, first) + "):" + text.substr(second);
      const auto number = static_cast<uint16_t>(audit::RecordTypeNumber(type).value());
      if (!filters_.Drops(number, line)) kept.push_back(text.substr(0, second));
    }
    return kept;
  }

  using Texts = std::vector<std::string>;

  std::string time_ = "1626611363.720";
  Filters filters_;
};

constexpr std::string_view kNoise = " SYSCALL arch=c000003e syscall=2 uid=0 key=\"noise\"";
constexpr std::string_view kOther = " SYSCALL arch=c000003e syscall=2 uid=0 key=\"other\"";

std::string Noise(int serial) { return std::to_string(serial) + std::string(kNoise); }
std::string Other(int serial) { return std::to_string(serial) + std::string(kOther); }

TEST_F(FiltersTest, KeepsAllWithoutAny) {
  EXPECT_TRUE(filters_.empty());
  EXPECT_EQ(Kept({Noise(1), "1 CWD"}), (Texts{"1 SYSCALL", "1 CWD"}));
}

TEST_F(FiltersTest, DropsSingleRecordsByType) {
  Filter({"type=CWD,PROCTITLE"});
  EXPECT_EQ(Kept({Noise(1), "1 CWD cwd=\"/\"", "1 PATH item=0", "1 PROCTITLE", "1 EOE"}),
            (Texts{"1 SYSCALL", "1 PATH", "1 EOE"}));
}

TEST_F(FiltersTest, DropsAllOfAnEvent) {
  Filter({"key=noise"});
  EXPECT_EQ(Kept({Noise(1), Other(2), "1 CWD", "2 CWD", "1 PATH", "1 EOE", "2 EOE"}),
            (Texts{"2 SYSCALL", "2 CWD", "2 EOE"}));
}

TEST_F(FiltersTest, DropsRecordsOfATypeOfAnEvent) {
  Filter({"key=noise type=PATH,CWD"});
  EXPECT_EQ(Kept({Noise(1), "1 CWD", "1 PATH", "1 EOE", Other(2), "2 PATH"}),
            (Texts{"1 SYSCALL", "1 EOE", "2 SYSCALL", "2 PATH"}));
}

TEST_F(FiltersTest, KeepsAllOfAnEventThatBeginsWithSomethingElse) {
  Filter({"key=noise"});
  EXPECT_EQ(Kept({"1 AVC avc: denied", Noise(1), "1 CWD", "1 EOE"}),
            (Texts{"1 AVC", "1 SYSCALL", "1 CWD", "1 EOE"}));
}

TEST_F(FiltersTest, DoesNotCountAsFirstWhatItDropsByType) {
  Filter({"type=NETFILTER_CFG", "key=noise"});
  EXPECT_EQ(Kept({"1 NETFILTER_CFG table=a", Noise(1), "1 EOE"}), Texts{});
  Filter({"type=SYSCALL", "key=noise"});
  EXPECT_EQ(Kept({Noise(1), "1 CWD", Other(2), "2 CWD"}), Texts{"2 CWD"});
}

TEST_F(FiltersTest, AsksTheFirstRecordWhateverItIs) {
  Filter({"uid=1000 exe=/opt/*"});
  EXPECT_EQ(Kept({"1 SECCOMP auid=1 uid=1000 exe=\"/opt/browser\" sig=0", "1 EOE",
                  "2 SECCOMP auid=1 uid=1000 exe=\"/usr/bin/other\" sig=31",
                  "3 USER_ACCT pid=1 uid=1000 auid=1 msg='op=x exe=\"/opt/cron\" res=success'",
                  "4 USER_ACCT pid=1 uid=0 auid=1 msg='op=x exe=\"/opt/cron\" res=success'"}),
            (Texts{"2 SECCOMP", "4 USER_ACCT"}));
}

TEST_F(FiltersTest, LetsTheFirstFilterDecide) {
  Filter({"keep key=noise uid=0", "key=noise,other"});
  EXPECT_EQ(Kept({Noise(1), "1 CWD", Other(2), "2 CWD"}), (Texts{"1 SYSCALL", "1 CWD"}));
  Filter({"key=noise", "keep uid=0", "type=SYSCALL"});
  EXPECT_EQ(Kept({Noise(3), "3 CWD", Other(4), "4 CWD"}), (Texts{"4 SYSCALL", "4 CWD"}));
}

TEST_F(FiltersTest, KeepsTheEventOfARecordThatIsKeptForItsType) {
  Filter({"keep type=SECCOMP", "uid=1000"});
  EXPECT_EQ(Kept({"1 SECCOMP uid=1000", "1 SYSCALL uid=1000", "2 SYSCALL uid=1000"}),
            (Texts{"1 SECCOMP", "1 SYSCALL"}));
}

TEST_F(FiltersTest, CountsForTheFilterThatDecides) {
  Filter({"type=CWD", "keep key=other", "uid=0"});
  Kept({Noise(1), "1 CWD", "1 CWD", "1 EOE", Other(2), "2 CWD", "2 EOE"});
  const std::vector<FilterCounters>& counters = filters_.counters();
  ASSERT_EQ(counters.size(), 3u);
  EXPECT_EQ(counters[0].text, "type=CWD");
  EXPECT_EQ(counters[0].records, 3u);
  EXPECT_EQ(counters[0].events, 2u);
  EXPECT_EQ(counters[0].bytes,
            3 * std::string_view("type=CWD msg=audit(1626611363.720:1):").size());
  EXPECT_EQ(counters[1].records, 2u);
  EXPECT_EQ(counters[1].events, 1u);
  EXPECT_EQ(counters[2].records, 2u);
  EXPECT_EQ(counters[2].events, 1u);
}

TEST_F(FiltersTest, TellsEventsApartByTimeToo) {
  Filter({"key=noise"});
  EXPECT_EQ(Kept({Noise(1)}), Texts{});
  time_ = "1626611363.721";
  EXPECT_EQ(Kept({"1 CWD"}), Texts{"1 CWD"});
  EXPECT_EQ(filters_.events_forgotten(), 1u);
}

TEST_F(FiltersTest, CountsEventsThatItForgets) {
  Filter({"key=noise"});
  const int events = 20'000;
  for (int serial = 1; serial <= events; ++serial)
    Kept({Noise(serial), std::to_string(serial) + " EOE"});
  EXPECT_EQ(filters_.events_forgotten(), 0u);
  for (int serial = 1; serial <= events; ++serial) Kept({Noise(events + serial)});
  EXPECT_GT(filters_.events_forgotten(), 0u);
  const uint64_t forgotten = filters_.events_forgotten();
  time_ = "1626611366.000";  // The others are over by now.
  for (int serial = 1; serial <= 1000; ++serial)
    Kept({std::to_string(2 * events + serial) + " USER"});
  EXPECT_EQ(filters_.events_forgotten(), forgotten);
}

TEST_F(FiltersTest, KeepsWhatItCannotRead) {
  Filter({"key=noise", "type=SYSCALL"});
  EXPECT_FALSE(filters_.Drops(1300, "type=SYSCALL msg=audit(x): key=\"noise\""));
  EXPECT_FALSE(filters_.Drops(1300, ""));
}

TEST_F(FiltersTest, NamesTheFilterThatIsWrong) {
  const absl::StatusOr<Filters> filters = Filters::Parse(Texts{"uid=0", "uid=0 path=/a"});
  EXPECT_EQ(filters.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(filters.status().message(),
            "filter 2: \"path\" is none of type, key, exe, uid, auid, euid and syscall");
}

TEST_F(FiltersTest, HasALimit) {
  EXPECT_TRUE(Filters::Parse(Texts(Filters::kFiltersMax, "uid=0")).ok());
  const absl::StatusOr<Filters> filters = Filters::Parse(Texts(Filters::kFiltersMax + 1, "uid=0"));
  EXPECT_EQ(filters.status().message(), "filter 65: there can be no more than 64");
}

TEST_F(FiltersTest, UsesItsLastFilter) {
  Texts texts(Filters::kFiltersMax - 1, "uid=5");
  texts.emplace_back("key=noise");
  Filter(texts);
  EXPECT_EQ(Kept({Noise(1), "1 CWD", Other(2)}), Texts{"2 SYSCALL"});
  EXPECT_EQ(filters_.counters().back().records, 2u);
}

}  // namespace
}  // namespace client_plugin
