// How long the deletion of a day of a fleet takes, and what those who append notice of it.
//
//   retention_bench --store DIR [--hosts N] [--days N] [--events N]
//
// Makes a store of so many hosts and days, with so many events of four records on each, every
// fourth with the key "noise". Deletes the first day of all hosts by a retention policy, and then
// takes "noise" out of the second one, while another thread appends one record at a time with flush
// SYNC. DIR must be missing; it stays.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/strings/str_format.h"

#include "storage/event_store.h"
#include "tests/bench/options.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr uint64_t kDayMs = 86'400'000;
constexpr uint64_t kFirstDay = 20'000;

// How long appends are watched before the deletion, and after it.
constexpr std::chrono::seconds kWatched{3};

struct Options {
  std::string store;
  uint32_t hosts = 1000;
  uint32_t days = 4;
  uint32_t events = 250;
};

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

storage::Identity HostOf(uint32_t number) {
  return {.kind = storage::IdentityKind::kNode, .name = absl::StrFormat("host%04d", number)};
}

// What a command leaves, as auditd writes it.
void AddEvent(const std::string& node, uint64_t time_ms, uint32_t serial, storage::Batch* batch) {
  const std::string stamp =
      absl::StrFormat("msg=audit(%d.%03d:%d):", time_ms / 1000, time_ms % 1000, serial);
  const uint32_t pid = 1000 + serial * 7 % 30'000;
  batch->Add(absl::StrFormat(
      "node=%s type=SYSCALL %s arch=c000003e syscall=59 success=yes exit=0 a0=55d%05x a1=55e%05x "
      "a2=55f%05x a3=8 items=1 ppid=%d pid=%d auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 "
      "sgid=0 fsgid=0 tty=pts0 ses=%d comm=\"cmd%d\" exe=\"/usr/bin/cmd%d\" key=\"%s\"",
      node, stamp, serial * 31 % 99'991, serial * 37 % 99'991, serial * 41 % 99'991, pid - 1, pid,
      serial % 50, serial % 40, serial % 40, serial % 4 == 0 ? "noise" : "exec"));
  batch->Add(absl::StrFormat("node=%s type=CWD %s cwd=\"/srv/%d\"", node, stamp, serial % 100));
  batch->Add(absl::StrFormat(
      "node=%s type=PATH %s item=0 name=\"/usr/bin/cmd%d\" inode=%d dev=fd:00 mode=0100755 ouid=0 "
      "ogid=0 rdev=00:00 nametype=NORMAL",
      node, stamp, serial % 40, 100'000 + serial % 40));
  batch->Add(
      absl::StrFormat("node=%s type=PROCTITLE %s proctitle=636D64%06X", node, stamp, serial));
}

absl::Status Fill(storage::EventStore& store, const Options& options) {
  uint32_t serial = 0;
  for (uint32_t day = 0; day < options.days; ++day) {
    for (uint32_t host = 0; host < options.hosts; ++host) {
      std::vector<storage::Delivery> deliveries(1);
      deliveries[0].received_ms = (kFirstDay + day) * kDayMs + kDayMs / 2;
      storage::Batch& batch = deliveries[0].batches.emplace_back(HostOf(host), "192.0.2.1");
      for (uint32_t event = 0; event < options.events; ++event) {
        const uint64_t time_ms = (kFirstDay + day) * kDayMs + event * (kDayMs / options.events);
        AddEvent(batch.host().name, time_ms, ++serial, &batch);
      }
      const auto appended = store.Append(deliveries);
      if (!appended.ok()) return appended.status();
    }
  }
  return store.Settle({});
}

constexpr size_t kPhases = 4;

// Appends one record after the other, and writes down how long each took.
class Appender {
 public:
  Appender(storage::EventStore& store, uint64_t now_ms)
      : store_(store), now_ms_(now_ms), thread_([this] { Run(); }) {}
  ~Appender() { Stop(); }

  // What ends from now on is of another phase, below kPhases.
  void Enter(size_t phase) { phase_ = phase; }

  void Stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }

  // In milliseconds, by phase. Of an appender that was stopped.
  const std::vector<std::vector<double>>& took_ms() const { return took_ms_; }

 private:
  void Run() {
    for (uint32_t serial = 1; !stop_; ++serial) {
      std::vector<storage::Delivery> deliveries(1);
      deliveries[0].received_ms = now_ms_;
      deliveries[0].batches.emplace_back(HostOf(9999), "192.0.2.2");
      deliveries[0].batches[0].Add(
          absl::StrFormat("type=USER_LOGIN msg=audit(%d.000:%d): pid=1", now_ms_ / 1000, serial));
      const auto start = Clock::now();
      if (!store_.Append(deliveries).ok()) return;
      took_ms_[phase_].push_back(SecondsSince(start) * 1000);
    }
  }

  storage::EventStore& store_;
  const uint64_t now_ms_;
  std::vector<std::vector<double>> took_ms_{kPhases};
  std::atomic<size_t> phase_ = 0;
  std::atomic<bool> stop_ = false;
  std::thread thread_;  // Last: runs Run() from here on.
};

void Print(const char* when, std::vector<double> ms) {
  if (ms.empty()) {
    std::printf("%-9s no append ended\n", when);
    return;
  }
  std::ranges::sort(ms);
  const auto at = [&](double share) {
    return ms[static_cast<size_t>(share * static_cast<double>(ms.size() - 1))];
  };
  std::printf("%-9s %7zu appends, p50 %.2f ms, p99 %.2f ms, slowest %.2f ms\n", when, ms.size(),
              at(0.5), at(0.99), at(1));
}

// Applies a policy, and tells what it has deleted in how long.
absl::Status Apply(storage::EventStore& store, const char* what,
                   const storage::RetentionRule& rule) {
  uint64_t hosts = 0;
  uint64_t records = 0;
  uint64_t bytes = 0;
  const auto start = Clock::now();
  const absl::Status applied =
      store.ApplyRetention({{rule}}, {}, [&](const storage::Deletion& deletion) {
        ++hosts;
        records += deletion.records;
        bytes += deletion.bytes;
      });
  if (!applied.ok()) return applied;
  std::printf("%s of %llu hosts: %llu records, %.1f MB of columns less, in %.3f s\n", what,
              static_cast<unsigned long long>(hosts), static_cast<unsigned long long>(records),
              static_cast<double>(bytes) / 1e6, SecondsSince(start));
  return absl::OkStatus();
}

absl::Status Measure(const Options& options) {
  const uint64_t today = kFirstDay + options.days;
  const uint64_t now_ms = today * kDayMs + kDayMs / 2;
  const auto store = storage::EventStore::Open(options.store, {.now_ms = [=] { return now_ms; }});
  if (!store.ok()) return store.status();
  const absl::Status filled = Fill(**store, options);
  if (!filled.ok()) return filled;
  const auto days_max = static_cast<uint32_t>(options.days - 1);

  Appender appender(**store, now_ms);
  std::this_thread::sleep_for(kWatched);
  appender.Enter(1);
  absl::Status applied = Apply(**store, "deleted a day", {.name = "all", .days_max = days_max});
  if (!applied.ok()) return applied;
  appender.Enter(2);
  applied = Apply(**store, "trimmed a day",
                  {.name = "noise", .keys = {"noise"}, .days_max = days_max - 1});
  if (!applied.ok()) return applied;
  appender.Enter(3);
  std::this_thread::sleep_for(kWatched);
  appender.Stop();
  Print("before", appender.took_ms()[0]);
  Print("deletion", appender.took_ms()[1]);
  Print("trimming", appender.took_ms()[2]);
  Print("after", appender.took_ms()[3]);
  return absl::OkStatus();
}

// True if the arguments are those at the top of this file.
bool ParseOptions(int argc, char** argv, Options* options) {
  const auto set = [options](std::string_view name, std::string_view value) {
    if (name == "--store") options->store = value;
    if (name == "--store") return true;
    if (name == "--hosts") return bench::ParseNumber(value, &options->hosts);
    if (name == "--days") return bench::ParseNumber(value, &options->days);
    if (name == "--events") return bench::ParseNumber(value, &options->events);
    return false;
  };
  return bench::ReadOptions(argc, argv, set) && !options->store.empty() && options->days > 2 &&
         options->events > 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!ParseOptions(argc, argv, &options)) {
    std::fprintf(stderr,
                 "usage: retention_bench --store DIR [--hosts N] [--days N] [--events N]\n");
    return 2;
  }
  const absl::Status done = Measure(options);
  if (!done.ok()) {
    std::fprintf(stderr, "retention_bench: %s\n", std::string(done.message()).c_str());
    return 1;
  }
  return 0;
}
