// A process in a control group that is named as docker names those of containers.

#pragma once

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace client_plugin {

// Both are gone with the test.
class ContainerProcess {
 public:
  // `id`: 64 hex digits that no other test uses.
  explicit ContainerProcess(const std::string& id) {
    if (!MakeGroup("docker-" + id + ".scope") || pipe(pipe_) != 0) return;
    pid_ = fork();
    if (pid_ == 0) {
      char go = 0;
      if (read(pipe_[0], &go, 1) != 1) _exit(1);
      dup2(pipe_[0], STDIN_FILENO);
      close(pipe_[1]);
      execl("/bin/cat", "cat", nullptr);
      _exit(1);
    }
    std::ofstream procs(group_ + "/cgroup.procs");
    procs << pid_ << std::flush;
    is_there_ = procs.good();
  }
  ~ContainerProcess() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    for (const int fd : pipe_) {
      if (fd >= 0) close(fd);
    }
    if (!group_.empty()) rmdir(group_.c_str());
  }
  ContainerProcess(const ContainerProcess&) = delete;
  ContainerProcess& operator=(const ContainerProcess&) = delete;

  // Whether control groups can be made here.
  bool is_there() const { return is_there_; }

  uint32_t pid() const { return static_cast<uint32_t>(pid_); }

  // Has it execute cat, which then waits for its end. Once only.
  bool Execute() const { return write(pipe_[1], "x", 1) == 1; }

 private:
  // In version 2 of the kernel's control groups, or any hierarchy of version 1.
  bool MakeGroup(const std::string& name) {
    for (const std::string root :
         {"/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/pids"}) {
      std::error_code failed;
      if (!std::filesystem::exists(root + "/cgroup.procs", failed)) continue;
      if (!std::filesystem::create_directory(root + "/" + name, failed)) continue;
      group_ = root + "/" + name;
      return true;
    }
    return false;
  }

  std::string group_;
  int pipe_[2] = {-1, -1};
  pid_t pid_ = -1;
  bool is_there_ = false;
};

// 64 digits that end in the number of this process.
inline std::string ContainerIdOfTest(char digit) {
  const std::string pid = std::to_string(getpid());
  return std::string(64 - pid.size(), digit) + pid;
}

}  // namespace client_plugin
