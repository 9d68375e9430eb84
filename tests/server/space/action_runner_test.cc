#include "server/space/action_runner.h"

#include <condition_variable>
#include <csignal>
#include <fcntl.h>
#include <mutex>
#include <optional>
#include <syslog.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/space/scratch_directory.h"

namespace server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;
using testing::StartsWith;

// The outcome of an action, once there is one.
class Outcome {
 public:
  ActionRunner::Done Taker() {
    return [this](const absl::Status& status) {
      const std::lock_guard lock(mutex_);
      status_ = status;
      told_.notify_all();
    };
  }

  absl::Status Wait() {
    std::unique_lock lock(mutex_);
    told_.wait(lock, [this] { return status_.has_value(); });
    return *status_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable told_;
  std::optional<absl::Status> status_;
};

class ActionRunnerTest : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "only root can make a script that root owns";
    options_.log = [this](int priority, const std::string& text) {
      const std::lock_guard lock(mutex_);  // Actions for two causes are taken at once.
      logged_.emplace_back(priority, text);
    };
  }

  // A script of the test directory. It can say `out` for a file beside it.
  std::string Script(const std::string& name, const std::string& body) {
    return directory_.Write(name, "#!/bin/sh\nout=" + directory_.Path("out") + "\n" + body + "\n");
  }

  absl::Status Run(SpaceAction action, const std::string& script = "") {
    ActionRunner runner(options_);
    Outcome outcome;
    EXPECT_TRUE(runner.Run(Request(action, script), outcome.Taker()));
    return outcome.Wait();
  }

  static ActionRequest Request(SpaceAction action, const std::string& script = "") {
    return {.cause = ActionCause::kAdminSpaceLeft,
            .chosen = {.action = action, .script = script},
            .priority = LOG_ALERT,
            .text = "space is low",
            .mail_account = "ops@example.org",
            .free_bytes = 70 << 20};
  }

  const ScratchDirectory directory_;
  std::mutex mutex_;
  std::vector<std::pair<int, std::string>> logged_;  // Read when no action is taken.
  ActionRunnerOptions options_;
};

TEST_F(ActionRunnerTest, TellsTheSystemsLogAndNothingElse) {
  for (const SpaceAction action : {SpaceAction::kSyslog, SpaceAction::kRotate,
                                   SpaceAction::kSuspend, SpaceAction::kKeepLogs}) {
    logged_.clear();
    EXPECT_TRUE(Run(action).ok());
    EXPECT_THAT(logged_, ElementsAre(Pair(LOG_ALERT, "space is low")));
  }
}

TEST_F(ActionRunnerTest, RunsAScriptWithACleanEnvironmentAndNothingInherited) {
  setenv("SECRET", "1", 1);
  constexpr int kInherited = 77;
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(dup2(null, kInherited), kInherited);  // Without O_CLOEXEC.
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  // Pipes, since the shell may redirect itself for a moment to run a command.
  const absl::Status ran = Run(SpaceAction::kExec, Script("script", R"(
    tr '\0' '\n' < /proc/$$/environ > $out
    echo args=$# >> $out
    cat >> $out
    pwd >> $out
    readlink /proc/$$/fd/1 /proc/$$/fd/2 | cat >> $out
    grep SigBlk /proc/self/status >> $out
    ps -o pgid= -p $$ | tr -d ' ' | sed s/$$/own/ >> $out
    ls /proc/$$/fd | cat > $out.descriptors)"));
  pthread_sigmask(SIG_UNBLOCK, &blocked, nullptr);
  close(kInherited);
  close(null);
  EXPECT_TRUE(ran.ok()) << ran;
  EXPECT_EQ(directory_.Read("out"),
            "PATH=/usr/sbin:/usr/bin:/sbin:/bin\nAUSPEX_CAUSE=admin_space_left\n"
            "AUSPEX_FREE_BYTES=73400320\nargs=0\n/\n/dev/null\n/dev/null\n"
            "SigBlk:\t0000000000000000\nown\n");
  EXPECT_THAT(directory_.Read("out.descriptors"), StartsWith("0\n1\n"));
  EXPECT_THAT(directory_.Read("out.descriptors"), Not(HasSubstr("77")));
}

TEST_F(ActionRunnerTest, TellsHowAScriptFails) {
  EXPECT_THAT(Run(SpaceAction::kExec, Script("bad", "exit 3")).message(), HasSubstr("exit code 3"));
  EXPECT_THAT(Run(SpaceAction::kExec, Script("dead", "kill -9 $$")).message(),
              HasSubstr("ended by signal 9"));
  EXPECT_TRUE(
      absl::IsNotFound(Run(SpaceAction::kExec, directory_.Write("no-interpreter", "#!/none\n"))));
  // It was good when the configuration was read.
  const std::string changed = Script("changed", "echo ran > $out");
  chmod(changed.c_str(), 0777);
  EXPECT_TRUE(absl::IsFailedPrecondition(Run(SpaceAction::kExec, changed)));
  EXPECT_EQ(directory_.Read("out"), "");
}

TEST_F(ActionRunnerTest, KillsAScriptThatTakesTooLongWithAllThatItHasStarted) {
  options_.script_time_max = std::chrono::seconds(5);
  const absl::Status ran =
      Run(SpaceAction::kExec, Script("slow", "sleep 1000 & echo $! > $out; wait"));
  EXPECT_TRUE(absl::IsDeadlineExceeded(ran)) << ran;
  const pid_t grandchild = std::stoi(directory_.Read("out"));
  // Who adopts it may take a moment to bury it.
  while (kill(grandchild, 0) == 0) {
    std::ifstream stat("/proc/" + std::to_string(grandchild) + "/stat");
    std::string pid, name, state;
    stat >> pid >> name >> state;
    if (!stat || state == "Z") break;
    std::this_thread::yield();
  }
}

TEST_F(ActionRunnerTest, TakesOneActionForEachCauseAtATime) {
  ActionRunner runner(options_);
  const std::string fifo = directory_.Path("go");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  const std::string script = Script("waits", "read line < " + fifo);
  Outcome first, other;
  ASSERT_TRUE(runner.Run(Request(SpaceAction::kExec, script), first.Taker()));
  EXPECT_FALSE(runner.Run(Request(SpaceAction::kSyslog), [](const absl::Status&) {}));
  ActionRequest of_other_cause = Request(SpaceAction::kSyslog);
  of_other_cause.cause = ActionCause::kDiskFull;
  EXPECT_TRUE(runner.Run(of_other_cause, other.Taker()));
  EXPECT_TRUE(other.Wait().ok());
  std::ofstream(fifo) << "go\n";
  EXPECT_TRUE(first.Wait().ok());
}

TEST_F(ActionRunnerTest, LeavesAScriptAloneWhenItEnds) {
  const std::string says = directory_.Path("says");
  const std::string hears = directory_.Path("hears");
  ASSERT_EQ(mkfifo(says.c_str(), 0600), 0);
  ASSERT_EQ(mkfifo(hears.c_str(), 0600), 0);
  const std::string script = Script(
      "goes-on", "echo started > " + says + "; read line < " + hears + "; echo $line > " + says);
  std::string line;
  {
    ActionRunner runner(options_);
    ASSERT_TRUE(runner.Run(Request(SpaceAction::kExec, script), [](const absl::Status&) {
      ADD_FAILURE() << "nobody listens any more";
    }));
    std::ifstream(says) >> line;
    EXPECT_EQ(line, "started");
  }
  std::ofstream(hears) << "alone\n";
  std::ifstream(says) >> line;
  EXPECT_EQ(line, "alone");
}

TEST_F(ActionRunnerTest, SendsMailThroughSendmail) {
  options_.sendmail = Script("sendmail", "{ echo \"$@\"; cat; } > $out");
  EXPECT_TRUE(Run(SpaceAction::kEmail).ok());
  EXPECT_EQ(directory_.Read("out"),
            "-t\nTo: ops@example.org\nFrom: root\nSubject: auspexd: admin_space_left\n\n"
            "space is low\nThe store of the audit records has 70 MB left.\n");
  EXPECT_THAT(logged_, ElementsAre(Pair(LOG_ALERT, "space is low")));
  options_.sendmail = directory_.Path("none");
  EXPECT_TRUE(absl::IsNotFound(Run(SpaceAction::kEmail)));
}

TEST_F(ActionRunnerTest, ChangesTheRunLevelAsAuditdDoes) {
  options_.init = Script("init", "echo \"$@\" >> $out");
  EXPECT_TRUE(Run(SpaceAction::kSingle).ok());
  EXPECT_TRUE(Run(SpaceAction::kHalt).ok());
  EXPECT_EQ(directory_.Read("out"), "1\n0\n");
}

TEST_F(ActionRunnerTest, NamesInitAndSendmailAsAuditdDoes) {
  EXPECT_EQ(ActionRunnerOptions().init, "/sbin/init");
  EXPECT_EQ(ActionRunnerOptions().sendmail, "/usr/lib/sendmail");
  EXPECT_THAT(logged_, IsEmpty());
}

}  // namespace
}  // namespace server
