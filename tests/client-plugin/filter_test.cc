#include "client-plugin/filter.h"

#include <libaudit.h>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "audit/record.h"

namespace client_plugin {
namespace {

// A SYSCALL record of /usr/bin/cat, by root, who has logged in as 1000.
std::string Syscall(std::string_view key, std::string_view exe = "\"/usr/bin/cat\"",
                    std::string_view call = "arch=c000003e syscall=257") {
  return "type=SYSCALL msg=audit(1626611363.720:5): " + std::string(call) +
         " success=yes exit=3 a0=ffffff9c a1=7ffd a2=0 a3=0 items=1 ppid=1000 pid=1001 auid=1000"
         " uid=0 gid=0 euid=33 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=3 comm=\"cat\""
         " exe=" +
         std::string(exe) + " subj=unconfined key=" + std::string(key) +
         "\x1d"
         "ARCH=x86_64 SYSCALL=openat AUID=\"bob\" UID=\"root\"";
}

bool Matches(std::string_view filter_text, const std::string& line) {
  const absl::StatusOr<Filter> filter = Filter::Parse(filter_text);
  EXPECT_TRUE(filter.ok()) << filter.status();
  const absl::StatusOr<audit::Record> record = audit::ParseRecord(line);
  EXPECT_TRUE(record.ok()) << record.status();
  std::string scratch;
  return filter->Matches(record->type, ReadProcessFields(*record), &scratch);
}

TEST(Filter, AsksForAllConditionsAndOneOfTheirValues) {
  const struct {
    std::string_view filter;
    bool matches;
  } cases[] = {
      {"key=files", true},
      {"key=other,files", true},
      {"key=other", false},
      {"key=fil", false},
      {"key=fil*", true},
      {"key=f?les", true},
      {"key=*s", true},
      {"key!=files", false},
      {"key!=other", true},
      {"key=(null)", false},
      {"exe=/usr/bin/cat", true},
      {"exe=/usr/*", true},
      {"exe=/usr/bin", false},
      {"exe=/*/cat", true},
      {"exe!=/usr/bin/*", false},
      {"uid=0", true},
      {"uid=root", true},
      {"uid=1000", false},
      {"auid=1000", true},
      {"auid=1000-1999", true},
      {"auid=1001-1999,unset", false},
      {"auid!=unset", true},
      {"auid!=-1", true},
      {"euid=33", true},
      {"syscall=openat", true},
      {"syscall=execve,openat", true},
      {"syscall=257", true},
      {"syscall=execve", false},
      {"syscall!=execve", true},
      {"key=files uid=0 exe=/usr/bin/cat syscall=openat", true},
      {"key=files uid=0 exe=/usr/bin/cat syscall=open", false},
      {"keep uid=0", true},
      {"drop  uid=0\t", true},
  };
  for (const auto& [filter, matches] : cases) {
    EXPECT_EQ(Matches(filter, Syscall("\"files\"")), matches) << filter;
  }
}

TEST(Filter, KnowsThatSystemCallsDifferByMachine) {
  // 5 is open of i386, and fstat of x86_64.
  EXPECT_TRUE(Matches("syscall=open", Syscall("(null)", "\"/a\"", "arch=40000003 syscall=5")));
  EXPECT_FALSE(Matches("syscall=open", Syscall("(null)", "\"/a\"", "arch=c000003e syscall=5")));
  EXPECT_TRUE(Matches("syscall=fstat", Syscall("(null)", "\"/a\"", "arch=c000003e syscall=5")));
}

TEST(Filter, ReadsWhatIsHexEncoded) {
  EXPECT_TRUE(Matches("exe=/tmp/a?b", Syscall("(null)", "2F746D702F612062")));
  EXPECT_FALSE(Matches("exe=2F746D702F612062", Syscall("(null)", "2F746D702F612062")));
}

TEST(Filter, ReadsEachOfSeveralKeys) {
  const std::string two = Syscall("6F6E650174776F");  // one, two
  for (const std::string_view filter : {"key=one", "key=two", "key=one key=two", "key!=three"}) {
    EXPECT_TRUE(Matches(filter, two)) << filter;
  }
  for (const std::string_view filter : {"key=one*two", "key!=one", "key!=two", "key=(null)"}) {
    EXPECT_FALSE(Matches(filter, two)) << filter;
  }
}

TEST(Filter, TellsNoKeyFromAnyKey) {
  for (const std::string_view filter : {"key=(null)", "key=a,(null)", "key!=a", "key!=*"}) {
    EXPECT_TRUE(Matches(filter, Syscall("(null)"))) << filter;
  }
  for (const std::string_view filter : {"key=*", "key!=(null)", "key=a"}) {
    EXPECT_FALSE(Matches(filter, Syscall("(null)"))) << filter;
  }
}

TEST(Filter, IsNotMetByWhatARecordDoesNotHave) {
  const std::string line =
      "type=USER_ACCT msg=audit(1626611363.720:6): pid=12 uid=0 auid=1000 ses=1 msg='op=PAM uid=7 "
      "key=a acct=\"root\" exe=\"/usr/sbin/cron\" hostname=? addr=? terminal=cron res=success'";
  for (const std::string_view filter : {"exe=/usr/sbin/cron uid=root", "auid=1000"}) {
    EXPECT_TRUE(Matches(filter, line)) << filter;
  }
  for (const std::string_view filter :
       {"uid=7", "key=a", "key!=b", "key=(null)", "syscall=open", "syscall!=open", "euid!=5"}) {
    EXPECT_FALSE(Matches(filter, line)) << filter;
  }
}

// A filter that hides its own rule's removal would hide too much.
TEST(Filter, DoesNotTakeTheKeyOfARuleForTheEvents) {
  EXPECT_FALSE(Matches("key=a",
                       "type=CONFIG_CHANGE msg=audit(1.000:1): auid=1000 ses=1 op=remove_rule "
                       "key=\"a\" list=4 res=1"));
}

TEST(Filter, TakesTypes) {
  const struct {
    std::string_view filter;
    uint16_t type;
    bool takes;
  } cases[] = {
      {"type=CWD,PROCTITLE", AUDIT_CWD, true},
      {"type=CWD,PROCTITLE", AUDIT_PROCTITLE, true},
      {"type=CWD,PROCTITLE", AUDIT_PATH, false},
      {"type=1307", AUDIT_CWD, true},
      {"type=USER_*", AUDIT_USER_LOGIN, true},
      {"type=USER_*", AUDIT_USER, false},
      {"type=UNKNOWN[1998]", 1998, true},
      {"type=UNKNOWN[1998]", 1999, false},
      {"type!=CWD", AUDIT_PATH, true},
      {"type!=CWD", AUDIT_CWD, false},
      {"type!=CWD", 60000, true},
      {"type=CWD", 60000, false},
      {"type=USER_* type!=USER_LOGIN", AUDIT_USER_LOGIN, false},
      {"type=USER_* type!=USER_LOGIN", AUDIT_USER_ACCT, true},
      {"uid=0", AUDIT_SYSCALL, true},
      {"uid=0", 60000, true},
  };
  for (const auto& [text, type, takes] : cases) {
    const absl::StatusOr<Filter> filter = Filter::Parse(text);
    ASSERT_TRUE(filter.ok()) << filter.status();
    EXPECT_EQ(filter->TakesType(type), takes) << text << " " << type;
    EXPECT_EQ(filter->is_of_types_only(), text.starts_with("type")) << text;
  }
}

TEST(Filter, NamesTheBadPart) {
  const struct {
    std::string_view filter;
    std::string message;
  } cases[] = {
      {"", "\"\" has no condition"},
      {"keep", "\"keep\" has no condition"},
      {"type", "\"type\" is no condition: NAME=VALUE,... or NAME!=VALUE,..."},
      {"=5", "\"=5\" is no condition: NAME=VALUE,... or NAME!=VALUE,..."},
      {"!=5", "\"\" is none of type, key, exe, uid, auid, euid and syscall"},
      {"uid=0 gid=0", "\"gid\" is none of type, key, exe, uid, auid, euid and syscall"},
      {"uid>=0", "\"uid>\" is none of type, key, exe, uid, auid, euid and syscall"},
      {"key=", "\"key=\" lacks a value"},
      {"key=a,", "\"key=a,\" lacks a value"},
      {"type=CDW", "\"CDW\" is no type of a record"},
      {"type=CWD,NOT_*", "\"NOT_*\" is no type of a record"},
      {"type=3000", "\"3000\" is no type of a record"},
      {"type=CWD type=PATH", "\"type=CWD type=PATH\" takes no type"},
      {"syscall=opne", "\"opne\" is no system call"},
      {"uid=no-such-user", "\"no-such-user\" is no user here"},
      {"uid=4294967296", "\"4294967296\" is no user here"},
      {"uid=9-5", "\"9-5\" begins behind its end"},
      {"keep keep uid=0", "\"keep\" is no condition: NAME=VALUE,... or NAME!=VALUE,..."},
  };
  for (const auto& [text, message] : cases) {
    const absl::StatusOr<Filter> filter = Filter::Parse(text);
    ASSERT_FALSE(filter.ok()) << text;
    EXPECT_EQ(filter.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_EQ(filter.status().message(), message) << text;
  }
}

}  // namespace
}  // namespace client_plugin
