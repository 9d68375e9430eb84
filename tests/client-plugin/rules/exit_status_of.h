// Runs something in a process of its own.

#pragma once

#include <functional>
#include <sys/wait.h>
#include <unistd.h>

namespace client_plugin {

// What `run` returns there, or 1000 if a signal has ended it. For what blocks signals, or ends
// processes.
inline int ExitStatusOf(const std::function<int()>& run) {
  const pid_t pid = fork();
  if (pid == 0) _exit(run());
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000;
}

}  // namespace client_plugin
