// spool_bench: fills a spool, as an agent does that cannot reach its collector.
//
//   spool_bench --directory D [--records 1000000] [--log FILE]
//
// LOG is repeated as often as it takes; without one, it makes the events of a busy host up. Prints
// the records and bytes a second that were appended. What it leaves is for an agent to deliver: see
// run_agent.py.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"

#include "client-plugin/spool.h"
#include "client-plugin/worker.h"

namespace {

using Clock = std::chrono::steady_clock;

// More of a log is not needed, and would need the memory.
constexpr size_t kLinesMax = 1'000'000;

struct Options {
  std::string directory;
  std::string log;
  uint64_t records = 1'000'000;
};

std::vector<std::string> ReadLog(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream file(path, std::ios::binary);
  for (std::string line; lines.size() < kLinesMax && std::getline(file, line);) {
    if (!line.empty()) lines.push_back(std::move(line));
  }
  return lines;
}

// Each is an execve of one argument, with the six records that it has.
std::vector<std::string> MakeLines() {
  std::vector<std::string> lines;
  for (int event = 0; event < 10'000; ++event) {
    const std::string stamp = absl::StrCat(" msg=audit(", 1'788'100'000 + event / 1000, ".",
                                           100 + event % 900, ":", 1000 + event, "): ");
    lines.push_back(absl::StrCat(
        "type=SYSCALL", stamp,
        "arch=c000003e syscall=59 success=yes exit=0 a0=55d0c8a0b2a0 a1=55d0c8a0b2c0 "
        "a2=55d0c8a0b2e0 a3=8 items=2 ppid=",
        800 + event % 100, " pid=", 2000 + event,
        " auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=3 "
        "comm=\"cat\" exe=\"/usr/bin/cat\" subj=unconfined key=\"exec\""));
    lines.push_back(absl::StrCat("type=EXECVE", stamp, "argc=2 a0=\"cat\" a1=\"/etc/hostname\""));
    lines.push_back(absl::StrCat("type=CWD", stamp, "cwd=\"/root\""));
    for (int item = 0; item < 2; ++item) {
      lines.push_back(absl::StrCat(
          "type=PATH", stamp, "item=", item, " name=\"/usr/bin/cat\" inode=", 500 + item,
          " dev=fe:00 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL cap_fp=0 cap_fi=0 "
          "cap_fe=0 cap_fver=0 cap_frootid=0"));
    }
    lines.push_back(
        absl::StrCat("type=PROCTITLE", stamp, "proctitle=636174002F6574632F686F73746E616D65"));
  }
  return lines;
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return EXIT_FAILURE;
}

int Run(const Options& options) {
  const std::vector<std::string> lines = options.log.empty() ? MakeLines() : ReadLog(options.log);
  if (lines.empty()) return Fail(absl::NotFoundError("nothing in " + options.log));
  auto spool = client_plugin::Spool::Open(
      {.directory = options.directory, .boot_id = "bench", .bytes_max = uint64_t{64} << 30});
  if (!spool.ok()) return Fail(spool.status());

  const client_plugin::WorkerOptions limits;
  const Clock::time_point began = Clock::now();
  client_plugin::SpoolBatch batch;
  for (uint64_t i = 0; i < options.records; ++i) {
    batch.Add(lines[i % lines.size()]);
    const bool is_full =
        batch.record_count() >= limits.batch_records || batch.body().size() >= limits.batch_bytes;
    if (!is_full && i + 1 < options.records) continue;
    if (const absl::Status appended = (*spool)->Append(&batch); !appended.ok()) {
      return Fail(appended);
    }
    batch = client_plugin::SpoolBatch();
  }
  if (const absl::Status synced = (*spool)->Sync(); !synced.ok()) return Fail(synced);
  const double seconds = std::chrono::duration<double>(Clock::now() - began).count();
  const client_plugin::SpoolCounters counters = (*spool)->counters();
  std::printf("appended %.0f records/s, %.0f MB/s\n",
              static_cast<double>(options.records) / seconds,
              static_cast<double>(counters.bytes) / 1e6 / seconds);
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    if (name == "--directory") options.directory = argv[i + 1];
    if (name == "--log") options.log = argv[i + 1];
    if (name == "--records") options.records = std::strtoull(argv[i + 1], nullptr, 10);
  }
  if (options.directory.empty() || options.records == 0) {
    std::fprintf(stderr, "usage: spool_bench --directory D [--records N] [--log FILE]\n");
    return 2;
  }
  return Run(options);
}
