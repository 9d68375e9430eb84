#include "client-plugin/rules/held_process.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <fcntl.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "absl/strings/str_format.h"

namespace client_plugin {

namespace {

// Time for a program to put its things in order, as systemd's default is of 90; nobody waits that
// long at a terminal.
constexpr time_t kEndSeconds = 5;

// How the child ends that could not become the program; its parent is told by the pipe.
constexpr int kNotRun = 127;

sigset_t WaitedSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGCHLD, SIGINT, SIGQUIT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
  return signals;
}

struct Pipe {
  base::FileDescriptor read_end;
  base::FileDescriptor write_end;
};

absl::StatusOr<Pipe> MakePipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    return absl::UnavailableError(
        absl::StrFormat("pipe: %s", std::generic_category().message(errno)));
  }
  return Pipe{base::FileDescriptor(ends[0]), base::FileDescriptor(ends[1])};
}

// Reads all of *value. False if the other end is closed.
template <typename Value>
bool ReadValue(int fd, Value* value) {
  ssize_t bytes = 0;
  do {
    bytes = read(fd, value, sizeof(*value));
  } while (bytes < 0 && errno == EINTR);
  return bytes == static_cast<ssize_t>(sizeof(*value));
}

// The child, until it is another program. Between fork(2) and exec(3) it calls nothing else.
[[noreturn]] void BecomeProgram(char* const* words, const sigset_t& mask, int go, int failure) {
  char byte = 0;
  if (!ReadValue(go, &byte)) _exit(kNotRun);
  sigprocmask(SIG_SETMASK, &mask, nullptr);
  execvp(words[0], words);
  const int error = errno;
  const ssize_t written = write(failure, &error, sizeof(error));
  _exit(written == sizeof(error) ? kNotRun : kNotRun - 1);
}

}  // namespace

absl::StatusOr<HeldProcess> HeldProcess::Start(const std::vector<std::string>& command) {
  absl::StatusOr<Pipe> go = MakePipe();
  if (!go.ok()) return go.status();
  absl::StatusOr<Pipe> failure = MakePipe();
  if (!failure.ok()) return failure.status();
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const sigset_t signals = WaitedSignals();
  sigset_t mask;
  sigprocmask(SIG_BLOCK, &signals, &mask);
  const pid_t pid = fork();
  if (pid < 0) {
    const int error = errno;
    sigprocmask(SIG_SETMASK, &mask, nullptr);
    return absl::UnavailableError(
        absl::StrFormat("fork: %s", std::generic_category().message(error)));
  }
  if (pid == 0) {
    go->write_end = {};  // So that the end of its parent is the end of its waiting.
    BecomeProgram(words.data(), mask, go->read_end.get(), failure->write_end.get());
  }
  return HeldProcess(pid, std::move(go->write_end), std::move(failure->read_end));
}

HeldProcess::HeldProcess(pid_t pid, base::FileDescriptor go, base::FileDescriptor failure)
    : pid_(pid), go_(std::move(go)), failure_(std::move(failure)) {}

HeldProcess::~HeldProcess() {
  if (!go_.is_open() || is_ended_) return;
  go_ = {};
  Reap(0);
}

absl::Status HeldProcess::Go() {
  const ssize_t written = write(go_.get(), "g", 1);
  go_ = {};
  int error = 0;
  if (written == 1 && !ReadValue(failure_.get(), &error)) return absl::OkStatus();
  Reap(0);
  const std::string reason = std::generic_category().message(error);
  return error == ENOENT ? absl::NotFoundError(reason) : absl::PermissionDeniedError(reason);
}

std::optional<int> HeldProcess::Reap(int options) {
  int status = 0;
  pid_t ended = 0;
  do {
    ended = waitpid(pid_, &status, options);
  } while (ended < 0 && errno == EINTR);
  if (ended == 0) return std::nullopt;
  is_ended_ = true;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

std::optional<int> HeldProcess::Wait() {
  const sigset_t signals = WaitedSignals();
  bool is_asked_to_end = false;
  for (;;) {
    if (const std::optional<int> status = Reap(WNOHANG)) return status;
    siginfo_t signal{};
    const timespec limit = {.tv_sec = kEndSeconds, .tv_nsec = 0};
    const int number =
        is_asked_to_end ? sigtimedwait(&signals, &signal, &limit) : sigwaitinfo(&signals, &signal);
    if (number < 0 && errno == EAGAIN) return std::nullopt;
    const bool is_of_terminal = signal.si_code == SI_KERNEL;
    if (number == SIGTERM || number == SIGHUP) is_asked_to_end = true;
    if (number > 0 && number != SIGCHLD && !is_of_terminal) kill(pid_, number);
  }
}

}  // namespace client_plugin
