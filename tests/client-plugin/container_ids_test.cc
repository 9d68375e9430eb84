#include "client-plugin/container_ids.h"

#include <filesystem>
#include <fstream>
#include <libaudit.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "tests/client-plugin/container_process.h"
#include "tests/query/real_ausearch.h"
#include "tests/storage/temporary_directory.h"

namespace client_plugin {
namespace {

namespace fs = std::filesystem;

const std::string kA = std::string(32, 'a') + std::string(32, '1');
const std::string kB = std::string(32, 'b') + std::string(32, '2');

std::string Docker(const std::string& id) { return "0::/system.slice/docker-" + id + ".scope\n"; }

struct Call {
  uint32_t pid = 100;
  uint32_t ppid = 50;
  uint32_t session = 3;
  uint64_t time_s = 1000;
  std::string syscall = "257";  // openat
  std::string success = "yes";
};

std::string Line(const Call& call) {
  return "type=SYSCALL msg=audit(" + std::to_string(call.time_s) +
         ".123:77): arch=c000003e syscall=" + call.syscall + " success=" + call.success +
         " exit=0 a0=1 a1=2 a2=3 a3=8 items=2 ppid=" + std::to_string(call.ppid) +
         " pid=" + std::to_string(call.pid) +
         " auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=" +
         std::to_string(call.session) +
         " comm=\"ls\" exe=\"/usr/bin/ls\" subj=unconfined key=\"exec\"";
}

Call Exec(Call call) {
  call.syscall = "59";
  return call;
}

// A /proc with the processes that a test puts there, and the container of a call in a word.
class ContainerIdsTest : public testing::Test {
 protected:
  void Put(uint32_t pid, const std::string& cgroup) {
    fs::create_directories(directory_.path() + "/" + std::to_string(pid));
    std::ofstream(directory_.path() + "/" + std::to_string(pid) + "/cgroup") << cgroup;
  }

  void Remove(uint32_t pid) { fs::remove_all(directory_.path() + "/" + std::to_string(pid)); }

  std::string Of(const Call& call) {
    std::string record;
    if (!ids_.AppendRecord(AUDIT_SYSCALL, Line(call), &record)) return record.empty() ? "" : "bad";
    const size_t begin = record.find("contid=");
    return begin == std::string::npos ? "bad" : record.substr(begin + 7);
  }

  const ContainerCounters& counters() const { return ids_.counters(); }

  TemporaryDirectory directory_;
  ContainerIds ids_{{.proc = directory_.path(), .processes_max = 64}};
};

TEST_F(ContainerIdsTest, MakesARecordOfTheSameEvent) {
  Put(100, Docker(kA));
  std::string record = "before ";
  EXPECT_TRUE(ids_.AppendRecord(AUDIT_SYSCALL, Line({}), &record));
  EXPECT_EQ(record, "before type=KERNEL_OTHER msg=audit(1000.123:77): contid=" + kA);
  record.clear();
  EXPECT_TRUE(ids_.AppendRecord(AUDIT_SYSCALL, "node=web1 " + Line({}), &record));
  EXPECT_EQ(record, "node=web1 type=KERNEL_OTHER msg=audit(1000.123:77): contid=" + kA);
  EXPECT_EQ(counters().records, 2u);
}

TEST_F(ContainerIdsTest, NamesTheNestedContainerToo) {
  Put(100, "0::/docker/" + kA + "/docker/" + kB);
  EXPECT_EQ(Of({}), kA + " nested=" + kB);
}

TEST_F(ContainerIdsTest, LeavesAllOtherRecordsAlone) {
  Put(100, Docker(kA));
  std::string record;
  EXPECT_FALSE(ids_.AppendRecord(AUDIT_PATH, "type=PATH msg=audit(1.000:1): pid=100", &record));
  EXPECT_FALSE(ids_.AppendRecord(AUDIT_SYSCALL, "type=SYSCALL msg=audit(1.000:1): pid=x", &record));
  EXPECT_FALSE(ids_.AppendRecord(AUDIT_SYSCALL, "pid=100", &record));
  Put(101, "0::/system.slice/sshd.service\n");
  EXPECT_FALSE(ids_.AppendRecord(AUDIT_SYSCALL, Line({.pid = 101}), &record));
  EXPECT_EQ(record, "");
  EXPECT_EQ(counters().records, 0u);
}

TEST_F(ContainerIdsTest, LooksOnceForAProcess) {
  Put(100, Docker(kA));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Of({}), kA);
  EXPECT_EQ(counters().lookups, 1u);
}

TEST_F(ContainerIdsTest, LooksAgainWhenItExecutesAProgram) {
  Put(100, "0::/system.slice/containerd.service\n");
  EXPECT_EQ(Of({}), "");
  Put(100, Docker(kA));
  EXPECT_EQ(Of({}), "");
  EXPECT_EQ(Of({.syscall = "59", .success = "no"}), "");
  EXPECT_EQ(Of(Exec({})), kA);
  EXPECT_EQ(Of({}), kA);
  EXPECT_EQ(counters().lookups, 2u);
}

TEST_F(ContainerIdsTest, LooksAgainAfterAMinute) {
  Put(100, Docker(kA));
  EXPECT_EQ(Of({.time_s = 1000}), kA);
  Put(100, Docker(kB));
  EXPECT_EQ(Of({.time_s = 1059}), kA);
  EXPECT_EQ(Of({.time_s = 998}), kA);
  EXPECT_EQ(Of({.time_s = 1060}), kB);
}

TEST_F(ContainerIdsTest, TellsAProcessFromAnotherThatHadItsNumber) {
  Put(100, Docker(kA));
  EXPECT_EQ(Of({}), kA);
  Put(100, "0::/\n");
  EXPECT_EQ(Of({.ppid = 51}), "");
  Put(100, Docker(kB));
  EXPECT_EQ(Of({.ppid = 51, .session = 4}), kB);
}

TEST_F(ContainerIdsTest, KnowsAProcessThatIsGone) {
  Put(100, Docker(kA));
  EXPECT_EQ(Of({}), kA);
  Remove(100);
  EXPECT_EQ(Of({}), kA);
  EXPECT_EQ(Of(Exec({})), kA);
  EXPECT_EQ(Of({.time_s = 2000}), kA);
  EXPECT_EQ(counters().processes_gone, 2u);
  EXPECT_EQ(counters().processes_unknown, 0u);
}

TEST_F(ContainerIdsTest, AsksForTheParentOfAProcessThatIsGone) {
  Put(50, Docker(kA));
  EXPECT_EQ(Of(Exec({.pid = 100, .ppid = 50})), kA);
  EXPECT_EQ(counters().processes_by_parent, 1u);
  // Whose parent is gone, too, but had been seen.
  EXPECT_EQ(Of({.pid = 50, .ppid = 7}), kA);
  Remove(50);
  EXPECT_EQ(Of(Exec({.pid = 101, .ppid = 50, .time_s = 1002})), kA);
  EXPECT_EQ(counters().processes_by_parent, 2u);
  EXPECT_EQ(counters().processes_unknown, 0u);
}

TEST_F(ContainerIdsTest, AsksForTheSameParentOnceASecond) {
  Put(50, Docker(kA));
  for (uint32_t pid = 100; pid < 110; ++pid) EXPECT_EQ(Of(Exec({.pid = pid, .ppid = 50})), kA);
  EXPECT_EQ(counters().lookups, 11u);
  EXPECT_EQ(counters().processes_by_parent, 10u);
  Put(50, Docker(kB));
  EXPECT_EQ(Of(Exec({.pid = 110, .ppid = 50, .time_s = 1001})), kB);
  Put(51, Docker(kA));
  EXPECT_EQ(Of(Exec({.pid = 111, .ppid = 51, .time_s = 1001})), kA);
}

TEST_F(ContainerIdsTest, CountsWhomNobodyKnows) {
  Put(1, Docker(kA));
  EXPECT_EQ(Of(Exec({.ppid = 50})), "");
  EXPECT_EQ(Of(Exec({.pid = 101, .ppid = 1})), "");  // It may have lost its parent.
  EXPECT_EQ(counters().processes_gone, 2u);
  EXPECT_EQ(counters().processes_unknown, 2u);
  EXPECT_EQ(Of({.pid = 101, .ppid = 1}), "");
  EXPECT_EQ(counters().processes_unknown, 2u);
}

TEST_F(ContainerIdsTest, ForgetsProcessesForWantOfRoom) {
  Put(100, Docker(kA));
  Put(164, Docker(kB));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Of({.pid = 100}), kA);
    EXPECT_EQ(Of({.pid = 164}), kB);
  }
  EXPECT_EQ(counters().processes_replaced, 5u);
  EXPECT_EQ(counters().lookups, 6u);
}

// An event with the record is one event for the assembler, and ausearch finds it by all that it was
// found by before, and by the record.
TEST_F(ContainerIdsTest, JoinsTheEvent) {
  Put(100, Docker(kA));
  std::string record;
  ASSERT_TRUE(ids_.AppendRecord(AUDIT_SYSCALL, Line(Exec({})), &record));
  const std::string stamp = " msg=audit(1000.123:77): ";
  const std::string path = directory_.path() + "/log";
  const std::string log = Line(Exec({})) + "\n" + record + "\ntype=EXECVE" + stamp +
                          "argc=1 a0=\"ls\"\ntype=CWD" + stamp + "cwd=\"/\"\ntype=PROCTITLE" +
                          stamp + "proctitle=\"ls\"\n";
  std::ofstream(path) << log;
  const std::vector<audit::Event> events = query::ReadEvents(path);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].record_count(), 5u);
  EXPECT_FALSE(events[0].late());

  const std::string ausearch = query::FindAusearch();
  if (ausearch.empty()) GTEST_SKIP() << "no real ausearch: set AUSPEX_AUSEARCH";
  for (const query::Arguments& arguments :
       std::vector<query::Arguments>{{"--raw"},
                                     {"--raw", "-k", "exec"},
                                     {"--raw", "-m", "KERNEL_OTHER"},
                                     {"--raw", "-a", "77"}}) {
    EXPECT_EQ(query::RunAusearch(ausearch, path, arguments, query::Stream::kOutput), log);
  }
}

TEST(ContainerIdsOfTheKernel, FindsAProcessInAControlGroup) {
  const std::string id = ContainerIdOfTest('c');
  const ContainerProcess process(id);
  if (!process.is_there()) GTEST_SKIP() << "no control groups can be made here";
  ContainerIds ids;
  std::string record;
  EXPECT_TRUE(ids.AppendRecord(AUDIT_SYSCALL, Line({.pid = process.pid()}), &record));
  EXPECT_EQ(record, "type=KERNEL_OTHER msg=audit(1000.123:77): contid=" + id);
}

TEST(ContainerIdsOfTheKernel, CountsAProcessThatHasEnded) {
  const pid_t pid = fork();
  if (pid == 0) _exit(0);
  waitpid(pid, nullptr, 0);
  ContainerIds ids;
  std::string record;
  EXPECT_FALSE(ids.AppendRecord(AUDIT_SYSCALL, Line({.pid = static_cast<uint32_t>(pid), .ppid = 1}),
                                &record));
  EXPECT_EQ(ids.counters().processes_unknown, 1u);
}

}  // namespace
}  // namespace client_plugin
