#include "query/report/report_rows.h"

#include "gtest/gtest.h"

#include "tests/query/report/report_of.h"

namespace query {
namespace {

constexpr std::string_view kOpen =
    "type=SYSCALL msg=audit(1600000000.100:5): arch=c000003e syscall=257 success=no exit=-13 a0=0 "
    "a1=1 ppid=1 pid=77 auid=1000 uid=33 gid=33 euid=33 tty=pts0 ses=3 comm=\"cat\" "
    "exe=\"/usr/bin/cat\" key=\"denied\"\x1d"
    "ARCH=x86_64 SYSCALL=openat AUID=\"ann\" UID=\"www\"";
constexpr std::string_view kDirectory = "type=CWD msg=audit(1600000000.100:5): cwd=\"/home/ann\"";
constexpr std::string_view kParent =
    "type=PATH msg=audit(1600000000.100:5): item=0 name=\"./a\" inode=1 nametype=PARENT";
constexpr std::string_view kFile =
    "type=PATH msg=audit(1600000000.100:5): item=1 name=\"./a/b c\" inode=2 nametype=NORMAL";
constexpr std::string_view kLogin =
    "type=USER_LOGIN msg=audit(1600000060.000:9): pid=9 uid=0 auid=1000 ses=3 msg='op=login "
    "id=1000 "
    "acct=\"ann\" exe=\"/usr/sbin/sshd\" hostname=? addr=10.0.0.7 terminal=ssh res=success'";
constexpr std::string_view kBadLogin =
    "type=USER_LOGIN msg=audit(1600000061.000:10): pid=9 uid=0 auid=4294967295 ses=4294967295 "
    "msg='op=login acct=\"eve\" exe=\"/usr/sbin/sshd\" hostname=? addr=10.0.0.8 terminal=ssh "
    "res=failed'";

TEST(ReportRows, TellOfFilesInTheOrderOfTheirColumns) {
  const ReportOf report{ReportKind::kFile};
  EXPECT_EQ(report.Rows({kOpen, kDirectory, kFile}),
            "1. 09/13/20 12:26:40 /home/ann/./a/b c 257 no /usr/bin/cat 1000 5\n");
}

TEST(ReportRows, PassOverParentsThatEndTheirRecord) {
  EXPECT_EQ(ReportOf{ReportKind::kFile}.Rows({kOpen, kDirectory, kParent, kFile}),
            "1. 09/13/20 12:26:40 /home/ann/./a/b c 257 no /usr/bin/cat 1000 5\n");
  // As aureport: alone, it is the file.
  EXPECT_EQ(ReportOf{ReportKind::kFile}.Rows({kOpen, kDirectory, kParent}),
            "1. 09/13/20 12:26:40 /home/ann/./a 257 no /usr/bin/cat 1000 5\n");
}

TEST(ReportRows, SayInWordsWhatTheHostHasLookedUp) {
  const ReportOf report{.kind = ReportKind::kSyscall, .names = {.interpret = true}};
  EXPECT_EQ(report.Rows({kOpen}), "1. 09/13/20 12:26:40 openat 77 cat ann 5\n");
}

TEST(ReportRows, SayInWordsWhatLibrariesKnow) {
  const std::string_view plain =
      "type=SYSCALL msg=audit(1600000000.100:5): arch=40000003 syscall=102 success=yes exit=0 a0=3 "
      "a1=1 ppid=1 pid=77 auid=0 uid=33 comm=\"nc\" exe=\"/bin/nc\" key=(null)";
  const auto rows = [&](ReportNamesOptions names) {
    return ReportOf{.kind = ReportKind::kSyscall, .names = std::move(names)}.Rows({plain, kLogin});
  };
  EXPECT_EQ(rows({.interpret = true}), "1. 09/13/20 12:26:40 socketcall 77 nc root 5\n");
  EXPECT_EQ(rows({.interpret = true, .user_name = [](uint32_t) { return "toor"; }}),
            "1. 09/13/20 12:26:40 socketcall 77 nc toor 5\n");
  EXPECT_EQ(rows({.interpret = true, .user_name = [](uint32_t) { return std::nullopt; }}),
            "1. 09/13/20 12:26:40 socketcall 77 nc unknown(0) 5\n");
}

TEST(ReportRows, TellOfLoginsWhoWantedToBeWho) {
  const ReportOf report{ReportKind::kLogin};
  EXPECT_EQ(report.Rows({kLogin, kBadLogin}),
            "1. 09/13/20 12:27:40 1000 10.0.0.7 ssh /usr/sbin/sshd yes 9\n"
            "2. 09/13/20 12:27:41 eve 10.0.0.8 ssh /usr/sbin/sshd no 10\n");
}

TEST(ReportRows, ShowWhatAureportShowsInPlaceOfNothing) {
  const std::string_view bare = "type=SERVICE_START msg=audit(1600000000.000:1): pid=1 uid=0";
  EXPECT_EQ(ReportOf{ReportKind::kEvent}.Rows({bare}),
            "1. 09/13/20 12:26:40 1 SERVICE_START -2 unset\n");
  EXPECT_EQ(ReportOf{ReportKind::kUser}.Rows({bare}), "1. 09/13/20 12:26:40 -2 ? ? ? 1\n");
  EXPECT_EQ(ReportOf{ReportKind::kPid}.Rows({bare}), "1. 09/13/20 12:26:40 1 ? 0 -2 1\n");
  const std::string_view auth =
      "type=USER_AUTH msg=audit(1600000000.000:1): pid=1 uid=7 msg='res=failed'";
  EXPECT_EQ(ReportOf{ReportKind::kAuthentication}.Rows({auth}),
            "1. 09/13/20 12:26:40 7 (null) (null) (null) no 1\n");
}

TEST(ReportRows, TellOfEachAccessVector) {
  EXPECT_EQ(
      ReportOf{ReportKind::kAvc}.Rows(
          {"type=AVC msg=audit(1600000000.000:1): avc:  denied  { read write } for  pid=1 "
           "comm=\"httpd\" name=\"a\" scontext=u:r:httpd_t:s0 tcontext=u:r:shadow_t:s0 tclass=file",
           "type=AVC msg=audit(1600000000.000:1): avc:  granted  { open } for  pid=1 "
           "comm=\"httpd\" name=\"b\" scontext=u:r:httpd_t:s0 tcontext=u:r:tmp_t:s0 tclass=dir",
           "type=USER_AVC msg=audit(1600000001.000:2): pid=1 uid=0 auid=0 ses=1 subj=u:r:init_t:s0 "
           "msg='avc:  received policyload notice (seqno=2) exe=\"/x\" hostname=? addr=? "
           "terminal=?'"}),
      "1. 09/13/20 12:26:40 httpd u:r:httpd_t:s0 0 file read write u:r:shadow_t:s0 denied 1\n"
      "2. 09/13/20 12:26:40 httpd u:r:httpd_t:s0 0 dir open u:r:tmp_t:s0 granted 1\n"
      "3. 09/13/20 12:26:41 ? u:r:init_t:s0 0 (null) (null) (null) unset 2\n");
}

TEST(ReportRows, SpellOutKeystrokes) {
  EXPECT_EQ(ReportOf{ReportKind::kTty}.Rows(
                {"type=TTY msg=audit(1600000000.000:1): tty pid=2 uid=0 auid=1000 ses=3 major=136 "
                 "minor=0 comm=\"bash\" data=6C730D"}),
            "1. 09/13/20 12:26:40 1 1000 ? 3 bash \"ls\",<ret>\n");
}

TEST(ReportRows, EscapeWhatOthersHaveChosen) {
  const std::string_view strange =
      "type=SYSCALL msg=audit(1600000000.100:5): arch=c000003e syscall=59 success=yes exit=0 a0=0 "
      "a1=1 ppid=1 pid=77 auid=0 uid=33 tty=(none) comm=1B5B324A exe=\"/tmp/$(id)\" key=(null)";
  EXPECT_EQ(ReportOf{ReportKind::kComm}.Rows({strange}),
            "1. 09/13/20 12:26:40 \\033[2J (none) ? 0 5\n");
  const ReportOf shell{.kind = ReportKind::kExe, .escape = EscapeMode::kShell};
  EXPECT_EQ(shell.Rows({strange}), "1. 09/13/20 12:26:40 /tmp/\\$\\(id\\) (none) ? 0 5\n");
}

TEST(ReportRows, AreOfTheEventsThatPass) {
  const auto serials = [](const ReportFilter& filter) {
    return ReportOf{.kind = ReportKind::kLogin, .filter = filter}.Rows({kLogin, kBadLogin});
  };
  EXPECT_EQ(serials({.outcome = Outcome::kFailed}),
            "1. 09/13/20 12:27:41 eve 10.0.0.8 ssh /usr/sbin/sshd no 10\n");
  EXPECT_EQ(serials({.time = {.to_ms = 1600000060999}}),
            "1. 09/13/20 12:27:40 1000 10.0.0.7 ssh /usr/sbin/sshd yes 9\n");
  EXPECT_EQ(serials({.nodes = {"web1"}}), "");
}

TEST(ReportRows, LeaveOutWhatWasAddedOrDeleted) {
  const std::string_view added = "type=ADD_USER msg=audit(1600000000.000:1): pid=1 uid=0 auid=5";
  const std::string_view deleted = "type=DEL_USER msg=audit(1600000001.000:2): pid=1 uid=0 auid=5";
  const std::string_view changed =
      "type=CONFIG_CHANGE msg=audit(1600000002.000:3): auid=5 op=add_rule key=\"k\" list=4 res=1";
  const auto rows = [&](const ReportFilter& filter) {
    return ReportOf{.kind = ReportKind::kEvent, .filter = filter}.Rows({added, deleted, changed});
  };
  EXPECT_EQ(rows({.without_deleted = true}),
            "1. 09/13/20 12:26:40 1 ADD_USER 5 unset\n"
            "2. 09/13/20 12:26:42 3 CONFIG_CHANGE 5 yes\n");
  EXPECT_EQ(rows({.without_added = true, .without_config = true}),
            "1. 09/13/20 12:26:41 2 DEL_USER 5 unset\n");
}

TEST(ReportExport, IsCsvByTheBook) {
  const ReportOf report{.kind = ReportKind::kExe, .format = ReportFormat::kCsv};
  EXPECT_EQ(report.Rows({"node=web1 type=SYSCALL msg=audit(1600000000.100:5): arch=c000003e "
                         "syscall=59 success=yes exit=0 a0=0 a1=1 ppid=1 pid=77 auid=0 uid=33 "
                         "exe=\"/a,b\" key=(null)"}),
            "time,host,exe,terminal,remote_host,auid,serial\n"
            "2020-09-13T12:26:40.100Z,web1,\"/a,b\",,,0,5\n");
}

TEST(ReportExport, IsJsonWithoutWhatIsNotKnown) {
  const ReportOf report{.kind = ReportKind::kPid, .format = ReportFormat::kJson};
  EXPECT_EQ(report.Rows({"type=SERVICE_START msg=audit(1600000000.000:1): pid=1 uid=0"}),
            "{\"time\":\"2020-09-13T12:26:40.000Z\",\"pid\":1,\"serial\":1}\n");
}

}  // namespace
}  // namespace query
