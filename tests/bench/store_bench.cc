// What run_store.sh needs beside the programs. Usage:
//
//   store_bench shift DAYS < LOG            the log, some days later
//   store_bench fleet STORE HOSTS           a day of hosts that send little: blocks, hour by hour
//   store_bench recover STORE MB            how long a start takes with so much in no block
//   store_bench open STORE                  how long a start takes, and what memory it needs

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"

#include "storage/event_store.h"

namespace {

using std::chrono::steady_clock;

constexpr uint64_t kHourMs = 3'600'000;
constexpr uint64_t kDayMs = 24 * kHourMs;
constexpr uint64_t kFirstDayMs = 20'000 * kDayMs;

double Seconds(steady_clock::time_point since) {
  return std::chrono::duration<double>(steady_clock::now() - since).count();
}

void Require(const absl::Status& status) {
  if (status.ok()) return;
  std::cerr << "store_bench: " << std::string(status.message()) << '\n';
  std::exit(EXIT_FAILURE);
}

std::unique_ptr<storage::EventStore> Open(const std::string& path,
                                          const storage::StoreOptions& options) {
  auto store = storage::EventStore::Open(path, options);
  Require(store.status());
  return *std::move(store);
}

// In kB: VmRSS or VmHWM of /proc/self/status.
uint64_t Memory(std::string_view name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name)) return std::strtoull(line.c_str() + name.size() + 1, nullptr, 10);
  }
  return 0;
}

int Shift(int days) {
  std::ios::sync_with_stdio(false);
  constexpr std::string_view kStamp = "msg=audit(";
  for (std::string line; std::getline(std::cin, line);) {
    const size_t begin = line.find(kStamp) + kStamp.size();
    const size_t end = line.find('.', begin);
    int64_t seconds = 0;
    if (end != std::string::npos && absl::SimpleAtoi(line.substr(begin, end - begin), &seconds)) {
      line.replace(begin, end - begin, std::to_string(seconds + int64_t{days} * 86'400));
    }
    std::cout << line << '\n';
  }
  return EXIT_SUCCESS;
}

// An event of three records.
void AddEvent(uint64_t time_ms, uint32_t serial, storage::Batch* batch) {
  const std::string stamp =
      absl::StrFormat(" msg=audit(%d.%03d:%d): ", time_ms / 1000, time_ms % 1000, serial);
  batch->Add(
      "type=SYSCALL" + stamp +
      absl::StrFormat("arch=c000003e syscall=59 success=yes exit=0 a0=%x a1=%x a2=0 a3=8 "
                      "items=2 ppid=%d pid=%d auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 "
                      "egid=0 sgid=0 fsgid=0 tty=pts0 ses=%d comm=\"ls%d\" exe=\"/bin/ls%d\" "
                      "subj=unconfined key=\"exec\"",
                      serial * 4096U, serial * 64U, serial % 30'000, serial % 31'000, serial % 100,
                      serial % 50, serial % 50));
  batch->Add("type=CWD" + stamp + absl::StrFormat("cwd=\"/home/user%d\"", serial % 200));
  batch->Add("type=PROCTITLE" + stamp + "proctitle=6C73002D6C61");
}

storage::Delivery DeliveryOf(uint64_t host, uint64_t time_ms) {
  storage::Delivery delivery{.received_ms = time_ms};
  delivery.batches.emplace_back(
      storage::Identity{.kind = storage::IdentityKind::kNode, .name = absl::StrFormat("h%d", host)},
      "192.0.2.1");
  return delivery;
}

void PrintBlocks(const storage::EventStore& store, const std::string& when) {
  const auto stats = store.Stats();
  Require(stats.status());
  std::cout << absl::StrFormat(
      "%-22s %8d blocks, %6.0f records each, %8d records, %6.1f bytes a record on the disk\n", when,
      stats->blocks, static_cast<double>(stats->block_records) / static_cast<double>(stats->blocks),
      stats->block_records,
      static_cast<double>(stats->total_bytes) / static_cast<double>(stats->block_records));
}

// Each host has an event about every ten minutes, and is sealed each hour, as open_blocks_age asks.
int Fleet(const std::string& path, uint64_t hosts) {
  constexpr uint64_t kStepMs = kHourMs / 6;
  uint64_t now_ms = kFirstDayMs;
  storage::StoreOptions options;
  options.flush = storage::Flush::kNone;
  options.now_ms = [&now_ms] { return now_ms; };
  const auto store = Open(path, options);
  uint32_t serial = 0;
  while (now_ms < kFirstDayMs + kDayMs) {
    for (uint64_t host = 0; host < hosts; host += 100) {
      std::vector<storage::Delivery> deliveries;
      for (uint64_t i = host; i < std::min(host + 100, hosts); ++i) {
        deliveries.push_back(DeliveryOf(i, now_ms + i));
        AddEvent(now_ms + i, ++serial, &deliveries.back().batches[0]);
      }
      Require(store->Append(deliveries).status());
    }
    now_ms += kStepMs;
    if ((now_ms - kFirstDayMs) % kHourMs != 0) continue;
    Require(store->Settle({}));
    const uint64_t hour = (now_ms - kFirstDayMs) / kHourMs;
    if (hour % 4 == 0) PrintBlocks(*store, absl::StrFormat("after hour %d", hour));
  }
  now_ms += kHourMs;
  return EXIT_SUCCESS;
}

// The day is over for one that opens the store later.
int FleetAfterwards(const std::string& path) {
  const auto store = Open(path, {});
  Require(store->Settle({}));
  PrintBlocks(*store, "when the day is over");
  return EXIT_SUCCESS;
}

// A child fills the memory and ends like one that is killed.
int Recover(const std::string& path, uint64_t megabytes) {
  const pid_t child = fork();
  if (child == 0) {
    storage::StoreOptions options;
    options.flush = storage::Flush::kNone;
    options.open_bytes_max = size_t{1} << 40;
    const auto store = Open(path, options);
    uint64_t bytes = 0;
    for (uint32_t serial = 1; bytes < megabytes << 20;) {
      std::vector<storage::Delivery> deliveries;
      for (uint64_t host = 0; host < 1000; ++host) {
        deliveries.push_back(DeliveryOf(host, kFirstDayMs + serial));
        AddEvent(kFirstDayMs + serial, serial, &deliveries.back().batches[0]);
        bytes += deliveries.back().batches[0].encoded().size() + 3 * 96;
        ++serial;
      }
      Require(store->Append(deliveries).status());
    }
    _exit(EXIT_SUCCESS);
  }
  int status = 0;
  waitpid(child, &status, 0);
  storage::StoreOptions options;
  options.open_bytes_max = size_t{1} << 40;
  const auto start = steady_clock::now();
  const auto store = Open(path, options);
  const double opened = Seconds(start);
  uint64_t events = 0;
  Require(store->Search({.limit = 1}, [&](const storage::FoundEvent&) { return ++events == 0; }));
  const double searched = Seconds(start);
  const auto stats = store->Stats();
  Require(stats.status());
  std::cout << absl::StrFormat(
      "%d MB open (%d records): acknowledges after %.2f s, searches after %.2f s\n", megabytes,
      stats->open_records, opened, searched);
  return EXIT_SUCCESS;
}

int OpenOnly(const std::string& path) {
  const auto start = steady_clock::now();
  const auto store = Open(path, {});
  const double opened = Seconds(start);
  Require(store->Search({.limit = 1}, [](const storage::FoundEvent&) { return true; }));
  const auto stats = store->Stats();
  Require(stats.status());
  std::cout << absl::StrFormat(
      "%d records: open after %.3f s, first search after %.3f s, "
      "resident memory %d MB\n",
      stats->block_records, opened, Seconds(start), Memory("VmRSS:") >> 10);
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string command = argc > 1 ? argv[1] : "";
  if (command == "shift" && argc == 3) return Shift(std::atoi(argv[2]));
  if (command == "fleet" && argc == 4) {
    const int simulated = Fleet(argv[2], std::strtoull(argv[3], nullptr, 10));
    return simulated == EXIT_SUCCESS ? FleetAfterwards(argv[2]) : simulated;
  }
  if (command == "recover" && argc == 4) {
    return Recover(argv[2], std::strtoull(argv[3], nullptr, 10));
  }
  if (command == "open" && argc == 3) return OpenOnly(argv[2]);
  std::cerr
      << "usage: store_bench shift DAYS | fleet STORE HOSTS | recover STORE MB | open STORE\n";
  return EXIT_FAILURE;
}
