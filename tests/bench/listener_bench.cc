// listener_bench: how fast a server acknowledges records.
//
// It plays many stock clients: each has an address of its own in 127.0.0.0/8, sends one record
// and waits for its ack before it sends the next, as audisp-remote does. All of them share one
// thread and cost one send and one recv a record, because the server under test has to share the
// machine with them.
//
//   listener_bench --port P [--connections 1,16,100,1000] [--seconds 5] [--record-bytes 276]
//   listener_bench --port P --idle 10000 --pid PID
//
// The first form prints a table: acked records a second, and the latency of an ack. The second
// opens idle connections and prints what each of them costs the server (process PID) in resident
// memory.

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fcntl.h>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"

#include "audit/frame.h"
#include "tests/bench/options.h"
#include "tests/bench/stock_client.h"

namespace {

using audit::FrameBytes;
using audit::FrameHeader;
using audit::FrameType;
using bench::Client;
using bench::Clock;
using bench::Connect;
using bench::Descriptor;
using bench::ErrnoStatus;

struct Options {
  uint16_t port = 0;
  std::vector<uint32_t> connections = {1, 16, 100, 1000};
  uint32_t seconds = 5;
  uint32_t record_bytes = 276;  // The records of the measurement that this is compared with.
  uint32_t idle = 0;            // 0: measure acks.
  uint32_t pid = 0;
};

// What one run with a number of connections has measured.
struct Run {
  double seconds = 0;
  std::vector<uint64_t> latencies_ns;  // One for each ack.
};

// Lets the clients, of which each has a record in flight, send until the time is over.
absl::StatusOr<Run> Drive(const std::vector<std::unique_ptr<Client>>& clients,
                          std::chrono::seconds duration) {
  const Descriptor poll(epoll_create1(EPOLL_CLOEXEC));
  if (poll.get() < 0) return ErrnoStatus("epoll_create1");
  for (const std::unique_ptr<Client>& client : clients) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = client.get();
    if (epoll_ctl(poll.get(), EPOLL_CTL_ADD, client->fd(), &event) != 0) {
      return ErrnoStatus("epoll_ctl");
    }
  }

  Run run;
  run.latencies_ns.reserve(1 << 20);
  const Clock::time_point start = Clock::now();
  for (const auto& client : clients) {
    if (absl::Status sent = client->Send(); !sent.ok()) return sent;
  }
  std::array<epoll_event, 256> events;
  while (Clock::now() - start < duration) {
    const int count = epoll_wait(poll.get(), events.data(), events.size(), 100);
    if (count < 0 && errno != EINTR) return ErrnoStatus("epoll_wait");
    for (const epoll_event& event : std::span(events).first(std::max(count, 0))) {
      auto* const client = static_cast<Client*>(event.data.ptr);
      const absl::StatusOr<bool> acked = client->ReceiveAck();
      if (!acked.ok()) return acked.status();
      if (!*acked) continue;
      run.latencies_ns.push_back(static_cast<uint64_t>(
          std::chrono::nanoseconds(Clock::now() - client->sent_at()).count()));
      if (absl::Status sent = client->Send(); !sent.ok()) return sent;
    }
  }
  run.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return run;
}

void Print(size_t connections, Run run) {
  std::sort(run.latencies_ns.begin(), run.latencies_ns.end());
  const auto microseconds_at = [&run](double quantile) {
    if (run.latencies_ns.empty()) return 0.0;
    const auto last = static_cast<double>(run.latencies_ns.size() - 1);
    return static_cast<double>(run.latencies_ns[static_cast<size_t>(quantile * last)]) / 1e3;
  };
  const double rate = static_cast<double>(run.latencies_ns.size()) / run.seconds;
  std::printf("%11zu %14.0f %10.0f %10.0f %10.0f\n", connections, rate, microseconds_at(0.5),
              microseconds_at(0.99), microseconds_at(1));
  std::fflush(stdout);
}

absl::Status MeasureAcks(const Options& options) {
  std::printf("%11s %14s %10s %10s %10s\n", "connections", "acked/s", "p50 us", "p99 us", "max us");
  uint32_t address_number = 0;
  for (const uint32_t connections : options.connections) {
    std::vector<std::unique_ptr<Client>> clients;
    for (uint32_t i = 0; i < connections; ++i) {
      absl::StatusOr<Descriptor> socket = Connect(options.port, ++address_number);
      if (!socket.ok()) return socket.status();
      if (fcntl(socket->get(), F_SETFL, O_NONBLOCK) != 0) return ErrnoStatus("fcntl");
      clients.push_back(std::make_unique<Client>(*std::move(socket), options.record_bytes));
    }
    absl::StatusOr<Run> run = Drive(clients, std::chrono::seconds(options.seconds));
    if (!run.ok()) return run.status();
    Print(connections, *std::move(run));
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> ResidentBytes(uint32_t pid) {
  std::ifstream status(absl::StrFormat("/proc/%d/status", pid));
  for (std::string line; std::getline(status, line);) {
    uint64_t kilobytes = 0;
    if (std::sscanf(line.c_str(), "VmRSS: %lu kB", &kilobytes) == 1) return kilobytes * 1024;
  }
  return absl::NotFoundError(absl::StrFormat("no process %d", pid));
}

// Sends a heartbeat and waits for its ack.
absl::Status Beat(const Descriptor& socket) {
  const FrameHeader beat = {.type = FrameType::kHeartbeat, .sequence = 1};
  const FrameBytes bytes = audit::EncodeFrameHeader(beat);
  if (send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(bytes.size())) {
    return ErrnoStatus("send");
  }
  FrameBytes ack;
  if (recv(socket.get(), ack.data(), ack.size(), MSG_WAITALL) != static_cast<ssize_t>(ack.size())) {
    return absl::UnavailableError("no ack of a heartbeat");
  }
  return absl::OkStatus();
}

absl::Status MeasureIdle(const Options& options) {
  std::vector<Descriptor> sockets;
  sockets.reserve(options.idle);
  const absl::StatusOr<uint64_t> before = ResidentBytes(options.pid);
  if (!before.ok()) return before.status();
  for (uint32_t i = 1; i <= options.idle; ++i) {
    absl::StatusOr<Descriptor> socket = Connect(options.port, i);
    if (!socket.ok()) return socket.status();
    if (absl::Status beat = Beat(*socket); !beat.ok()) return beat;
    sockets.push_back(*std::move(socket));
  }
  const absl::StatusOr<uint64_t> after = ResidentBytes(options.pid);
  if (!after.ok()) return after.status();
  const double growth = static_cast<double>(*after) - static_cast<double>(*before);
  std::printf("%u idle connections: resident %.1f MB before, %.1f MB with them, %.0f B each\n",
              options.idle, static_cast<double>(*before) / 1e6, static_cast<double>(*after) / 1e6,
              growth / options.idle);
  return absl::OkStatus();
}

// Thousands of sockets need more descriptors than a shell gives by default.
void RaiseDescriptorLimit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

bool ParseList(std::string_view text, std::vector<uint32_t>* numbers) {
  numbers->clear();
  for (;;) {
    const size_t comma = std::min(text.find(','), text.size());
    if (!bench::ParseNumber(text.substr(0, comma), &numbers->emplace_back())) return false;
    if (comma == text.size()) return true;
    text.remove_prefix(comma + 1);
  }
}

// True if the arguments are those at the top of this file.
bool ParseOptions(int argc, char** argv, Options* options) {
  const auto set = [options](std::string_view name, std::string_view value) {
    if (name == "--port") return bench::ParseNumber(value, &options->port);
    if (name == "--connections") return ParseList(value, &options->connections);
    if (name == "--seconds") return bench::ParseNumber(value, &options->seconds);
    if (name == "--record-bytes") return bench::ParseNumber(value, &options->record_bytes);
    if (name == "--idle") return bench::ParseNumber(value, &options->idle);
    if (name == "--pid") return bench::ParseNumber(value, &options->pid);
    return false;
  };
  return bench::ReadOptions(argc, argv, set) && options->port != 0 &&
         options->record_bytes <= audit::kRecordBytesMax &&
         (options->idle == 0) == (options->pid == 0);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!ParseOptions(argc, argv, &options)) {
    std::fprintf(stderr,
                 "usage: listener_bench --port P [--connections N,...] [--seconds S]"
                 " [--record-bytes B] | --port P --idle N --pid PID\n");
    return 2;
  }
  RaiseDescriptorLimit();
  const absl::Status done = options.idle > 0 ? MeasureIdle(options) : MeasureAcks(options);
  if (!done.ok()) {
    std::fprintf(stderr, "listener_bench: %s\n", std::string(done.message()).c_str());
    return 1;
  }
  return 0;
}
