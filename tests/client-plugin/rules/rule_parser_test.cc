#include "client-plugin/rules/rule_parser.h"

#include <sys/socket.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client-plugin/rules/rule_text.h"

namespace client_plugin {
namespace {

using Change = RuleLine::Change;
using Kind = RuleSetting::Kind;

RuleLine Parse(const std::string& text) {
  absl::StatusOr<RuleLine> line = ParseRuleLine(text);
  EXPECT_TRUE(line.ok()) << text << ": " << line.status();
  return line.ok() ? *std::move(line) : RuleLine();
}

// The reason why a line is refused; empty if it is not.
std::string Why(const std::string& text) {
  const absl::StatusOr<RuleLine> line = ParseRuleLine(text);
  if (line.ok()) return "";
  EXPECT_TRUE(absl::IsInvalidArgument(line.status())) << text;
  return std::string(line.status().message());
}

// The rule of a line, as it would be listed.
std::string Listed(const std::string& text) { return RuleText(Parse(text).rule); }

TEST(RuleParserTest, ReadsAWatch) {
  const RuleLine line = Parse("-w /etc/shadow -p wa -k identity -k shadow");
  EXPECT_EQ(line.change, Change::kAppend);
  EXPECT_EQ(line.rule.list, uint32_t{AUDIT_FILTER_EXIT});
  EXPECT_EQ(line.rule.action, uint32_t{AUDIT_ALWAYS});
  EXPECT_EQ(line.rule.syscalls, AllSyscalls());
  EXPECT_THAT(
      line.rule.fields,
      testing::ElementsAre(
          RuleField{.field = AUDIT_WATCH, .op = AUDIT_EQUAL, .value = 0, .text = "/etc/shadow"},
          RuleField{.field = AUDIT_PERM,
                    .op = AUDIT_EQUAL,
                    .value = AUDIT_PERM_WRITE | AUDIT_PERM_ATTR,
                    .text = ""},
          RuleField{.field = AUDIT_FILTERKEY,
                    .op = AUDIT_EQUAL,
                    .value = 0,
                    .text = "identity\x01shadow"}));
}

TEST(RuleParserTest, WatchesADirectoryWithAllThatIsInIt) {
  const RuleLine line = Parse("-w /usr/bin/ -k programs");
  const RuleField* const directory = line.rule.Find(AUDIT_DIR);
  ASSERT_NE(directory, nullptr);
  EXPECT_EQ(directory->text, "/usr/bin");
}

TEST(RuleParserTest, KnowsWhatALineChanges) {
  EXPECT_EQ(Parse("-a always,exit -S open").change, Change::kAppend);
  EXPECT_EQ(Parse("-A exit,always -S open").change, Change::kPrepend);
  EXPECT_EQ(Parse("-d always,exit -S open").change, Change::kDelete);
  EXPECT_EQ(Parse("-W /etc/passwd -p wa").change, Change::kDelete);
  EXPECT_EQ(Parse("-D").change, Change::kDeleteAll);
  EXPECT_EQ(Parse("-D -k mine").key, "mine");
  for (const char* const nothing : {"", "   ", "# -D", " # -D", "-l", "-s -i", "-l -k x"}) {
    EXPECT_EQ(Parse(nothing).change, Change::kNone) << nothing;
  }
}

TEST(RuleParserTest, KnowsWhatALineSets) {
  EXPECT_THAT(Parse("-e 2 -f 1 -b 8192 -r 0x10 --backlog_wait_time 60000").settings,
              testing::ElementsAre(
                  RuleSetting{Kind::kEnabled, 2, {}}, RuleSetting{Kind::kFailure, 1, {}},
                  RuleSetting{Kind::kBacklogLimit, 8192, {}}, RuleSetting{Kind::kRateLimit, 16, {}},
                  RuleSetting{Kind::kBacklogWaitTime, 60000, {}}));
  EXPECT_THAT(Parse("--loginuid-immutable").settings,
              testing::ElementsAre(RuleSetting{Kind::kLoginuidImmutable, 0, {}}));
  EXPECT_THAT(Parse("--reset-lost").settings,
              testing::ElementsAre(RuleSetting{Kind::kResetLost, 0, {}}));
  EXPECT_THAT(Parse("-t").settings, testing::ElementsAre(RuleSetting{Kind::kTrim, 0, {}}));
  EXPECT_THAT(Parse("-q /mnt,/srv/data").settings,
              testing::ElementsAre(RuleSetting{Kind::kEquivalent, 0, {"/mnt", "/srv/data"}}));
  EXPECT_THAT(Parse("-m hello").settings,
              testing::ElementsAre(RuleSetting{Kind::kMessage, 0, {"hello"}}));
  EXPECT_EQ(Parse("-i").on_error, RuleLine::OnError::kIgnore);
  EXPECT_EQ(Parse("-c").on_error, RuleLine::OnError::kContinue);
}

TEST(RuleParserTest, ReadsOptionsInEveryFormThatGetoptKnows) {
  const std::string wanted = Listed("-a always,exit -S 0 -F uid=5 -k x");
  EXPECT_EQ(Listed("-aalways,exit -S0 -Fuid=5 -kx"), wanted);
  EXPECT_EQ(Listed("  -a always,exit   -S 0 -F uid=5 -F key=x  "), wanted);
  EXPECT_EQ(Parse("--backlog_wait_time=5").settings, Parse("--backlog 5").settings);
  EXPECT_THAT(Why("--reset"), testing::HasSubstr("may be"));
  EXPECT_THAT(Why("--reset-lost=1"), testing::HasSubstr("takes no argument"));
  EXPECT_THAT(Why("-w"), testing::HasSubstr("has no argument"));
}

TEST(RuleParserTest, TakesBackslashesForSpaces) {
  EXPECT_EQ(Parse("-w /srv/my\\ file\\\\x\\y").rule.fields.front().text, "/srv/my file\\x\\y");
  EXPECT_EQ(Parse("-w /srv -k \"a\\ b\"").rule.fields.back().text, "\"a b\"");
}

TEST(RuleParserTest, ReadsValuesInTheWordsOfTheirFields) {
  const struct {
    const char* field;
    uint32_t value;
  } cases[] = {
      {"uid=root", 0},
      {"auid!=unset", 4294967295},
      {"auid!=-1", 4294967295},
      {"auid>=1000", 1000},
      {"uid=010", 8},
      {"gid=root", 0},
      {"exit=-EACCES", static_cast<uint32_t>(-EACCES)},
      {"exit=EPERM", EPERM},
      {"exit=-2", static_cast<uint32_t>(-2)},
      {"success=0", 0},
      {"a0=0x10", 16},
      {"a1!=-1", 4294967295},
      {"sessionid=unset", 4294967295},
      {"saddr_fam=10", AF_INET6},
      {"inode=4294967295", 4294967295},
      {"perm=RwxA", 15},
      {"filetype=dir", 0040000},
      {"arch=b64", audit_machine_to_elf(audit_detect_machine())},
      {"arch=0xc000003e", 0xc000003e},
      {"pid=12abc", 12},
  };
  for (const auto& [field, value] : cases) {
    const RuleLine line = Parse(std::string("-a always,exit -F ") + field);
    ASSERT_EQ(line.rule.fields.size(), 1u) << field;
    EXPECT_EQ(line.rule.fields[0].value, value) << field;
  }
  EXPECT_EQ(Parse("-a always,exclude -F msgtype=CWD").rule.fields[0].value, uint32_t{AUDIT_CWD});
  EXPECT_EQ(Parse("-a never,filesystem -F fstype=0x10").rule.fields[0].value, 16u);
}

TEST(RuleParserTest, ReadsEveryOperator) {
  const struct {
    const char* text;
    uint32_t op;
  } cases[] = {{"=", AUDIT_EQUAL},        {"!=", AUDIT_NOT_EQUAL},
               {"<", AUDIT_LESS_THAN},    {"<=", AUDIT_LESS_THAN_OR_EQUAL},
               {">", AUDIT_GREATER_THAN}, {">=", AUDIT_GREATER_THAN_OR_EQUAL},
               {"&", AUDIT_BIT_MASK},     {"&=", AUDIT_BIT_TEST}};
  for (const auto& [text, op] : cases) {
    EXPECT_EQ(Parse(std::string("-a always,exit -F a0") + text + "1").rule.fields[0].op, op);
  }
}

TEST(RuleParserTest, SaysWhyALineIsRefused) {
  const struct {
    const char* line;
    const char* why;
  } cases[] = {
      {"foo", "belongs to no option"},
      {"-w /etc/passwd # mine", "belongs to no option"},
      {"\t-w /etc/passwd", "belongs to no option"},
      {"-x", "no option of auditctl's"},
      {"--nosuch", "no option of auditctl's"},
      {"-R /etc/audit/audit.rules", "cannot include"},
      {"-h", "has no place in a file"},
      {"-e 3", "0, 1 or 2"},
      {"-f x", "0, 1 or 2"},
      {"-b many", "is no number"},
      {"-b 99999999999", "32 bits"},
      {"-D -k", "-D takes"},
      {"-D all", "-D takes"},
      {"-l -x", "stands alone"},
      {"-i -w /etc/passwd", "nothing may follow"},
      {"-w /etc/passwd -i", "a line of its own"},
      {"-q /etc", "mount point"},
      {"-w etc/passwd", "begins with /"},
      {"-w /etc/passwd -w /etc/group", "a rule of its own"},
      {"-a always,exit -w /etc/passwd", "a rule of its own"},
      {"-a always,exit -A always,exit", "one rule only"},
      {"-a always,nosuch", "no list"},
      {"-a always,entry", "no list"},
      {"-a always", "no list"},
      {"-a always,exit,exit", "no list"},
      {"-F uid=0", "needs a list before it"},
      {"-S open", "no list for them"},
      {"-p wa", "needs a watch"},
      {"-a always,exit -p wa", "needs a watch"},
      {"-w /etc/passwd -p z", "other than r, w, x and a"},
      {"-w /etc/passwd -p rwxar", "more than four"},
      {"-k x", "-k needs"},
      {"-a always,exit -F uid=0 -k x", "-k needs"},
      {"-a always,exit -F uid=0 -F key=x", "a key needs"},
      {"-a always,task -S open", "only the exit and io_uring lists take syscalls"},
      {"-S open -a always,task", "the task list takes no syscalls"},
      {"-a always,exit -S nosuchcall", "is no syscall"},
      {"-a always,io_uring -S execve", "is no operation of io_uring"},
      {"-S open -a always,io_uring", "must stand before its operations"},
      {"-a always,io_uring -F exit=0 -S openat", "exit list only"},
      {"-a always,exit -S 2048", "is no syscall"},
      {"-a always,exit -S open -F arch=b64", "must stand before the syscalls"},
      {"-a always,exit -F arch=b16", "is no architecture"},
      {"-a always,exit -F uid", "has no operator"},
      {"-a always,exit -F =0", "has no field"},
      {"-a always,exit -F uid=", "has no value"},
      {"-a always,exit -F nosuch=1", "is no field"},
      {"-a always,exit -F path=/a!=b", "is no field"},
      {"-a always,exit -F uid=nosuchuser", "is no user"},
      {"-a always,exit -F gid=nosuchgroup", "is no group"},
      {"-a always,exit -F exit=ENOSUCH", "is no name of an error"},
      {"-a always,exit -F pid=self", "is no number"},
      {"-a always,exit -F success=yes", "is no number"},
      {"-a always,exit -F sessionid=x", "is no number"},
      {"-a always,exit -F saddr_fam=99", "more than any address family"},
      {"-a always,exit -F filetype=x", "is no type of files"},
      {"-a always,exclude -F msgtype=X", "is no type of records"},
      {"-a never,filesystem -F fstype=x", "is no file system"},
      {"-a always,exit -F msgtype=CWD", "exclude and user lists only"},
      {"-a always,exit -F fstype=debugfs", "filesystem list only"},
      {"-a always,user -F exit=0", "exit list only"},
      {"-a always,task -F sessionid=1", "exit and user lists only"},
      {"-a always,exclude -F euid=0", "cannot be used with the exclude list"},
      {"-a never,filesystem -F uid=0", "cannot be used with the filesystem list"},
      {"-a always,exit -F uid&1", "does not take the operators & and &="},
      {"-a always,exit -F subj_type>x", "the operators = and != only"},
      {"-a always,exit -F path!=/etc", "the operator = only"},
      {"-a always,exit -F auid>=unset", "= and != only"},
      {"-a always,exit -F uid=unset", "is never unset"},
      {"-a always,exit -F path=/etc/", "ends with /"},
      {"-a always,exit -F exe=ls", "begins with /"},
      {"-a always,exit -F path=/a -F dir=/b", "one path, one directory or one inode"},
      {"-a always,exit -F exe=/a -F exe=/b", "one program"},
      {"-a always,exit -S all -F key!=a -k b", "one field for its keys"},
      {"-a always,exit -C uid>euid", "neither = nor !="},
      {"-a always,exit -C uid=", "both sides"},
      {"-a always,exit -C uid!=gid", "cannot be compared"},
      {"-a always,exit -C uid=nosuch", "is no field"},
      {"-a always,user -C uid=euid", "exit list only"},
  };
  for (const auto& [line, why] : cases) EXPECT_THAT(Why(line), testing::HasSubstr(why)) << line;
}

TEST(RuleParserTest, HoldsTheLimits) {
  const std::string watch = "-w /etc/passwd -k ";
  EXPECT_EQ(Why(watch + std::string(256, 'k')), "");
  EXPECT_THAT(Why(watch + std::string(257, 'k')), testing::HasSubstr("256 bytes"));
  EXPECT_THAT(Why(watch + std::string(128, 'k') + " -k " + std::string(128, 'l')),
              testing::HasSubstr("256 bytes"));
  EXPECT_EQ(Why("-w /" + std::string(255, 'n')), "");
  EXPECT_THAT(Why("-w /" + std::string(256, 'n')), testing::HasSubstr("too long a name"));
  EXPECT_THAT(Why("-w /" + std::string(4096, '/')), testing::HasSubstr("too long a path"));
  EXPECT_THAT(Why("#" + std::string(kRuleLineBytesMax, 'x')), testing::HasSubstr("longer than"));
  EXPECT_THAT(Why(std::string("-w /etc\0/x", 10)), testing::HasSubstr("NUL"));
  std::string fields = "-a always,exit -S all";
  for (int i = 0; i < AUDIT_MAX_FIELDS - 1; ++i) fields += " -F uid=0";
  EXPECT_EQ(Why(fields), "");
  EXPECT_THAT(Why(fields + " -F uid=0"), testing::HasSubstr("at most 63 fields"));
}

TEST(RuleParserTest, WarnsOfWhatIsProbablyNotMeant) {
  EXPECT_THAT(Parse("-w /etc/*").warnings, testing::SizeIs(1));
  EXPECT_THAT(Parse("-w /etc/../x").warnings, testing::SizeIs(1));
  EXPECT_THAT(Parse("-a always,exit -S 2").warnings, testing::SizeIs(1));
  EXPECT_THAT(Parse("-a exit,possible -S no-longer-read").warnings, testing::SizeIs(1));
  EXPECT_THAT(Parse("-a always,exit -F arch=b64 -S open -k x").warnings, testing::IsEmpty());
}

}  // namespace
}  // namespace client_plugin
