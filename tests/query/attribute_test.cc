#include "query/attribute.h"

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "audit/assembler.h"
#include "audit/record.h"
#include "query/outcome.h"
#include "tests/audit/log_files.h"
#include "tests/query/attribute_terms.h"

namespace query {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

audit::Event MakeEvent(std::initializer_list<std::string> records) {
  audit::Event event("", {.time_ms = 1600000000100, .serial = 5});
  for (const std::string& record : records) {
    const size_t blank = record.find(' ');
    event.Add("type=" + record.substr(0, blank) +
              " msg=audit(1600000000.100:5):" + record.substr(blank));
  }
  return event;
}

std::vector<std::string> Values(Attribute attribute, std::initializer_list<std::string> records) {
  std::vector<std::string> values;
  ForEachValue(attribute, MakeEvent(records),
               [&](std::string_view value) { values.emplace_back(value); });
  return values;
}

TEST(Attribute, IsWhatTheLastRecordSays) {
  EXPECT_THAT(Values(Attribute::kPid, {"AVC pid=1", "SYSCALL ppid=3 pid=2"}), ElementsAre("2"));
  EXPECT_THAT(Values(Attribute::kPpid, {"AVC ppid=1", "SYSCALL ppid=3 pid=2"}), ElementsAre("3"));
  EXPECT_THAT(Values(Attribute::kExit, {"SYSCALL exit=-13"}), ElementsAre("-13"));
}

TEST(Attribute, IsReadFromRecordsThatTellIt) {
  EXPECT_THAT(Values(Attribute::kUid, {"PATH uid=1", "EXECVE uid=2", "FROM_THE_FUTURE uid=3"}),
              IsEmpty());
  EXPECT_THAT(Values(Attribute::kUid, {"SYSCALL auid=4 uid=0\x1dUID=\"root\""}), ElementsAre("0"));
  EXPECT_THAT(Values(Attribute::kComm, {"SYSCALL comm=\"a\"", "AVC comm=\"b\""}), ElementsAre("a"));
  EXPECT_THAT(Values(Attribute::kPid, {"SYSCALL pid=1", "NETFILTER_CFG pid=2"}), ElementsAre("1"));
}

TEST(Attribute, IsTheUserThatAProgramIsAbout) {
  EXPECT_THAT(
      Values(Attribute::kUid, {"USER_LOGIN pid=1 uid=0 auid=7 msg='op=login uid=1000 x=1'"}),
      ElementsAre("1000"));
  EXPECT_THAT(Values(Attribute::kUid, {"USER_LOGIN pid=1 uid=0 auid=7 msg='op=login id=1000'"}),
              ElementsAre("0"));
  EXPECT_THAT(Values(Attribute::kUid, {"USER_ACCT pid=1 uid=0 msg='suid=3 uid=1000'"}),
              ElementsAre("0"));
}

TEST(Attribute, IsTheNewLogin) {
  EXPECT_THAT(Values(Attribute::kAuid, {"LOGIN pid=1 uid=0 old auid=4294967295 new auid=7"}),
              ElementsAre("7"));
  EXPECT_THAT(Values(Attribute::kSession, {"LOGIN old-ses=1 ses=8"}), ElementsAre("8"));
}

TEST(Attribute, IsAHostByNameOrAddress) {
  EXPECT_THAT(Values(Attribute::kHost, {"USER_ACCT msg='hostname=h addr=10.0.0.1'"}),
              ElementsAre("h"));
  EXPECT_THAT(Values(Attribute::kHost, {"USER_ACCT msg='hostname=?, addr=10.0.0.1, x=1'"}),
              ElementsAre("10.0.0.1"));
  EXPECT_THAT(Values(Attribute::kHost, {"USER_ACCT msg='addr=10.0.0.1'"}), IsEmpty());
  EXPECT_THAT(Values(Attribute::kHost, {"DAEMON_ACCEPT addr=10.0.0.1:60"}),
              ElementsAre("10.0.0.1"));
  EXPECT_THAT(Values(Attribute::kHost, {"SOCKADDR saddr=020000350A0000010000000000000000"}),
              ElementsAre("10.0.0.1"));
}

TEST(Attribute, IsEachFileWithItsDirectory) {
  EXPECT_THAT(Values(Attribute::kFile, {"CWD cwd=\"/a\"", "PATH name=\"../b\"", "PATH name=\"c\"",
                                        "PATH name=2E2F64", "PATH name=(null)"}),
              ElementsAre("/a/../b", "c", "/a/./d", "(null)"));
  EXPECT_THAT(Values(Attribute::kFile, {"SOCKADDR saddr=01002F72756E2F6C6F6700"}),
              ElementsAre("/run/log"));
  EXPECT_THAT(Values(Attribute::kFile, {"AVC path=\"/p\" name=\"n\""}), ElementsAre("/p"));
}

TEST(Attribute, IsAContextWithoutItsMode) {
  EXPECT_THAT(Values(Attribute::kSubject, {"SYSCALL subj=/usr/bin/x (enforce) key=(null)"}),
              ElementsAre("/usr/bin/x"));
  EXPECT_THAT(Values(Attribute::kObject, {"PATH obj=a:b:c", "AVC scontext=s tcontext=d:e"}),
              ElementsAre("a:b:c", "d:e"));
}

// As docker shows it, an id is cut short.
TEST(Attribute, IsTheContainerAndTheOneInIt) {
  const auto event = MakeEvent({"SYSCALL pid=1 contid=0", "KERNEL_OTHER contid=3f2a nested=b71c"});
  std::vector<std::string> ids;
  ForEachValue(Attribute::kContainer, event, [&](std::string_view id) { ids.emplace_back(id); });
  EXPECT_THAT(ids, ElementsAre("3f2a", "b71c"));
  EXPECT_EQ(ValueWithoutTerm(event), std::nullopt);
  EXPECT_TRUE(Matches(AttributeIs{Attribute::kContainer, "3f", TermMatch::kContains}, event));
  EXPECT_FALSE(Matches(AttributeIs{Attribute::kContainer, "3f", TermMatch::kIs}, event));
  EXPECT_TRUE(Matches(AttributeIs{Attribute::kContainer, "b71c", TermMatch::kIs}, event));
  EXPECT_TRUE(IsLookup({Attribute::kContainer, "b71c", TermMatch::kIs}));
}

// That an event is in none is not said by any word, so that "" asks for any container.
TEST(Attribute, OfContainersIsNeverThatThereIsNone) {
  const AttributeIs any{Attribute::kContainer, "", TermMatch::kContains};
  EXPECT_TRUE(Matches(any, MakeEvent({"KERNEL_OTHER contid=a"})));
  EXPECT_FALSE(Matches(any, MakeEvent({"SYSCALL pid=1", "KERNEL_OTHER contid=(none)"})));
  EXPECT_FALSE(MayLackTerm(any));
}

TEST(Attribute, IsAskedForByWholeOrPart) {
  const audit::Event event = MakeEvent({"SYSCALL exe=\"/usr/bin/ls\" tty=(none)"});
  EXPECT_TRUE(Matches(AttributeIs{Attribute::kExe, "bin", TermMatch::kContains}, event));
  EXPECT_FALSE(Matches(AttributeIs{Attribute::kExe, "bin", TermMatch::kIs}, event));
  EXPECT_TRUE(Matches(AttributeIs{Attribute::kTerminal, "none", TermMatch::kContains}, event));
  EXPECT_TRUE(MayLackTerm({Attribute::kTerminal, "none", TermMatch::kContains}));
  EXPECT_FALSE(MayLackTerm({Attribute::kKey, "null", TermMatch::kContains}));
}

TEST(Attribute, KnowsTwoWaysToWriteThatAUserIsUnset) {
  const AttributeIs unset{Attribute::kAuid, "4294967295"};
  EXPECT_TRUE(Matches(unset, MakeEvent({"SYSCALL auid=4294967295"})));
  EXPECT_TRUE(Matches(unset, MakeEvent({"SYSCALL auid=-1"})));
  EXPECT_FALSE(Matches(unset, MakeEvent({"SYSCALL auid=1"})));
}

TEST(Attribute, HasTermsThatFindIt) {
  size_t events = 0;
  const auto check = [&](const audit::Event& event) {
    ++events;
    EXPECT_EQ(ValueWithoutTerm(event), std::nullopt) << event.line(0);
  };
  for (const std::string& file : audit::LogFiles()) {
    audit::Assembler assembler;
    const auto take = [&] {
      while (const auto event = assembler.Take()) check(*event);
    };
    for (const std::string& line : audit::ReadLines(file)) {
      const auto record = audit::ParseRecord(line);
      if (record.ok()) assembler.Add(line, *record);
      take();
    }
    assembler.Flush();
    take();
  }
  EXPECT_GT(events, 10u);
}

TEST(NameIs, IsTheNameOnTheHostOfTheEvent) {
  const audit::Event enriched = MakeEvent({"SYSCALL uid=1000 gid=5\x1dUID=\"ann\" GID=\"tty\""});
  EXPECT_TRUE(Matches(NameIs{Attribute::kUid, "ann"}, enriched));
  EXPECT_TRUE(Matches(NameIs{Attribute::kGid, "tty"}, enriched));
  // Whatever the name means here.
  EXPECT_FALSE(Matches(NameIs{Attribute::kUid, "bob", 1000}, enriched));
  EXPECT_TRUE(Matches(NameIs{Attribute::kUid, "ann", 7}, enriched));
}

TEST(NameIs, IsOfThisMachineOnlyWithANumber) {
  const audit::Event raw = MakeEvent({"SYSCALL uid=1000 euid=0 auid=4294967295"});
  EXPECT_FALSE(Matches(NameIs{Attribute::kUid, "ann"}, raw));
  EXPECT_TRUE(Matches(NameIs{Attribute::kUid, "ann", 1000}, raw));
  EXPECT_TRUE(Matches(NameIs{Attribute::kEuid, "root"}, raw));
  EXPECT_TRUE(Matches(NameIs{Attribute::kAuid, "unset"}, raw));
}

bool Succeeds(std::initializer_list<std::string> records) {
  const audit::Event event = MakeEvent(records);
  const bool succeeds = Matches(SuccessIs{true}, event);
  EXPECT_FALSE(succeeds && Matches(SuccessIs{false}, event));
  return succeeds;
}

bool Fails(std::initializer_list<std::string> records) {
  return Matches(SuccessIs{false}, MakeEvent(records));
}

TEST(SuccessIs, IsToldInManyWords) {
  EXPECT_TRUE(Succeeds({"SYSCALL success=yes"}));
  EXPECT_TRUE(Fails({"SYSCALL success=no"}));
  EXPECT_TRUE(Succeeds({"USER_LOGIN msg='res=success'"}));
  EXPECT_TRUE(Fails({"USER_LOGIN msg='res=failed'"}));
  EXPECT_TRUE(Succeeds({"CRED_ACQ msg='PAM: x (result=Success)'"}));
  EXPECT_TRUE(Succeeds({"CONFIG_CHANGE op=x res=1"}));
  EXPECT_TRUE(Fails({"CONFIG_CHANGE op=x res=0"}));
  EXPECT_TRUE(Succeeds({"CONFIG_CHANGE op=x"}));
  EXPECT_TRUE(Succeeds({"DAEMON_START res=success"}));
  EXPECT_TRUE(Fails({"AVC avc:  denied  { read } for  pid=1 tclass=file"}));
  EXPECT_TRUE(Succeeds({"AVC avc:  granted  { read } for  pid=1 tclass=file"}));
  EXPECT_TRUE(Succeeds({"AVC avc:  denied  { read } for  pid=1", "SYSCALL success=yes"}));
}

TEST(SuccessIs, IsNeitherWhereNothingIsSaid) {
  EXPECT_FALSE(Succeeds({"PATH name=\"x\""}) || Fails({"PATH name=\"x\""}));
}

TEST(SyscallIs, IsOfOneKindOfMachine) {
  const audit::Event open = MakeEvent({"SYSCALL arch=c000003e syscall=2 x=1"});
  constexpr int kX86 = 0;
  constexpr int kX86_64 = 1;
  EXPECT_TRUE(Matches(SyscallIs{.number = 2}, open));
  EXPECT_TRUE(Matches(SyscallIs{.machine = kX86_64, .number = 2}, open));
  EXPECT_FALSE(Matches(SyscallIs{.machine = kX86, .number = 2}, open));
  EXPECT_TRUE(Matches(SyscallIs{.machine = kX86_64}, open));
  EXPECT_FALSE(Matches(SyscallIs{.number = 0}, MakeEvent({"PATH name=\"x\""})));
  EXPECT_TRUE(MayMatch(SyscallIs{.machine = kX86_64, .number = 2}, "c000003e 2"));
  EXPECT_FALSE(MayMatch(SyscallIs{.machine = kX86, .number = 2}, "c000003e 2"));
}

}  // namespace
}  // namespace query
