// A thread that waits as one does for a disk that does not answer: no signal ends it.

#pragma once

#include <array>
#include <atomic>
#include <csignal>
#include <fstream>
#include <sched.h>
#include <string>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <tuple>
#include <unistd.h>

namespace server {

// Until Answer() is called. The kernel has such waits without a disk: the parent's in vfork(2).
class DiskWait {
 public:
  DiskWait() {
    std::array<int, 2> ends{};
    if (pipe(ends.data()) != 0) return;
    child_end_ = ends[0];
    our_end_ = ends[1];
    thread_ = std::thread([this] {
      thread_id_ = static_cast<pid_t>(syscall(SYS_gettid));
      const pid_t child = clone(&ReadOne, stack_.data() + stack_.size(),
                                CLONE_VM | CLONE_VFORK | SIGCHLD, &child_end_);
      waitpid(child, nullptr, 0);
    });
  }

  ~DiskWait() { Answer(); }

  // Returns when it has begun. False, where the kernel does not show such waits.
  bool CanBegin() const {
    for (int looks = 0; looks < kLooksMax; ++looks) {
      std::ifstream status("/proc/self/task/" + std::to_string(thread_id_) + "/status");
      for (std::string line; std::getline(status, line);) {
        if (line.starts_with("State:\tD")) return true;
      }
      std::this_thread::yield();
    }
    return false;
  }

  void Answer() {
    if (!thread_.joinable()) return;
    std::ignore = write(our_end_, "", 1);
    thread_.join();
    close(our_end_);
    close(child_end_);
  }

 private:
  // Seconds on any machine, where a thread takes milliseconds to begin.
  static constexpr int kLooksMax = 200'000;

  // In the memory of its parent, so without what a sanitizer would do in it.
  static int ReadOne(void* end) {
    char byte = 0;
    syscall(SYS_read, *static_cast<int*>(end), &byte, 1);
    syscall(SYS_exit, 0);
    return 0;
  }

  alignas(16) std::array<char, 65536> stack_{};
  int child_end_ = -1;
  int our_end_ = -1;
  std::atomic<pid_t> thread_id_ = 0;
  std::thread thread_;
};

}  // namespace server
