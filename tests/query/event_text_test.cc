#include "query/event_text.h"

#include <initializer_list>
#include <string>
#include <string_view>

#include "gtest/gtest.h"

#include "audit/event.h"
#include "audit/record.h"

namespace query {
namespace {

audit::Event MakeEvent(std::initializer_list<std::string_view> lines) {
  const audit::Record first = *audit::ParseRecord(*lines.begin());
  audit::Event event(first.node, first.stamp);
  for (const std::string_view line : lines) event.Add(line);
  return event;
}

std::string RawText(const audit::Event& event) {
  std::string text;
  AppendRawText(event, &text);
  return text;
}

std::string DefaultText(const audit::Event& event, std::string_view zone_name = "UTC") {
  absl::TimeZone zone;
  EXPECT_TRUE(absl::LoadTimeZone({zone_name.data(), zone_name.size()}, &zone));
  std::string text;
  AppendDefaultText(event, zone, EscapeMode::kTty, &text);
  return text;
}

constexpr std::string_view kSyscall =
    "node=web1 type=SYSCALL msg=audit(1600000000.100:5): uid=0 key=\"x\"\x1dUID=\"root\"";
constexpr std::string_view kCwd = "node=web1 type=CWD msg=audit(1600000000.100:5): cwd=\"/\"";

TEST(RawText, IsWhatWasReceived) {
  EXPECT_EQ(RawText(MakeEvent({kSyscall, kCwd})),
            std::string(kSyscall) + "\n" + std::string(kCwd) + "\n");
}

TEST(DefaultText, BeginsWithTheLastRecordAndLeavesOutTheTail) {
  EXPECT_EQ(DefaultText(MakeEvent({kSyscall, kCwd})),
            "----\n"
            "time->Sun Sep 13 12:26:40 2020\n"
            "node=web1 type=CWD msg=audit(1600000000.100:5): cwd=\"/\"\n"
            "node=web1 type=SYSCALL msg=audit(1600000000.100:5): uid=0 key=\"x\"\n");
}

TEST(DefaultText, WritesTheTimeLikeCtimeInTheZone) {
  const struct {
    std::string_view line;
    std::string_view zone;
    std::string_view time;
  } cases[] = {
      {"type=EOE msg=audit(0.999:1):", "UTC", "Thu Jan  1 00:00:00 1970"},
      {"type=EOE msg=audit(1600000000.100:1):", "Asia/Tokyo", "Sun Sep 13 21:26:40 2020"},
      {"type=EOE msg=audit(1600000000.100:1):", "Europe/Berlin", "Sun Sep 13 14:26:40 2020"},
      {"type=EOE msg=audit(1609459199.999:1):", "UTC", "Thu Dec 31 23:59:59 2020"},
      {"type=EOE msg=audit(4294967296.000:1):", "UTC", "Sun Feb  7 06:28:16 2106"},
  };
  for (const auto& [line, zone, time] : cases) {
    EXPECT_EQ(DefaultText(MakeEvent({line}), zone),
              "----\ntime->" + std::string(time) + "\n" + std::string(line) + "\n");
  }
}

TEST(DefaultText, EscapesWhatATerminalWouldObey) {
  using std::string_view_literals::operator""sv;
  const struct {
    std::string_view body;
    std::string_view text;
  } cases[] = {
      {"\x1b[2J"sv, "\\033[2J"},
      {"a\tb\r"sv, "a\\011b\\015"},
      {"a\0b"sv, "a\\000b"},
      {"\x1f \x7f \xc3\xa4"sv, "\\037 \x7f \xc3\xa4"},
  };
  for (const auto& [body, text] : cases) {
    for (const std::string prefix :
         {"type=CWD msg=audit(0.000:1): ", "type=DAEMON_START msg=audit(0.000:1): "}) {
      EXPECT_EQ(DefaultText(MakeEvent({prefix + std::string(body)})),
                "----\ntime->Thu Jan  1 00:00:00 1970\n" + prefix + std::string(text) + "\n");
    }
  }
}

TEST(EventText, IsAppended) {
  const audit::Event event = MakeEvent({kCwd});
  std::string text = "before\n";
  AppendRawText(event, &text);
  AppendDefaultText(event, absl::UTCTimeZone(), EscapeMode::kTty, &text);
  EXPECT_EQ(text, "before\n" + RawText(event) + DefaultText(event));
}

}  // namespace
}  // namespace query
