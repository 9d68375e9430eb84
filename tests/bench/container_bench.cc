// container_bench: what it costs to tell the container of an event.
//
//   container_bench
//
// Asks for this process, which is in no container or in one, as it is, and prints the medians of
// some runs.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <libaudit.h>
#include <string>
#include <unistd.h>
#include <vector>

#include "client-plugin/container_ids.h"

namespace {

constexpr int kRuns = 9;
constexpr int kRecords = 20'000;

void Measure(uint16_t type, const std::string& line, const char* what) {
  client_plugin::ContainerIds ids;
  std::string out;
  std::vector<double> times_us;
  for (int i = 0; i < kRuns; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    for (int record = 0; record < kRecords; ++record) {
      out.clear();
      ids.AppendRecord(type, line, &out);
    }
    times_us.push_back(
        std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin)
            .count() /
        kRecords);
  }
  std::sort(times_us.begin(), times_us.end());
  std::printf("%-32s %7.3f us a record  (%llu lookups)\n", what, times_us[kRuns / 2],
              static_cast<unsigned long long>(ids.counters().lookups));
}

std::string Syscall(const char* number) {
  return std::string("type=SYSCALL msg=audit(1788100000.123:77): arch=c000003e syscall=") + number +
         " success=yes exit=0 a0=55d0c8a0b2a0 a1=55d0c8a0b2c0 a2=55d0c8a0b2e0 a3=8 items=2 "
         "ppid=1 pid=" +
         std::to_string(getpid()) +
         " auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=3 "
         "comm=\"cat\" exe=\"/usr/bin/cat\" subj=unconfined key=\"exec\"";
}

}  // namespace

int main() {
  Measure(AUDIT_SYSCALL, Syscall("59"), "execve");
  Measure(AUDIT_SYSCALL, Syscall("257"), "another system call");
  Measure(AUDIT_PATH, "type=PATH msg=audit(1788100000.123:77): item=0", "another record");
  return EXIT_SUCCESS;
}
