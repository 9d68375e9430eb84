// filter_bench: what filters cost a record.
//
//   filter_bench
//
// Judges the records of events as the kernel writes them, six each, and prints for some sets of
// filters the median of some runs. The last line has the cost of reading one SYSCALL record.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "audit/record.h"
#include "audit/record_type.h"
#include "client-plugin/filters.h"
#include "client-plugin/process_fields.h"

namespace {

constexpr int kRuns = 9;
constexpr uint32_t kEvents = 50'000;

struct Line {
  uint16_t type;
  std::string text;
};

// Records of an execve, each of a different event.
std::vector<Line> MakeLines() {
  const std::pair<const char*, const char*> records[] = {
      {"SYSCALL",
       "arch=c000003e syscall=59 success=yes exit=0 a0=55d0c8a0b2a0 a1=55d0c8a0b2c0 "
       "a2=55d0c8a0b2e0 a3=8 items=2 ppid=4242 pid=4243 auid=1000 uid=0 gid=0 euid=0 suid=0 "
       "fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=3 comm=\"cat\" exe=\"/usr/bin/cat\" "
       "subj=unconfined key=\"exec\""},
      {"EXECVE", "argc=2 a0=\"cat\" a1=\"/etc/hostname\""},
      {"CWD", "cwd=\"/root\""},
      {"PATH",
       "item=0 name=\"/usr/bin/cat\" inode=1234 dev=fe:00 mode=0100755 ouid=0 ogid=0 rdev=00:00 "
       "nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0"},
      {"PROCTITLE", "proctitle=636174002F6574632F686F73746E616D65"},
      {"EOE", ""},
  };
  std::vector<Line> lines;
  for (uint32_t serial = 1; serial <= kEvents; ++serial) {
    for (const auto& [type, body] : records) {
      lines.push_back({.type = static_cast<uint16_t>(*audit::RecordTypeNumber(type)),
                       .text = std::string("type=") + type + " msg=audit(1788100000.123:" +
                               std::to_string(serial) + "): " + body});
    }
  }
  return lines;
}

double MedianNs(uint64_t records, const auto& run) {
  std::vector<double> times_ns;
  for (int i = 0; i < kRuns; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    run();
    times_ns.push_back(
        std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count() /
        static_cast<double>(records));
  }
  std::sort(times_ns.begin(), times_ns.end());
  return times_ns[kRuns / 2];
}

void Measure(const std::vector<Line>& lines, const std::vector<std::string>& texts,
             const char* what) {
  absl::StatusOr<client_plugin::Filters> filters = client_plugin::Filters::Parse(texts);
  if (!filters.ok()) {
    std::fprintf(stderr, "filter_bench: %s\n", filters.status().ToString().c_str());
    std::exit(EXIT_FAILURE);
  }
  uint64_t dropped = 0;
  const double time_ns = MedianNs(lines.size(), [&] {
    dropped = 0;
    for (const Line& line : lines) dropped += filters->Drops(line.type, line.text) ? 1 : 0;
  });
  std::printf("%-44s %7.1f ns a record  (%llu of %zu dropped)\n", what, time_ns,
              static_cast<unsigned long long>(dropped), lines.size());
}

}  // namespace

int main() {
  const std::vector<Line> lines = MakeLines();
  Measure(lines, {}, "no filter");
  Measure(lines, {"type=CWD,PROCTITLE"}, "types only");
  Measure(lines, {"key=noise"}, "a key, not met");
  Measure(lines, {"key=exec"}, "a key, met");
  const std::vector<std::string> some = {"keep type=USER_*",          "type=PROCTITLE",
                                         "exe=/usr/bin/backup uid=0", "exe=/opt/app/*",
                                         "key=noise syscall=openat",  "auid!=unset exe=/*/python*"};
  Measure(lines, some, "six, of which one is met");
  Measure(lines, std::vector<std::string>(client_plugin::Filters::kFiltersMax, "exe=/opt/app/*"),
          "64 programs, not met");

  uint64_t pids = 0;
  const double time_ns = MedianNs(kEvents, [&] {
    for (size_t i = 0; i < lines.size(); i += 6) {
      const auto record = audit::ParseRecord(lines[i].text);
      pids += client_plugin::ReadProcessFields(*record).pid.value_or(0);
    }
  });
  std::printf("%-44s %7.1f ns a SYSCALL record  (%llu)\n", "reading", time_ns,
              static_cast<unsigned long long>(pids));
  return EXIT_SUCCESS;
}
