// The rules of this machine's kernel for the time of a test, and the real auditctl.

#pragma once

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include <gtest/gtest.h>

#include "client-plugin/rules/kernel_audit.h"
#include "client-plugin/rules/rule_files.h"
#include "client-plugin/rules/rule_parser.h"
#include "client-plugin/rules/rule_text.h"
#include "tests/storage/temporary_directory.h"

namespace client_plugin {

// Skipped where the test may not change the rules, or there are some. Puts back what it finds.
class KernelAuditFixture : public testing::Test {
 protected:
  void SetUp() override {
    absl::StatusOr<KernelAudit> kernel = KernelAudit::Open();
    if (!kernel.ok()) GTEST_SKIP() << kernel.status().message();
    const absl::StatusOr<KernelAuditState> state = kernel->State();
    if (!state.ok()) GTEST_SKIP() << "needs root, and audit in the kernel";
    if (state->owner_pid != 0) GTEST_SKIP() << state->owner_pid << " owns the audit socket";
    if (state->enabled == kAuditLocked) GTEST_SKIP() << "the audit of the kernel is locked";
    const absl::StatusOr<std::vector<AuditRule>> rules = kernel->List();
    ASSERT_TRUE(rules.ok()) << rules.status();
    if (!rules->empty()) GTEST_SKIP() << "there are rules in the kernel";
    kernel_.emplace(*std::move(kernel));
    before_ = *state;
  }

  void TearDown() override {
    if (!kernel_) return;
    Do("-D");
    Do(absl::StrCat("-b ", before_.backlog_limit, " -f ", before_.failure, " -r ",
                    before_.rate_limit, " --backlog_wait_time ", before_.backlog_wait_time));
    Do(absl::StrCat("-e ", before_.enabled));
  }

  // Has the kernel do what a line says, which it must.
  void Do(const std::string& text) {
    const absl::StatusOr<RuleLine> line = ParseRuleLine(text);
    ASSERT_TRUE(line.ok()) << text << ": " << line.status();
    const absl::Status applied = kernel_->Apply(*line);
    EXPECT_TRUE(applied.ok()) << text << ": " << applied;
  }

  std::vector<AuditRule> Rules() {
    absl::StatusOr<std::vector<AuditRule>> rules = kernel_->List();
    EXPECT_TRUE(rules.ok()) << rules.status();
    return rules.ok() ? *std::move(rules) : std::vector<AuditRule>();
  }

  std::vector<std::string> Texts() {
    std::vector<std::string> texts;
    for (const AuditRule& rule : Rules()) texts.push_back(RuleText(rule));
    return texts;
  }

  // A file that may be loaded.
  std::string WriteRules(const std::string& name, const std::string& text) const {
    std::string path = directory_.path() + "/" + name;
    std::ofstream(path) << text;
    chmod(path.c_str(), 0600);
    return path;
  }

  TemporaryDirectory directory_;
  std::optional<KernelAudit> kernel_;
  KernelAuditState before_;
};

// The unpacked tools of Debian's auditd: see tests/fetch-real-tools.sh.
class RealAuditctl {
 public:
  // Empty if there is none.
  static std::string Path() {
    const char* const given = std::getenv("AUSPEX_REAL_TOOLS");
    const std::string tools = given ? given : std::string(AUSPEX_SOURCE_DIR) + "/build/tools";
    const std::string path = tools + "/sbin/auditctl";
    return std::filesystem::exists(path) ? path : "";
  }

  struct Result {
    int exit_status = 0;
    std::vector<std::string> lines;
  };

  static Result Run(const std::string& arguments) {
    const std::string tools = std::filesystem::path(Path()).parent_path().parent_path();
    const std::string command = absl::StrCat("LD_LIBRARY_PATH=$(echo ", tools, "/lib/*-linux-*) ",
                                             Path(), " ", arguments, " 2>/dev/null </dev/null");
    FILE* const pipe = popen(command.c_str(), "r");
    std::string output;
    std::array<char, 4096> buffer;
    while (const size_t bytes = fread(buffer.data(), 1, buffer.size(), pipe)) {
      output.append(buffer.data(), bytes);
    }
    Result result = {.exit_status = WEXITSTATUS(pclose(pipe)), .lines = {}};
    for (size_t begin = 0; begin < output.size();) {
      const size_t end = std::min(output.find('\n', begin), output.size());
      result.lines.push_back(output.substr(begin, end - begin));
      begin = end + 1;
    }
    return result;
  }
};

}  // namespace client_plugin
