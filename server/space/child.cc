#include "server/space/child.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "absl/cleanup/cleanup.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"

#include "base/file_descriptor.h"

namespace server {

namespace {

using Clock = std::chrono::steady_clock;

absl::Status Failed(const Program& program, const char* what, int error) {
  const std::string message = absl::StrFormat("%s: %s: %s", program.path, what, strerror(error));
  const bool is_not_there = error == ENOENT || error == EACCES || error == ENOEXEC;
  return is_not_there ? absl::NotFoundError(message) : absl::UnavailableError(message);
}

std::vector<char*> Pointers(const std::string* first, const std::vector<std::string>& rest) {
  std::vector<char*> pointers;
  if (first != nullptr) pointers.push_back(const_cast<char*>(first->c_str()));
  for (const std::string& word : rest) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// In memory, so that nobody waits for a program that does not read.
absl::StatusOr<base::FileDescriptor> InputOf(const Program& program) {
  base::FileDescriptor input(memfd_create("input", MFD_CLOEXEC));
  if (!input.is_open()) return Failed(program, "memfd_create", errno);
  const auto size = static_cast<ssize_t>(program.input.size());
  if (write(input.get(), program.input.data(), program.input.size()) != size ||
      lseek(input.get(), 0, SEEK_SET) != 0) {
    return Failed(program, "input", errno);
  }
  return input;
}

absl::StatusOr<pid_t> Spawn(const Program& program, int input) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  if (posix_spawn_file_actions_init(&files) != 0) return Failed(program, "spawn", ENOMEM);
  const absl::Cleanup destroy_files = [&files] { posix_spawn_file_actions_destroy(&files); };
  if (posix_spawnattr_init(&attributes) != 0) return Failed(program, "spawn", ENOMEM);
  const absl::Cleanup destroy = [&attributes] { posix_spawnattr_destroy(&attributes); };

  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
  posix_spawn_file_actions_addchdir_np(&files, "/");

  pid_t child = 0;
  const int error = posix_spawn(&child, program.path.c_str(), &files, &attributes,
                                Pointers(&program.path, program.arguments).data(),
                                Pointers(nullptr, program.environment).data());
  if (error != 0) return Failed(program, "cannot be run", error);
  return child;
}

enum class Ended : uint8_t { kItself, kTooLate, kStopped };

Ended WaitUntilEnded(int child_fd, int stop_fd, Clock::time_point deadline) {
  pollfd waited[] = {{child_fd, POLLIN, 0}, {stop_fd, POLLIN, 0}};
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return Ended::kTooLate;
    poll(waited, std::size(waited), static_cast<int>(left.count()));
    if (waited[0].revents != 0) return Ended::kItself;
    if (waited[1].revents != 0) return Ended::kStopped;
  }
}

absl::Status Outcome(const Program& program, int status) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return absl::OkStatus();
  const bool has_exited = WIFEXITED(status);
  return absl::AbortedError(absl::StrFormat("%s: %s %d", program.path,
                                            has_exited ? "exit code" : "ended by signal",
                                            has_exited ? WEXITSTATUS(status) : WTERMSIG(status)));
}

}  // namespace

absl::Status RunProgram(const Program& program, int stop_fd) {
  const absl::StatusOr<base::FileDescriptor> input = InputOf(program);
  if (!input.ok()) return input.status();
  const absl::StatusOr<pid_t> child = Spawn(program, input->get());
  if (!child.ok()) return child.status();
  // A child that was not waited for keeps its number, so this is no other process.
  const base::FileDescriptor child_fd(static_cast<int>(syscall(SYS_pidfd_open, *child, 0)));
  const int error = errno;
  int status = 0;
  if (!child_fd.is_open()) {
    kill(-*child, SIGKILL);
    waitpid(*child, &status, 0);
    return Failed(program, "pidfd_open", error);
  }
  const Ended ended = WaitUntilEnded(child_fd.get(), stop_fd, Clock::now() + program.time_max);
  if (ended == Ended::kStopped) {
    return absl::CancelledError(absl::StrFormat("%s: not waited for", program.path));
  }
  if (ended == Ended::kTooLate) kill(-*child, SIGKILL);
  waitpid(*child, &status, 0);
  if (ended == Ended::kItself) return Outcome(program, status);
  return absl::DeadlineExceededError(
      absl::StrFormat("%s: killed after %d s", program.path, program.time_max.count()));
}

}  // namespace server
