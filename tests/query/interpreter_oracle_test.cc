// Compares events in words with those of the real ausearch, for real logs.
//
// Needs ausearch (see real_ausearch.h) and the logs of ../shared/corpus.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "query/interpreter.h"
#include "tests/query/real_ausearch.h"

namespace query {
namespace {

using AppendEvent = void (Interpreter::*)(const audit::Event& event, std::string* text);

// Output in pieces that each stand for an event, sorted: the order of events is not compared.
std::vector<std::string> SortedEvents(std::string_view output, bool has_separators) {
  std::vector<std::string> events;
  while (!output.empty()) {
    const std::string_view line = output.substr(0, output.find('\n'));
    output.remove_prefix(std::min(output.size(), line.size() + 1));
    if (events.empty() || !has_separators || line == "----") events.emplace_back();
    events.back() += std::string(line) + "\n";
  }
  std::ranges::sort(events);
  return events;
}

bool IsComparable(const audit::Event& event) {
  for (size_t index = 0; index < event.record_count(); ++index) {
    if (IsDeviation(event.line(index))) return false;
  }
  return !HasAvcWithoutClass(event);
}

// Each event that both sides take for one.
std::vector<audit::Event> ReadComparableEvents(const std::string& file) {
  std::vector<audit::Event> events = ReadEvents(file);
  std::map<std::pair<audit::Stamp, std::string>, int> events_of_key;
  for (const audit::Event& event : events) ++events_of_key[{event.stamp(), event.node()}];
  std::erase_if(events, [&](const audit::Event& event) {
    return !IsComparable(event) || events_of_key[{event.stamp(), event.node()}] > 1;
  });
  return events;
}

// Skips its tests where there is nothing to compare with.
class InterpreterOracle : public testing::Test {
 protected:
  void SetUp() override {
    if (binary_.empty()) GTEST_SKIP() << "no ausearch, neither $AUSPEX_AUSEARCH nor in $PATH";
    if (!std::filesystem::exists(corpus_)) GTEST_SKIP() << "no logs in " << corpus_;
    ASSERT_TRUE(absl::LoadTimeZone(kZone, &options_.zone));
    options_.local_names = true;
  }

  // Gives the real tool, with these arguments, the same events of each log.
  void ExpectSameText(AppendEvent append, const Arguments& arguments) const {
    for (const auto& entry : std::filesystem::directory_iterator(corpus_)) {
      if (entry.path().extension() != ".log") continue;
      SCOPED_TRACE(entry.path().string() + testing::PrintToString(arguments));
      std::string lines;
      std::string text;
      Interpreter interpreter(options_);
      for (const audit::Event& event : ReadComparableEvents(entry.path())) {
        for (size_t index = 0; index < event.record_count(); ++index) {
          lines += std::string(event.line(index)) + "\n";
        }
        (interpreter.*append)(event, &text);
      }
      ExpectEqualEvents(text, RunOn(lines, arguments), append == &Interpreter::AppendInterpreted);
    }
  }

  InterpreterOptions options_;

 private:
  std::string RunOn(const std::string& lines, const Arguments& arguments) const {
    const std::string file = TemporaryLog();
    std::ofstream(file) << lines;
    std::string real = RunAusearch(binary_, file, arguments, Stream::kOutput);
    std::filesystem::remove(file);
    const std::string header = CsvHeader(options_);
    if (real.starts_with("NODE,")) {
      EXPECT_EQ(real.substr(0, header.size()), header);
      real.erase(0, header.size());
    }
    return real;
  }

  static void ExpectEqualEvents(std::string_view ours, std::string_view real, bool has_separators) {
    const std::vector<std::string> our_events = SortedEvents(ours, has_separators);
    const std::vector<std::string> real_events = SortedEvents(real, has_separators);
    std::vector<std::string> missing;
    std::vector<std::string> wrong;
    std::ranges::set_difference(real_events, our_events, std::back_inserter(missing));
    std::ranges::set_difference(our_events, real_events, std::back_inserter(wrong));
    EXPECT_EQ(wrong, missing);
  }

  const std::string binary_ = FindAusearch();
  const std::string corpus_ = AUSPEX_SOURCE_DIR "/../shared/corpus";
};

TEST_F(InterpreterOracle, InterpretsTheSame) {
  ExpectSameText(&Interpreter::AppendInterpreted, {"-i"});
}

TEST_F(InterpreterOracle, EscapesTheSame) {
  const struct {
    EscapeMode mode;
    std::string_view name;
  } cases[] = {{EscapeMode::kRaw, "raw"},
               {EscapeMode::kTty, "tty"},
               {EscapeMode::kShell, "shell"},
               {EscapeMode::kShellQuote, "shell_quote"}};
  for (const auto& [mode, name] : cases) {
    options_.escape_mode = mode;
    ExpectSameText(&Interpreter::AppendInterpreted, {"-i", "--escape", name});
    ExpectSameText(&Interpreter::AppendCsv, {"--format", "csv", "--escape", name});
    ExpectSameText(&Interpreter::AppendSentence, {"--format", "text", "--escape", name});
  }
}

TEST_F(InterpreterOracle, WritesTheSameCsv) {
  ExpectSameText(&Interpreter::AppendCsv, {"--format", "csv"});
}

TEST_F(InterpreterOracle, WritesTheSameExtraColumns) {
  options_.extra_keys = true;
  ExpectSameText(&Interpreter::AppendCsv, {"--format", "csv", "--extra-keys"});
  options_.extra_labels = true;
  options_.extra_obj2 = true;
  options_.extra_time = true;
  ExpectSameText(&Interpreter::AppendCsv, {"--format", "csv", "--extra-keys", "--extra-labels",
                                           "--extra-obj2", "--extra-time"});
}

TEST_F(InterpreterOracle, WritesTheSameSentences) {
  ExpectSameText(&Interpreter::AppendSentence, {"--format", "text"});
}

}  // namespace
}  // namespace query
