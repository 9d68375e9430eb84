#include "client-plugin/rules/trace_command.h"

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <poll.h>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client-plugin/audit_socket.h"
#include "client-plugin/kernel_record.h"
#include "tests/client-plugin/rules/exit_status_of.h"
#include "tests/client-plugin/rules/kernel_audit_fixture.h"

namespace client_plugin {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

class TraceTest : public KernelAuditFixture {
 protected:
  static int Run(std::vector<std::string> words) {
    return ExitStatusOf([&] {
      std::vector<char*> arguments;
      for (std::string& word : words) arguments.push_back(word.data());
      arguments.push_back(nullptr);
      return RunTrace(static_cast<int>(words.size()), arguments.data());
    });
  }
};

TEST_F(TraceTest, HasTheRulesInTheKernelWhileTheCommandRuns) {
  if (RealAuditctl::Path().empty()) GTEST_SKIP() << "no auditctl: see tests/fetch-real-tools.sh";
  Do("-e 1");
  Do("-w /etc/passwd -k mine");
  const std::string file = directory_.path() + "/listed";
  const std::string tools = std::filesystem::path(RealAuditctl::Path()).parent_path().parent_path();
  const std::string script = "export LD_LIBRARY_PATH=$(echo " + tools + "/lib/*-linux-*); " +
                             RealAuditctl::Path() + " -l >" + file + "; echo $$ >>" + file +
                             "; exit 5";
  EXPECT_EQ(Run({"trace", "sh", "-c", script}), 5);
  std::vector<std::string> lines;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[1], "-a always,exit -S all -F pid=" + lines[3] + " -F key=auspex-trace");
  EXPECT_EQ(lines[2], "-a always,exit -S all -F ppid=" + lines[3] + " -F key=auspex-trace");
  EXPECT_THAT(Texts(), testing::ElementsAre("-w /etc/passwd -p rwxa -k mine"));
}

TEST_F(TraceTest, RecordsWhatTheCommandDoes) {
  Do("-e 1");
  auto socket = AuditSocket::Open({.role = AuditSocket::Role::kListener});
  ASSERT_TRUE(socket.ok()) << socket.status();
  const std::string file = directory_.path() + "/made-by-the-traced";
  ASSERT_EQ(Run({"trace", "--", "touch", file}), 0);
  const auto is_whole =
      testing::AllOf(testing::HasSubstr("comm=\"touch\""), testing::HasSubstr(file),
                     testing::HasSubstr("key=\"auspex-trace\""));
  std::string records;
  const auto deadline = steady_clock::now() + seconds(20);
  while (!testing::Value(records, is_whole) && steady_clock::now() < deadline) {
    pollfd wait{.fd = (*socket)->descriptor(), .events = POLLIN, .revents = 0};
    poll(&wait, 1, 1000);
    const auto read = (*socket)->Read([&records](uint16_t type, std::string_view payload) {
      AppendLine(type, payload, &records);
    });
    ASSERT_TRUE(read.ok()) << read.status();
  }
  EXPECT_THAT(records, is_whole);
}

TEST_F(TraceTest, TakesItsRulesAwayWhenItIsInterrupted) {
  Do("-e 1");
  // The command ends its own tracer.
  EXPECT_EQ(Run({"trace", "-r", "sh", "-c", "kill -TERM $PPID; sleep 100"}), 128 + SIGTERM);
  EXPECT_THAT(Rules(), testing::IsEmpty());
}

TEST_F(TraceTest, RefusesWhereItCouldNotRecord) {
  Do("-e 0");
  EXPECT_EQ(Run({"trace", "true"}), 125);
  Do("-e 1");
  EXPECT_EQ(Run({"trace"}), 125);
  EXPECT_EQ(Run({"trace", "/no/such/program"}), 127);
  EXPECT_EQ(Run({"trace", "/etc/passwd"}), 126);
  Do("-a never,task");
  EXPECT_EQ(Run({"trace", "true"}), 125);
  EXPECT_THAT(Texts(), testing::ElementsAre("-a never,task"));
}

}  // namespace
}  // namespace client_plugin
