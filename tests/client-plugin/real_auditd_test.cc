// Compares the enrichment of the kernel's records with the log of the real auditd.
//
// Needs root, a kernel whose audit nobody uses, and auditd and auditctl of Debian's auditd package
// (tests/fetch-real-tools.sh), in $AUSPEX_REAL_TOOLS or build/tools.

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <libaudit.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <optional>
#include <poll.h>
#include <set>
#include <string>
#include <string_view>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "absl/strings/str_cat.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netpacket/packet.h>

#include "audit/record.h"
#include "audit/record_type.h"
#include "client-plugin/enricher.h"
#include "tests/audit/log_files.h"
#include "tests/storage/temporary_directory.h"

namespace client_plugin {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr seconds kPatience{20};

std::filesystem::path ToolsDirectory() {
  if (const char* const path = std::getenv("AUSPEX_REAL_TOOLS")) return path;
  return std::filesystem::path(AUSPEX_SOURCE_DIR) / "build/tools";
}

// Waits a little for what no descriptor tells of.
void Pause() { poll(nullptr, 0, 10); }

// Starts a program. Its number is given back; it is to be waited for.
pid_t Start(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t pid = fork();
  if (pid != 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  execv(arguments[0], arguments.data());
  _exit(127);
}

// The real auditd, with a log of its own, for the time of the test.
class RealAuditdTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(auditd_)) GTEST_SKIP() << "no " << auditd_;
    control_ = audit_open();
    const std::optional<audit_status> status = Status();
    if (!status || geteuid() != 0) GTEST_SKIP() << "needs root, and audit in the kernel";
    if (status->pid != 0) GTEST_SKIP() << "process " << status->pid << " owns the audit socket";
    if (status->enabled == 2) GTEST_SKIP() << "the audit of the kernel is locked";
    was_enabled_ = status->enabled;
    std::filesystem::create_directory(directory_.path() + "/plugins.d");
    std::ofstream(directory_.path() + "/auditd.conf")
        << "log_file = " << log_ << "\nlog_format = ENRICHED\nlog_group = root\n"
        << "name_format = NONE\npriority_boost = 0\nflush = NONE\nfreq = 0\nq_depth = 2000\n"
        << "plugin_dir = " << directory_.path() << "/plugins.d\nspace_left = 2\n"
        << "admin_space_left = 1\nspace_left_action = IGNORE\nadmin_space_left_action = IGNORE\n"
        << "disk_full_action = IGNORE\ndisk_error_action = IGNORE\n";
    // The real programs have a library of their own.
    for (const auto& entry : std::filesystem::directory_iterator(ToolsDirectory() / "lib")) {
      if (entry.is_directory()) setenv("LD_LIBRARY_PATH", entry.path().c_str(), 1);
    }
    daemon_ = Start({auditd_, "-n", "-c", directory_.path()});
    const auto deadline = steady_clock::now() + kPatience;
    while (Status()->pid != static_cast<uint32_t>(daemon_)) {
      ASSERT_LT(steady_clock::now(), deadline) << "auditd does not start";
      Pause();
    }
  }

  void TearDown() override {
    if (has_rule_) Rule("-d");
    if (daemon_ > 0) Stop();
    if (was_enabled_) audit_set_enabled(control_, *was_enabled_);
    if (control_ >= 0) audit_close(control_);
    unsetenv("LD_LIBRARY_PATH");
  }

  void Stop() {
    kill(daemon_, SIGTERM);
    waitpid(daemon_, nullptr, 0);
    daemon_ = -1;
  }

  // None if the kernel does not tell it.
  std::optional<audit_status> Status() const {
    if (control_ < 0 || audit_request_status(control_) <= 0) return std::nullopt;
    for (audit_reply reply; audit_get_reply(control_, &reply, GET_REPLY_BLOCKING, 0) > 0;) {
      if (reply.type == AUDIT_GET) return *reply.status;
      if (reply.type == NLMSG_ERROR && reply.error->error != 0) break;
    }
    return std::nullopt;
  }

  // Runs a rule's command for these calls of our children: "-a" to add it, "-d" to delete it.
  void Rule(const std::string& command) {
    const pid_t pid =
        Start({ToolsDirectory() / "sbin/auditctl", command, "always,exit", "-F", "arch=b64", "-F",
               absl::StrCat("ppid=", getpid()), "-S",
               "execve,openat,connect,bind,sendto,setresuid,setresgid", "-k", "test"});
    int status = -1;
    waitpid(pid, &status, 0);
    has_rule_ = command == "-a" && status == 0;
    ASSERT_EQ(status, 0) << "auditctl " << command;
  }

  // Waits for the record of this message, and with it for those before it.
  void AwaitMark(const std::string& text) const {
    audit_log_user_message(control_, AUDIT_TEST, text.c_str(), nullptr, nullptr, nullptr, 1);
    const auto deadline = steady_clock::now() + kPatience;
    for (bool found = false; !found; Pause()) {
      ASSERT_LT(steady_clock::now(), deadline) << "no " << text << " in the log";
      for (const std::string& line : audit::ReadLines(log_)) found |= line.find(text) != line.npos;
    }
  }

  const std::string auditd_ = ToolsDirectory() / "sbin/auditd";
  const TemporaryDirectory directory_;
  const std::string log_ = directory_.path() + "/audit.log";
  int control_ = -1;
  std::optional<uint32_t> was_enabled_;
  pid_t daemon_ = -1;
  bool has_rule_ = false;
};

template <typename Address>
void Connect(const Address& address, int domain, socklen_t bytes = sizeof(Address)) {
  const int socket_fd = socket(domain, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  [[maybe_unused]] const int result =
      connect(socket_fd, reinterpret_cast<const sockaddr*>(&address), bytes);
}

void ConnectToManyAddresses(const std::string& directory) {
  sockaddr_un local{.sun_family = AF_UNIX, .sun_path = {}};
  Connect(local, AF_UNIX, 2);
  Connect(local, AF_UNIX, 3);
  (directory + "/a socket").copy(local.sun_path, sizeof(local.sun_path) - 1);
  Connect(local, AF_UNIX);
  local.sun_path[0] = '\0';  // An abstract name.
  Connect(local, AF_UNIX);
  sockaddr_in inet{};
  inet.sin_family = AF_INET;
  inet.sin_port = htons(9);
  inet.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  Connect(inet, AF_INET);
  Connect(inet, AF_INET, 8);
  inet.sin_family = AF_UNSPEC;
  Connect(inet, AF_INET);
  sockaddr_in6 inet6{};
  inet6.sin6_family = AF_INET6;
  inet6.sin6_port = htons(9);
  inet6.sin6_addr = in6addr_loopback;
  Connect(inet6, AF_INET6);
  inet6.sin6_scope_id = 7;
  Connect(inet6, AF_INET6);
  inet6.sin6_addr.s6_addr[0] = 0xfe;  // Link-local, on the first interface.
  inet6.sin6_addr.s6_addr[1] = 0x80;
  inet6.sin6_scope_id = 1;
  Connect(inet6, AF_INET6);
  sockaddr_nl netlink{};
  netlink.nl_family = AF_NETLINK;
  netlink.nl_pid = 4'000'000'000;
  Connect(netlink, AF_INET);
  sockaddr_ll packet{};
  packet.sll_family = AF_PACKET;
  Connect(packet, AF_INET);
  for (const int family : {AF_VSOCK, AF_BLUETOOTH, AF_ALG, 45, 27, 999}) {
    inet.sin_family = static_cast<sa_family_t>(family);
    Connect(inet, AF_INET);
  }
}

// What the child does: its calls are audited. Ends as another program.
[[noreturn]] void DoManyThings(const std::string& directory) {
  ConnectToManyAddresses(directory);
  for (const char* const path : {"/nonexistent/uid=0", "/etc/passwd", "/no such\nfile"}) {
    [[maybe_unused]] const int opened = open(path, O_RDONLY | O_CLOEXEC);
  }
  const std::string long_argument(20'000, 'x');
  if (setresgid(54'321, 5, 0) == 0 && setresuid(12'345, 1, 0) == 0) {
    execl("/bin/true", "true", "uid=0", "a b", long_argument.c_str(), nullptr);
  }
  _exit(1);
}

// Ends a child by seccomp(2), which makes a record of it.
void DieBySeccomp() {
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
    syscall(SYS_getppid);
    _exit(0);
  }
  waitpid(pid, nullptr, 0);
}

TEST_F(RealAuditdTest, WritesTheSameLines) {
  ASSERT_NO_FATAL_FAILURE(Rule("-a"));
  const pid_t child = fork();
  if (child == 0) DoManyThings(directory_.path());
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  DieBySeccomp();
  audit_log_acct_message(control_, AUDIT_USER_LOGIN, nullptr, "login", nullptr, 1, nullptr, nullptr,
                         nullptr, 1);
  audit_log_acct_message(control_, AUDIT_ADD_GROUP, nullptr, "add", nullptr, 5, nullptr, nullptr,
                         nullptr, 1);
  ASSERT_NO_FATAL_FAILURE(AwaitMark(absl::StrCat("auspex-mark-", getpid())));
  ASSERT_NO_FATAL_FAILURE(Rule("-d"));
  Stop();

  NameCache names;
  Enricher enricher(names);
  std::set<std::string> types;
  for (const std::string& line : audit::ReadLines(log_)) {
    std::string ours = line.substr(0, line.find('\x1d'));
    const absl::StatusOr<audit::Record> record = audit::ParseRecord(ours);
    ASSERT_TRUE(record.ok()) << line;
    const std::string type(record->type);
    enricher.Append(static_cast<uint16_t>(audit::RecordTypeNumber(type).value_or(0)), &ours);
    EXPECT_EQ(ours, line);
    types.insert(type);
  }
  EXPECT_THAT(types, testing::IsSupersetOf({"SYSCALL", "SOCKADDR", "EXECVE", "CWD", "PATH",
                                            "PROCTITLE", "SECCOMP", "USER_LOGIN", "ADD_GROUP",
                                            "CONFIG_CHANGE", "DAEMON_START", "DAEMON_END"}));
}

}  // namespace
}  // namespace client_plugin
