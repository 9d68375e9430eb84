// Compares what we print with what the real ausearch prints, for real logs.
//
// Needs ausearch (see real_ausearch.h) and the logs of ../shared/corpus.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "audit/event.h"
#include "audit/record.h"
#include "query/ausearch_options.h"
#include "query/event_text.h"
#include "tests/query/real_ausearch.h"

namespace query {
namespace {

// A piece of output that stands for an event, or a record in raw output.
using Piece = std::pair<std::pair<audit::Stamp, std::string>, std::string>;

// The real tool holds events back until it takes them for complete, so that its order is nearly,
// but not always, that of the stamps.
std::vector<std::string> InOrder(std::vector<Piece> pieces) {
  std::ranges::stable_sort(pieces, {}, &Piece::first);
  std::vector<std::string> result;
  for (Piece& piece : pieces) result.push_back(std::move(piece.second));
  return result;
}

// Of raw output, `text` is the record itself.
void AddPiece(std::string_view record_line, std::string text, std::vector<Piece>* pieces) {
  if (IsDeviation(text)) return;
  const absl::StatusOr<audit::Record> record = audit::ParseRecord(record_line);
  ASSERT_TRUE(record.ok()) << record_line;
  pieces->push_back({{record->stamp, std::string(record->node)}, std::move(text)});
}

// Cuts output into events, or raw output into records.
std::vector<std::string> Split(std::string_view output, EventFormat format) {
  std::vector<Piece> pieces;
  std::string event;
  std::string_view record;
  while (!output.empty()) {
    std::string_view line = output.substr(0, output.find('\n'));
    output.remove_prefix(std::min(output.size(), line.size() + 1));
    if (format == EventFormat::kRaw) {
      // The real tool adds a 0x1d to records without a tail, where another has one.
      if (line.ends_with('\x1d')) line.remove_suffix(1);
      AddPiece(line, std::string(line), &pieces);
      continue;
    }
    if (line == "----" && !event.empty()) AddPiece(record, std::exchange(event, ""), &pieces);
    event += std::string(line) + "\n";
    record = line;
  }
  if (!event.empty()) AddPiece(record, std::move(event), &pieces);
  return InOrder(std::move(pieces));
}

std::string Search(const std::string& file, const Arguments& arguments) {
  AusearchContext context;
  EXPECT_TRUE(absl::LoadTimeZone(kZone, &context.time.zone));
  const absl::StatusOr<AusearchOptions> options = ParseAusearchOptions(arguments, context);
  EXPECT_TRUE(options.ok()) << options.status();
  std::string text;
  const Predicate predicate = options->predicate();
  for (const audit::Event& event : ReadEvents(file)) {
    if (!predicate.Matches(event) || HasAvcWithoutClass(event)) continue;
    if (options->format == EventFormat::kRaw) {
      AppendRawText(event, &text);
    } else {
      AppendDefaultText(event, context.time.zone, options->escape, &text);
    }
    if (options->just_one) break;
  }
  return text;
}

// Skips its tests where there is nothing to compare with.
class AusearchOracle : public testing::Test {
 protected:
  void SetUp() override {
    if (binary_.empty()) GTEST_SKIP() << "no ausearch, neither $AUSPEX_AUSEARCH nor in $PATH";
  }

  void ExpectSameEvents(const std::string& file, const Arguments& arguments) const {
    SCOPED_TRACE(file + testing::PrintToString(arguments));
    const bool is_raw = std::ranges::find(arguments, "-r") != arguments.end();
    const EventFormat format = is_raw ? EventFormat::kRaw : EventFormat::kDefault;
    const std::string real = RunAusearch(binary_, file, arguments, Stream::kOutput);
    EXPECT_EQ(Split(Search(file, arguments), format), Split(real, format));
  }

  const std::string binary_ = FindAusearch();
};

TEST_F(AusearchOracle, FindsAndPrintsTheSameEventsOfRealLogs) {
  const std::string corpus = AUSPEX_SOURCE_DIR "/../shared/corpus";
  if (!std::filesystem::exists(corpus)) GTEST_SKIP() << "no logs in " << corpus;
  const Arguments cases[] = {
      {"-m", "ALL"},
      {"-r"},
      {"-m", "SYSCALL", "-r"},
      {"-m", "avc,USER_AUTH,1112", "-m", "UNKNOWN[1334]"},
      {"-k", "a"},
      {"-k", "exec", "-r"},
      {"-k", "exec", "-k", "id"},
      {"-n", "test"},
      {"-n", "test", "-n", "auditdtest.a1959.org", "-m", "PROCTITLE"},
      {"-a", "194433"},
      {"--just-one", "-n", "test"},
      {"-ts", "01/01/17", "-te", "07/01/18"},
      {"-ts", "07/01/17", "12:00:00", "-r"},
      {"-ts", "01/03/16", "01:37:51", "-te", "01:37:51", "01/03/16"},
      {"-te", "12/31/19", "23:59", "-m", "USER_LOGIN"},
  };
  for (const auto& entry : std::filesystem::directory_iterator(corpus)) {
    if (entry.path().extension() != ".log") continue;
    for (const Arguments& arguments : cases) ExpectSameEvents(entry.path(), arguments);
  }
}

TEST_F(AusearchOracle, PrintsTheSameOfStrangeBytes) {
  const std::string file = TemporaryLog();
  std::ofstream(file) << "type=SYSCALL msg=audit(1600000000.100:5): arch=c000003e syscall=1 a0=1 "
                         "a1=2 comm=\"\x1b[2J\t\" key=\"x\"\x1d"
                         "ARCH=x86_64 \x1b\n"
                         "type=CWD msg=audit(1600000000.100:5): cwd=\"/\x7f\xc3\xa4\" \r\n"
                         "type=EOE msg=audit(1600000000.100:5): \n"
                         "node=a type=UNKNOWN[9999] msg=audit(1600000001.000:6): x\n"
                         "type=NONSENSE msg=audit(1600000002.000:7): y\n";
  for (const Arguments& arguments :
       {Arguments{"-m", "ALL"}, Arguments{"-r"}, Arguments{"-m", "9999"}}) {
    ExpectSameEvents(file, arguments);
  }
  std::filesystem::remove(file);
}

TEST_F(AusearchOracle, RefusesInTheSameWords) {
  const Arguments cases[] = {
      {"-zz"},
      {"foo"},
      {"--just-one", "foo"},
      {"-a"},
      {"-a", "-1"},
      {"--event", "x"},
      {"-a", ""},
      {"-a", "99999999999999999999"},
      {"-k", "-r"},
      {"--node"},
      {"-r", "foo"},
      {"-r", "--raw"},
      {"-m"},
      {"--message", "FOO"},
      {"-m", "CWD,ALL"},
      {"-m", "99999999999999999999"},
      {"-ts"},
      {"--end", "-r"},
      {"-ts", "11/22/2026", "15:00:00"},
      {"-te", "11/22/2026"},
      {"-ts", "13/01/26"},
      {"-te", ""},
      {"-ts", "25:00"},
      {"-te", "10:00:00x"},
      {"-te", "11/22/26", "10"},
      {"-ts", "now", "now"},
      {"-ts", "11/22/03"},
      {"-te", "01/01/70", "00:00:00"},
      {"-te", "checkpoint"},
  };
  for (const Arguments& arguments : cases) {
    std::string real = RunAusearch(binary_, "/dev/null", arguments, Stream::kErrors);
    // The real tool forgets the newline of one message.
    if (real.ends_with('\n')) real.pop_back();
    const absl::StatusOr<AusearchOptions> options = ParseAusearchOptions(arguments, {});
    EXPECT_EQ(std::string(options.status().message()), real) << testing::PrintToString(arguments);
  }
}

}  // namespace
}  // namespace query
