#include "query/term.h"

#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "audit/assembler.h"
#include "query/predicate.h"

namespace query {
namespace {

using testing::UnorderedElementsAre;

// "field=value" for each term of the records.
std::set<std::string> TermsOf(const std::vector<std::string>& lines) {
  const absl::StatusOr<audit::Record> first = audit::ParseRecord(lines.front());
  audit::Event event(first->node, first->stamp);
  for (const std::string& line : lines) event.Add(line);
  std::set<std::string> terms;
  ForEachTerm(event, [&](TermField field, std::string_view value) {
    terms.insert(std::string(TermFieldName(field)) + "=" + std::string(value));
  });
  return terms;
}

std::string Line(const std::string& type, const std::string& body) {
  return "type=" + type + " msg=audit(1.000:7): " + body;
}

TEST(Term, ReadsWhatTheKernelSaysOfASystemCall) {
  EXPECT_THAT(
      TermsOf(
          {"node=web1 " + Line("SYSCALL",
                               "arch=c000003e syscall=257 success=no exit=-13 a0=3 ppid=1 pid=2 "
                               "auid=1000 uid=0 gid=1 euid=2 suid=3 fsuid=4 egid=5 sgid=6 fsgid=7 "
                               "tty=pts0 ses=9 comm=\"cat\" exe=\"/bin/cat\" subj=unconfined "
                               "key=\"secret\"\x1d"
                               "ARCH=x86_64 SYSCALL=openat AUID=\"ann\"")}),
      UnorderedElementsAre("node=web1", "type=SYSCALL", "syscall=c000003e 257", "success=no",
                           "exit=-13", "auid=1000", "uid=0", "gid=1", "euid=2", "suid=3", "fsuid=4",
                           "egid=5", "sgid=6", "fsgid=7", "terminal=pts0", "session=9", "comm=cat",
                           "exe=/bin/cat", "subject=unconfined", "key=secret"));
}

TEST(Term, DecodesNamesAndKeys) {
  EXPECT_THAT(TermsOf({Line("PATH", "item=0 name=2F612062 nametype=NORMAL")}),
              UnorderedElementsAre("type=PATH", "file=/a b"));
  EXPECT_THAT(TermsOf({Line("SYSCALL", "key=6F6E650174776F")}),
              UnorderedElementsAre("type=SYSCALL", "key=one", "key=two"));
  EXPECT_THAT(TermsOf({Line("CWD", "cwd=\"/root\"")}),
              UnorderedElementsAre("type=CWD", "cwd=/root"));
}

TEST(Term, ReadsWhatProgramsSayInMessages) {
  EXPECT_THAT(TermsOf({Line("USER_LOGIN",
                            "pid=1 uid=0 auid=1000 ses=4 msg='op=login acct=\"ann\" "
                            "exe=\"/usr/sbin/sshd\" hostname=h addr=10.0.0.1 terminal=ssh "
                            "res=success'")}),
              UnorderedElementsAre("type=USER_LOGIN", "uid=0", "auid=1000", "session=4",
                                   "account=ann", "exe=/usr/sbin/sshd", "hostname=h",
                                   "address=10.0.0.1", "terminal=ssh", "success=yes"));
}

TEST(Term, HasOneWordForAnOutcome) {
  for (const char* body : {"success=yes", "res=success", "res=1", "result=Success", "res=yes"}) {
    EXPECT_THAT(TermsOf({Line("X", body)}), UnorderedElementsAre("type=X", "success=yes")) << body;
  }
  for (const char* body : {"success=no", "res=failed", "res=0"}) {
    EXPECT_THAT(TermsOf({Line("X", body)}), UnorderedElementsAre("type=X", "success=no")) << body;
  }
}

TEST(Term, ReadsSocketAddresses) {
  EXPECT_THAT(TermsOf({Line("SOCKADDR", "saddr=020000350A0000010000000000000000")}),
              UnorderedElementsAre("type=SOCKADDR", "address=10.0.0.1"));
  EXPECT_THAT(TermsOf({Line("SOCKADDR", "saddr=01002F72756E2F6C6F6700")}),
              UnorderedElementsAre("type=SOCKADDR", "file=/run/log"));
  for (const char* odd : {"saddr=", "saddr=0", "saddr=02", "saddr=0200", "saddr=xyz0"}) {
    EXPECT_THAT(TermsOf({Line("SOCKADDR", odd)}), UnorderedElementsAre("type=SOCKADDR")) << odd;
  }
}

TEST(Term, ReadsWhatTheAgentSaysOfContainers) {
  EXPECT_THAT(TermsOf({Line("KERNEL_OTHER", "contid=1f nested=web.1")}),
              UnorderedElementsAre("type=KERNEL_OTHER", "container=1f", "container=web.1"));
  // Others may mean anything by these names.
  EXPECT_THAT(TermsOf({Line("SYSCALL", "contid=1f nested=2")}),
              UnorderedElementsAre("type=SYSCALL"));
}

TEST(Term, HasNoneOfWhatIsAbsent) {
  EXPECT_THAT(TermsOf({Line("X",
                            "exe=? key=(null) terminal=(none) acct=\"\" hostname= arch=? "
                            "syscall=1 addr=?")}),
              UnorderedElementsAre("type=X"));
}

// Stored in every index: they never change.
TEST(Term, KeepsItsNumbers) {
  const std::pair<int, std::string_view> pinned[] = {
      {1, "type"},      {2, "syscall"},  {3, "key"},   {4, "exe"},       {5, "comm"},
      {6, "file"},      {7, "cwd"},      {16, "auid"}, {17, "uid"},      {18, "euid"},
      {19, "suid"},     {20, "fsuid"},   {24, "gid"},  {25, "egid"},     {26, "sgid"},
      {27, "fsgid"},    {32, "success"}, {33, "exit"}, {40, "hostname"}, {41, "address"},
      {42, "terminal"}, {43, "account"}, {44, "node"}, {45, "session"},  {48, "subject"},
      {49, "object"},   {56, "uuid"},    {57, "vm"},   {58, "container"}};
  EXPECT_EQ(TermFields().size(), std::size(pinned));
  for (const auto& [number, name] : pinned) {
    EXPECT_EQ(TermFieldName(static_cast<TermField>(number)), name);
    EXPECT_EQ(ParseTermField(name), static_cast<TermField>(number));
  }
  EXPECT_EQ(ParseTermField("inode"), std::nullopt);
}

TEST(Term, MatchesExactlyOrInPart) {
  audit::Event event("", {.time_ms = 1000, .serial = 7});
  event.Add(Line("SYSCALL", "arch=c000003e syscall=59 exe=\"/usr/bin/passwd\""));
  const auto matches = [&](TermField field, const std::string& text, TermMatch match) {
    return Predicate(HasTerm{.field = field, .text = text, .match = match}).Matches(event);
  };
  EXPECT_TRUE(matches(TermField::kExe, "/usr/bin/passwd", TermMatch::kIs));
  EXPECT_FALSE(matches(TermField::kExe, "passwd", TermMatch::kIs));
  EXPECT_TRUE(matches(TermField::kExe, "passwd", TermMatch::kContains));
  EXPECT_TRUE(matches(TermField::kSyscall, "c000003e 59", TermMatch::kIs));
  EXPECT_FALSE(matches(TermField::kComm, "", TermMatch::kContains));
  EXPECT_TRUE(matches(TermField::kType, "SYSCALL", TermMatch::kIs));
}

std::vector<std::filesystem::path> RealLogs() {
  const std::string source = AUSPEX_SOURCE_DIR;
  std::vector<std::filesystem::path> logs = {source + "/tests/data/audit.log"};
  const std::filesystem::path corpus = source + "/../shared/corpus";
  if (std::filesystem::is_directory(corpus)) {
    for (const auto& file : std::filesystem::directory_iterator(corpus)) {
      if (file.path().extension() == ".log") logs.push_back(file.path());
    }
  } else {
    std::cout << "../shared/corpus is not there: tests/data only\n";
  }
  return logs;
}

TEST(Term, EveryTermOfAnEventMatchesIt) {
  for (const auto& log : RealLogs()) {
    std::ifstream file(log);
    for (std::string line; std::getline(file, line);) {
      const absl::StatusOr<audit::Record> record = audit::ParseRecord(line);
      if (!record.ok()) continue;
      audit::Event event(record->node, record->stamp);
      event.Add(line);
      ForEachTerm(event, [&](TermField field, std::string_view value) {
        EXPECT_TRUE(Matches({.field = field, .text = std::string(value)}, event))
            << TermFieldName(field) << " " << value << " of " << line;
      });
    }
  }
}

}  // namespace
}  // namespace query
