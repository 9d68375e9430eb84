// A program that has been started and does nothing until it is told to.

#pragma once

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "base/file_descriptor.h"

namespace client_plugin {

// For a program with one thread. While it lives, SIGCHLD and the signals that ask a program to end
// are blocked, and taken by Wait() only. Who has not called Go() when it goes ends the process.
class HeldProcess {
 public:
  // `command` is the program, found in PATH, and its arguments. kUnavailable if there can be no
  // process.
  static absl::StatusOr<HeldProcess> Start(const std::vector<std::string>& command);

  HeldProcess(HeldProcess&& other) = default;
  HeldProcess& operator=(HeldProcess&& other) = delete;
  ~HeldProcess();

  pid_t pid() const { return pid_; }

  // Lets it become the program. kNotFound or kPermissionDenied if there is none that can be run.
  absl::Status Go();

  // Waits until it has ended, and returns how: its exit status, or 128 and the number of the signal
  // that ended it. SIGTERM and SIGHUP are handed on to it; if it is not gone some seconds later it
  // returns none, and the process goes on. The keys that interrupt and quit concern the program
  // alone.
  std::optional<int> Wait();

 private:
  HeldProcess(pid_t pid, base::FileDescriptor go, base::FileDescriptor failure);

  std::optional<int> Reap(int options);

  pid_t pid_;
  bool is_ended_ = false;
  base::FileDescriptor go_;       // A byte written here lets it go.
  base::FileDescriptor failure_;  // The error of exec(3) comes here, or the end.
};

}  // namespace client_plugin
