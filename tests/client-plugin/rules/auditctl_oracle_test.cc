// Lines of rules, loaded by the real auditctl and by us: the kernel must have the same afterwards.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client-plugin/rules/rule_load.h"
#include "tests/client-plugin/rules/kernel_audit_fixture.h"

namespace client_plugin {
namespace {

namespace fs = std::filesystem;

// What `auditctl -l` prints of these cannot be loaded again, and ours can: README.md of the rules.
bool IsListedOtherwise(std::string_view text) {
  constexpr std::string_view kLinesListedOtherwise[] = {
      "-w /etc/my\\ file -k x",
      "-a always,exit -S open -F key!=a",
      "-a always,exit -F filetype=file -F path=/etc/passwd",
      "-a always,exit -F field_compare=26 -S open",
      "-a always,exit -S ,",
      "-a always,exit -F arch=aarch64 -S execve",
      "-a always,exit -F arch=ppc64le -S execve",
      "-a always,exit -F pid=4294967295 -S open",
      "-a always,exit -F gid=4294967294 -S open",
      "-a always,exit -F perm=r -F perm=w -F path=/etc/passwd",
      "-a always,exit -F exe!=/usr/bin/ls -k x",
      "-a always,exit -F perm=wa -F path=/etc/passwd -k x",
      "-a always,exit -F perm=wa -k x",
      "-a never,exit -F path=/etc/passwd -F perm=wa -k x",
  };
  text.remove_suffix(1);  // Its newline.
  return std::ranges::find(kLinesListedOtherwise, text) != std::end(kLinesListedOtherwise);
}

class AuditctlOracleTest : public KernelAuditFixture {
 protected:
  void SetUp() override {
    KernelAuditFixture::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    if (RealAuditctl::Path().empty()) GTEST_SKIP() << "no auditctl: see tests/fetch-real-tools.sh";
  }

  struct Loaded {
    bool is_complete = false;
    std::vector<AuditRule> rules;
  };

  // As auditctl loads a file, with what it lists then.
  Loaded LoadByAuditctl(const std::string& file, std::vector<std::string>* listed) {
    Loaded loaded = {.is_complete = RealAuditctl::Run("-R " + file).exit_status == 0,
                     .rules = Rules()};
    *listed = RealAuditctl::Run("-l").lines;
    if (*listed == std::vector<std::string>{"No rules"}) listed->clear();
    Do("-D");
    return loaded;
  }

  Loaded LoadByUs(const std::string& file) {
    const auto lines = ReadRules({{.path = file, .is_directory = false}}, {.must_be_roots = true});
    EXPECT_TRUE(lines.ok()) << lines.status();
    if (!lines.ok()) return {};
    const absl::StatusOr<RuleLoad> load = LoadRules(*lines, *kernel_);
    EXPECT_TRUE(load.ok()) << load.status();
    why_.clear();
    if (load.ok() && !load->refused.empty()) why_ = load->refused.front().Message();
    Loaded loaded = {.is_complete = load.ok() && load->is_complete, .rules = Rules()};
    Do("-D");
    return loaded;
  }

  // Both must accept or refuse it, with the same rules in the kernel and the same text of them.
  void Compare(const std::string& text) {
    const std::string file = WriteRules("oracle.rules", text);
    std::vector<std::string> listed;
    const Loaded theirs = LoadByAuditctl(file, &listed);
    const Loaded ours = LoadByUs(file);
    EXPECT_EQ(ours.is_complete, theirs.is_complete) << text << "\n" << why_;
    EXPECT_EQ(ours.rules, theirs.rules) << text << "\n" << why_;
    std::vector<std::string> texts;
    for (const AuditRule& rule : theirs.rules) texts.push_back(RuleText(rule));
    if (IsListedOtherwise(text)) {
      EXPECT_NE(texts, listed) << text;
    } else {
      EXPECT_EQ(texts, listed) << text;
    }
  }

  std::string why_;
};

// Not tried on the kernel of a machine that is to go on: it would be locked, or panic.
bool IsDangerous(std::string_view line) {
  return line.find("-e") == 0 || line.find("-f") == 0 || line.find("--loginuid") == 0;
}

std::vector<std::string> PublicRuleFiles() {
  std::vector<std::string> files;
  const fs::path directory = fs::path(AUSPEX_SOURCE_DIR) / "../shared/rules";
  if (!fs::is_directory(directory)) return files;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().extension() == ".rules") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

std::vector<std::string> SafeLines(const std::string& file) {
  std::vector<std::string> lines;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (!IsDangerous(line)) lines.push_back(line);
  }
  return lines;
}

TEST_F(AuditctlOracleTest, PublicRulesAsFiles) {
  if (PublicRuleFiles().empty()) GTEST_SKIP() << "no public rules beside the source";
  for (const std::string& file : PublicRuleFiles()) {
    SCOPED_TRACE(file);
    std::string text;
    for (const std::string& line : SafeLines(file)) text += line + "\n";
    Compare(text);           // To the first that is refused.
    Compare("-c\n" + text);  // All of them: a line that only one accepts makes a difference.
  }
}

TEST_F(AuditctlOracleTest, ManyLines) {
  size_t count = 0;
  const std::string file =
      std::string(AUSPEX_SOURCE_DIR) + "/tests/client-plugin/rules/lines.rules";
  for (const std::string& line : SafeLines(file)) {
    if (line.starts_with('#')) continue;
    SCOPED_TRACE(line);
    Compare(line + "\n");
    ++count;
  }
  EXPECT_GT(count, 300u);
}

}  // namespace
}  // namespace client_plugin
