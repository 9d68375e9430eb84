#include "query/interpreter.h"

#include <initializer_list>
#include <string>
#include <string_view>

#include "gtest/gtest.h"

#include "audit/event.h"
#include "audit/record.h"

namespace query {
namespace {

// Records of one event: "CWD cwd=..." stands for a line with the stamp.
audit::Event MakeEvent(std::initializer_list<std::string_view> records,
                       std::string_view node_prefix = "") {
  const std::string stamp = " msg=audit(1600000000.100:5): ";
  audit::Event event(node_prefix.empty() ? "" : "web1", {.time_ms = 1600000000100, .serial = 5});
  for (const std::string_view record : records) {
    const size_t type_end = record.find(' ');
    event.Add(std::string(node_prefix) + "type=" + std::string(record.substr(0, type_end)) + stamp +
              std::string(record.substr(type_end + 1)));
  }
  return event;
}

std::string Interpreted(const audit::Event& event, const InterpreterOptions& options = {}) {
  std::string text;
  Interpreter(options).AppendInterpreted(event, &text);
  return text;
}

// What is printed of the record behind its stamp.
std::string InterpretedFields(std::string_view record, const InterpreterOptions& options = {}) {
  const std::string text = Interpreted(MakeEvent({record}), options);
  const size_t begin = text.find(") : ") + 4;
  return text.substr(begin, text.size() - begin - 1);
}

std::string Csv(const audit::Event& event, const InterpreterOptions& options = {}) {
  std::string text;
  Interpreter(options).AppendCsv(event, &text);
  return text;
}

std::string Sentence(const audit::Event& event, const InterpreterOptions& options = {}) {
  std::string text;
  Interpreter(options).AppendSentence(event, &text);
  return text;
}

constexpr std::string_view kOpen =
    "SYSCALL arch=c000003e syscall=257 success=yes exit=3 a0=ffffff9c a1=7ffd a2=0 a3=0 items=1 "
    "ppid=1 pid=2 auid=1000 uid=0 gid=0 ses=3 comm=\"cat\" exe=\"/usr/bin/cat\" key=\"files\"";
constexpr std::string_view kCwd = "CWD cwd=\"/etc\"";
constexpr std::string_view kPath =
    "PATH item=0 name=\"../etc/./shadow\" inode=7 dev=08:01 mode=0100640 ouid=0 ogid=42 "
    "nametype=NORMAL";

TEST(Interpreted, BeginsWithTheLastRecord) {
  EXPECT_EQ(Interpreted(MakeEvent({kOpen, kCwd, kPath}, "node=web1 ")),
            "----\n"
            "node=web1 type=PATH msg=audit(09/13/20 12:26:40.100:5) : item=0 name=../etc/./shadow "
            "inode=7 dev=08:01 mode=file,640 ouid=root ogid=42 nametype=NORMAL \n"
            "node=web1 type=CWD msg=audit(09/13/20 12:26:40.100:5) : cwd=/etc \n"
            "node=web1 type=SYSCALL msg=audit(09/13/20 12:26:40.100:5) : arch=x86_64 "
            "syscall=openat success=yes exit=3 a0=AT_FDCWD a1=0x7ffd a2=O_RDONLY a3=0x0 items=1 "
            "ppid=1 pid=2 auid=1000 uid=root gid=root ses=3 comm=cat exe=/usr/bin/cat key=files "
            "\n");
}

TEST(Interpreted, ShowsTheLastRecordOfADaemonOnly) {
  EXPECT_EQ(Interpreted(MakeEvent({"DAEMON_START op=start", "DAEMON_END op=stop"})),
            "----\ntype=DAEMON_END msg=audit(09/13/20 12:26:40.100:5) : op=stop \n");
}

TEST(Interpreted, KeepsTheNamesOfTypesThatItDoesNotKnow) {
  EXPECT_EQ(Interpreted(MakeEvent({"UNKNOWN[1420] x=1"})),
            "----\ntype=UNKNOWN[1420] msg=audit(09/13/20 12:26:40.100:5) : x=1 \n");
  EXPECT_EQ(Interpreted(MakeEvent({"NONSENSE x=1"})),
            "----\ntype=NONSENSE msg=audit(09/13/20 12:26:40.100:5) : x=1 \n");
}

TEST(Interpreted, IsLaidOutLikeTheRecord) {
  const struct {
    std::string_view record;
    std::string_view text;
  } cases[] = {
      {"SYSCALL key=6101620163", "key=a key=b key=c "},
      {"CONFIG_CHANGE op=add_rule key=(null) list=4 res=1",
       "op=add_rule key=(null) list=exit res=yes "},
      {"ROLE_ASSIGN new-role=r,s new-level=x", "new-role=r,s new-level=x "},
      {"SYSCALL arch=c000003e syscall=105 a0=0 a0=ffffffff",
       "arch=x86_64 syscall=setuid a0=root a0=unset "},
      {"SYSCALL arch=40000003 syscall=102 a0=3",
       "arch=i386 syscall=socketcall(connect) a0=connect "},
      {"PATH item=0 obj=u:r:t:s0:c2,c7 mode=040755", "item=0 obj=u:r:t:s0:c2,c7 mode=dir,755 "},
      {"USER_AUTH pid=1 uid=0 msg='op=x acct=\"bob\" exe=\"/x\" res=success'",
       "pid=1 uid=root msg='op=x acct=bob exe=/x res=success' "},
      {"KERNEL initialized", "initialized\n"},
      {"KERNEL a=b,more words", "a=b,more words\n"},
      {"SOCKADDR saddr=020000160A000001", "saddr={ saddr_fam=inet sockaddr len too short } "},
      {"SOCKADDR saddr=020000160A0000010000000000000000",
       "saddr={ saddr_fam=inet laddr=10.0.0.1 lport=22 } "},
      {"SOCKADDR saddr=0200\x1dSADDR={ saddr_fam=inet laddr=1.2.3.4 lport=5 }",
       "saddr={ saddr_fam=inet laddr=1.2.3.4 lport=5 } "},
      {"PROCTITLE proctitle=6C73002D6C00", "proctitle=ls -l  "},
      {"EXECVE argc=2 a0=\"ls\" a1=2F746D702F6120", "argc=2 a0=ls a1=/tmp/a  "},
      {"TTY data=6C730D", "data=\"ls\",<ret>"},
  };
  for (const auto& [record, text] : cases) {
    EXPECT_EQ(InterpretedFields(record), text) << record;
  }
}

TEST(Interpreted, TakesNamesFromTheHostOfTheRecord) {
  for (const bool local_names : {false, true}) {
    InterpreterOptions options;
    options.local_names = local_names;
    EXPECT_EQ(InterpretedFields("SYSCALL auid=1000 uid=33 gid=33\x1d"
                                "AUID=\"joe\" UID=\"www-data\" GID=\"unknown(33)\"",
                                options),
              "auid=joe uid=www-data gid=unknown(33) ");
  }
}

TEST(Interpreted, LeavesTheNumbersOfForeignUsers) {
  EXPECT_EQ(InterpretedFields("PATH ouid=1 ogid=1 uid=0 gid=0 auid=4294967295 old-auid=-1 suid=x"),
            "ouid=1 ogid=1 uid=root gid=root auid=unset old-auid=unset suid=x ");
  EXPECT_EQ(InterpretedFields("SYSCALL arch=c000003e syscall=117 a0=1 a1=ffffffff a2=0 a0=1"),
            "arch=x86_64 syscall=setresuid a0=1 a1=unset a2=root a0=1 ");
  EXPECT_EQ(InterpretedFields("SYSCALL arch=c000003e syscall=92 a0=1 a1=3e8 a2=3e8"),
            "arch=x86_64 syscall=chown a0=0x1 a1=1000 a2=0x3e8 ");
}

TEST(Interpreted, LooksUpUsersOfThisMachineOnRequest) {
  InterpreterOptions options;
  options.local_names = true;
  EXPECT_EQ(InterpretedFields("PATH ouid=1 uid=4000000000", options),
            "ouid=daemon uid=unknown(-294967296) ");
  EXPECT_EQ(InterpretedFields("SYSCALL arch=c000003e syscall=105 a0=1 a0=1", options),
            "arch=x86_64 syscall=setuid a0=daemon a0=daemon ");
}

TEST(Interpreted, EscapesAsTheModeSays) {
  constexpr std::string_view kRecord = "CWD cwd=2F1B6120283B29 x=$(y)";
  const struct {
    EscapeMode mode;
    std::string_view text;
  } cases[] = {
      {EscapeMode::kRaw,
       "cwd=/\x1b"
       "a (;) x=$(y) "},
      {EscapeMode::kTty, "cwd=/\\033a (;) x=$(y) "},
      {EscapeMode::kShell, "cwd=/\\033a\\ \\(;\\) x=$(y) "},
      {EscapeMode::kShellQuote, "cwd=/\\033a\\ \\(\\;\\) x=$(y) "},
  };
  for (const auto& [mode, text] : cases) {
    InterpreterOptions options;
    options.escape_mode = mode;
    EXPECT_EQ(InterpretedFields(kRecord, options), text);
  }
}

TEST(Interpreted, GivesNoOrdersToATerminal) {
  const std::string_view records[] = {
      "CWD x=\x1b[2J",
      "CWD \x1b[2J=x",
      "CWD \x1b[2J",
      "X\x1b[2J x=y",
      "PATH ouid=\x1b[2J",
      "CWD uid=1\x1dUID=\"\x1b[2J\"",
      "CWD syscall=1\x1dSYSCALL=\x1b[2J",
      "SYSCALL arch=\x1b[2J",
  };
  for (const std::string_view record : records) {
    const audit::Event event = MakeEvent({record});
    for (const std::string& text : {Interpreted(event), Csv(event), Sentence(event)}) {
      EXPECT_EQ(text.find('\x1b'), std::string::npos) << text;
    }
  }
}

TEST(Interpreted, ShowsWhatIsBehindANulByte) {
  EXPECT_EQ(InterpretedFields(std::string_view("CWD cwd=\"/\0x\" uid=0", 19)),
            "cwd=/\\000x uid=root ");
}

// libauparse reads memory that is not its own for some of these. Sanitizers see that it does not.
TEST(Interpreted, ReadsNothingBehindShortValues) {
  EXPECT_EQ(InterpretedFields("PROCTITLE proctitle=(x)aaaaaaaaaaaaaaaaaaaaaaaa"), "proctitle=(x) ");
  EXPECT_EQ(InterpretedFields("PROCTITLE proctitle=004142434445"), "proctitle=ABCDE ");
  EXPECT_EQ(InterpretedFields("SOCKADDR saddr=0800"), "saddr={ saddr_fam=atmpvc int=0 } ");
}

TEST(Csv, HasAHeaderOfItsColumns) {
  InterpreterOptions options;
  EXPECT_EQ(CsvHeader(options),
            "NODE,EVENT,DATE,TIME,SERIAL_NUM,EVENT_KIND,SESSION,SUBJ_PRIME,SUBJ_SEC,SUBJ_KIND,"
            "ACTION,RESULT,OBJ_PRIME,OBJ_SEC,OBJ_KIND,HOW\n");
  options.extra_keys = options.extra_labels = options.extra_obj2 = options.extra_time = true;
  EXPECT_EQ(CsvHeader(options),
            "NODE,EVENT,DATE,TIME,YEAR,MONTH,DAY,WEEKDAY,HOUR,MILLI,GMT_OFFSET,SERIAL_NUM,"
            "EVENT_KIND,SESSION,SUBJ_PRIME,SUBJ_SEC,SUBJ_KIND,SUBJ_LABEL,ACTION,RESULT,OBJ_PRIME,"
            "OBJ_SEC,OBJ2,OBJ_LABEL,OBJ_KIND,HOW,KEY\n");
}

TEST(Csv, SaysWhoDidWhatToWhat) {
  EXPECT_EQ(Csv(MakeEvent({kOpen, kCwd, kPath}, "node=web1 ")),
            "web1,SYSCALL,09/13/20,12:26:40,5,audit-rule,3,1000,root,privileged-acct,opened-file,"
            "success,/etc/shadow,7,file,/usr/bin/cat\n");
}

TEST(Csv, HasExtraColumns) {
  InterpreterOptions options;
  options.extra_keys = options.extra_labels = options.extra_obj2 = options.extra_time = true;
  ASSERT_TRUE(absl::LoadTimeZone("Asia/Kolkata", &options.zone));
  EXPECT_EQ(Csv(MakeEvent({kOpen, kCwd, kPath}), options),
            ",SYSCALL,09/13/20,17:56:40,2020,09,13,7,17,100,+05:30,5,audit-rule,3,1000,root,"
            "privileged-acct,,opened-file,success,/etc/shadow,7,,,file,/usr/bin/cat,files\n");
}

TEST(Csv, LeavesTheNumbersOfForeignUsers) {
  InterpreterOptions options;
  options.extra_obj2 = true;
  EXPECT_EQ(Csv(MakeEvent({"SYSCALL arch=c000003e syscall=105 success=yes exit=0 a0=1 a1=0 a2=0 "
                           "a3=0 items=0 ppid=1 pid=2 auid=1 uid=2 exe=\"/x\""}),
                options),
            ",SYSCALL,09/13/20,12:26:40,5,audit-rule,,1,2,service-acct,changed-identity-of,"
            "success,/x,,1,process,setuid\n");
}

TEST(Csv, KnowsNoForeignAccounts) {
  constexpr std::string_view kLogin =
      "USER_LOGIN pid=1 uid=0 auid=1 msg='op=login acct=\"daemon\"'";
  EXPECT_NE(Csv(MakeEvent({kLogin})).find(",daemon,,unknown-acct,"), std::string::npos);
  InterpreterOptions options;
  options.local_names = true;
  EXPECT_NE(Csv(MakeEvent({kLogin}), options).find(",daemon,,service-acct,"), std::string::npos);
}

TEST(Csv, IsEmptyForRecordsThatMissTheirSyscall) {
  EXPECT_EQ(Csv(MakeEvent({kCwd, kPath})), ",CWD,09/13/20,12:26:40,5,,,,,,,,,,\n");
}

TEST(Csv, IsEmptyForWhatTheLibraryDrops) {
  std::string record = "AVC avc:  denied  { ";
  for (int i = 0; i < 80; ++i) record += "read ";
  record += "} for pid=1 tclass=file";
  EXPECT_EQ(Csv(MakeEvent({record})), ",AVC,09/13/20,12:26:40,5,,,,,,,,,,\n");
  EXPECT_EQ(Sentence(MakeEvent({record})), "At 12:26:40 09/13/20  did-unknown \n");
}

TEST(Csv, TakesASyscallRecordThatDoesNotSayWhich) {
  EXPECT_EQ(Csv(MakeEvent({"SYSCALL arch=c000003e success=yes", kCwd})),
            ",SYSCALL,09/13/20,12:26:40,5,audit-rule,,,,,triggered-unknown-audit-rule,,,,"
            "admin-defined-rule,\n");
}

TEST(Csv, HasEachEventOnce) {
  Interpreter interpreter({});
  std::string text;
  interpreter.AppendCsv(MakeEvent({kOpen}), &text);
  interpreter.AppendCsv(MakeEvent({kOpen}), &text);
  interpreter.AppendCsv(MakeEvent({"EOE "}), &text);
  const std::string line = Csv(MakeEvent({kOpen}));
  EXPECT_EQ(text, line + line);
}

TEST(Sentence, SaysWhoDidWhatToWhat) {
  EXPECT_EQ(Sentence(MakeEvent({kOpen, kCwd, kPath})),
            "At 12:26:40 09/13/20 1000, acting as root, successfully opened-file /etc/shadow using "
            "/usr/bin/cat\n");
  EXPECT_EQ(Sentence(MakeEvent({"NONSENSE x=y"}, "node=web1 ")),
            "On web1 at 12:26:40 09/13/20  did-unknown \n");
}

TEST(Sentence, KnowsPathsOfThisEventOnly) {
  constexpr std::string_view kRoot = "PATH item=0 name=\".\" inode=7 mode=040755 nametype=NORMAL";
  Interpreter interpreter({});
  std::string text;
  interpreter.AppendSentence(MakeEvent({kOpen, kCwd, kPath}), &text);
  text.clear();
  interpreter.AppendSentence(MakeEvent({kOpen, "CWD cwd=\"/\"", kRoot}), &text);
  EXPECT_NE(text.find(" opened-file / using"), std::string::npos) << text;
}

}  // namespace
}  // namespace query
