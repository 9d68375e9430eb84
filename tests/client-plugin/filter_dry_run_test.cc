#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <string>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "audit/record.h"
#include "client-plugin/dry_run_command.h"
#include "tests/storage/temporary_directory.h"

namespace client_plugin {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr char kLog[] =
    "type=SYSCALL msg=audit(1.000:1): arch=c000003e syscall=2 uid=0 key=\"noise\"\x1dUID=\"root\"\n"
    "type=CWD msg=audit(1.000:1): cwd=\"/\"\n"
    "type=PROCTITLE msg=audit(1.000:1): proctitle=\"a\"\n"
    "type=SYSCALL msg=audit(1.000:2): arch=c000003e syscall=2 uid=0 key=\"other\"\n"
    "type=CWD msg=audit(1.000:2): cwd=\"/\"\n"
    "what is this\n"
    "node=b type=CWD msg=audit(1.000:3): cwd=\"/\"\n"
    "type=NEVER_HEARD_OF msg=audit(1.000:4): uid=0";

// Runs the command, and has what it printed.
class FilterDryRun : public testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& text) {
    std::string path = directory_.path() + "/" + name;
    std::ofstream(path) << text;
    return path;
  }

  int Run(const DryRunOptions& options) {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int status = RunDryRun(options);
    output_ = testing::internal::GetCapturedStdout();
    errors_ = testing::internal::GetCapturedStderr();
    return status;
  }

  TemporaryDirectory directory_;
  std::string output_;
  std::string errors_;
};

TEST_F(FilterDryRun, SaysWhatEachFilterWouldDrop) {
  const std::string log = Write("log", kLog);
  EXPECT_EQ(Run({.filters = {"key=noise", "keep type=PROCTITLE", "type=CWD"}, .logs = {log}}),
            EXIT_SUCCESS);
  EXPECT_EQ(output_,
            "   records    share     events        bytes  filter\n"
            "         3   42.9 %          1          169  1: key=noise\n"
            "         0    0.0 %          0            0  2: keep type=PROCTITLE\n"
            "         2   28.6 %          2           79  3: type=CWD\n"
            "         5   71.4 %          3          248  dropped by all of them\n"
            "         7  100.0 %          4          367  in the logs\n"
            "         1 lines are no records\n"
            "\n"
            "1: key=noise\n"
            "  type=SYSCALL msg=audit(1.000:1): arch=c000003e syscall=2 uid=0 key=\"noise\" "
            "UID=\"root\"\n"
            "\n"
            "3: type=CWD\n"
            "  type=CWD msg=audit(1.000:2): cwd=\"/\"\n"
            "  node=b type=CWD msg=audit(1.000:3): cwd=\"/\"\n");
  EXPECT_EQ(errors_, log + ":6: record: bad type\n");
}

TEST_F(FilterDryRun, PrintsAllThatWouldBeDropped) {
  EXPECT_EQ(Run({.filters = {"type=PROCTITLE", "type=CWD"},
                 .logs = {Write("log", kLog)},
                 .verbose = true}),
            EXIT_SUCCESS);
  EXPECT_THAT(output_, testing::StartsWith("2: type=CWD msg=audit(1.000:1): cwd=\"/\"\n"
                                           "1: type=PROCTITLE msg=audit(1.000:1): proctitle=\"a\"\n"
                                           "2: type=CWD msg=audit(1.000:2): cwd=\"/\"\n"
                                           "2: node=b type=CWD msg=audit(1.000:3): cwd=\"/\"\n"
                                           "   records"));
}

TEST_F(FilterDryRun, ReadsStandardInput) {
  const int log = open(Write("log", kLog).c_str(), O_RDONLY | O_CLOEXEC);
  const int before = dup(STDIN_FILENO);
  dup2(log, STDIN_FILENO);
  EXPECT_EQ(Run({.filters = {"type!=CWD"}, .logs = {"-"}}), EXIT_SUCCESS);
  dup2(before, STDIN_FILENO);
  close(before);
  close(log);
  EXPECT_THAT(output_, HasSubstr("         4   57.1 %          3          252  1: type!=CWD\n"));
  EXPECT_EQ(errors_, "-:6: record: bad type\n");
}

TEST_F(FilterDryRun, ReadsLinesOfAnyLength) {
  // Lines that end on all places around those where buffers do.
  std::string text;
  size_t count = 0;
  for (size_t bytes = 60; text.size() < size_t{400} << 10; bytes = bytes % 9000 + 61, ++count) {
    std::string line = "type=CWD msg=audit(1.000:" + std::to_string(count) + "): cwd=";
    line.resize(std::max(bytes, line.size()), 'x');
    text += line + "\n";
  }
  const std::string longest = "type=CWD msg=audit(1.000:1): cwd=";
  text += longest + std::string(audit::kRecordBytesMax + 1 - longest.size(), 'x') + "\n";
  text += longest + std::string(size_t{200} << 10, 'x') + "\n";
  EXPECT_EQ(Run({.filters = {"type=CWD"}, .logs = {Write("log", text)}}), EXIT_SUCCESS);
  EXPECT_THAT(output_, HasSubstr(std::to_string(count) + "  100.0 %"));
  EXPECT_THAT(output_, HasSubstr("         2 lines are no records\n"));
}

TEST_F(FilterDryRun, NamesFewOfManyBadLines) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "\n";
  const std::string log = Write("log", text);
  EXPECT_EQ(Run({.filters = {"type=CWD"}, .logs = {log}}), EXIT_SUCCESS);
  EXPECT_THAT(errors_, HasSubstr(log + ":5: record: bad type\n" + log + ": 100 lines are no"));
  EXPECT_THAT(errors_, Not(HasSubstr(log + ":6:")));
}

TEST_F(FilterDryRun, FailsWhereALogCannotBeRead) {
  const std::string log = Write("log", kLog);
  EXPECT_EQ(Run({.filters = {"type=CWD"}, .logs = {"/no/such/log", directory_.path(), log}}),
            EXIT_FAILURE);
  EXPECT_EQ(errors_,
            "auspex-agent: /no/such/log: No such file or directory\n"
            "auspex-agent: " +
                directory_.path() + ": Is a directory\n" + log + ":6: record: bad type\n");
  EXPECT_THAT(output_, HasSubstr("         7  100.0 %          4          367  in the logs\n"));
}

TEST_F(FilterDryRun, FailsWhereAFilterIsWrong) {
  EXPECT_EQ(Run({.filters = {"type=CWD", "uid"}, .logs = {"-"}}), EXIT_FAILURE);
  EXPECT_EQ(errors_,
            "auspex-agent: filter 2: \"uid\" is no condition: NAME=VALUE,... or NAME!=VALUE,...\n");
  EXPECT_EQ(output_, "");
}

}  // namespace
}  // namespace client_plugin
