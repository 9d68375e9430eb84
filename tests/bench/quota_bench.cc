// quota_bench: what quiet hosts notice of one that floods.
//
// The quiet ones are stock clients with an address each: they send so many records a second, at
// times of their own, and wait for each acknowledgement. The noisy one has a connection too, sends
// all that its socket takes, and connects again when it is told to come later.
//
//   quota_bench --port P [--quiet 99] [--rate 5] [--seconds 10] [--flood 0]
//
// With --flood 1 there is the noisy one. It prints a line: acknowledgements of the quiet ones,
// their latency from the time at which a record was due, and the records of the noisy one a second.

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fcntl.h>
#include <memory>
#include <poll.h>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "audit/frame.h"
#include "tests/bench/options.h"
#include "tests/bench/stock_client.h"

namespace {

using bench::Client;
using bench::Clock;
using bench::Connect;
using bench::Descriptor;
using bench::ErrnoStatus;

constexpr size_t kRecordBytes = 276;

// What the noisy one makes at once: about a read of the server.
constexpr size_t kFramesMade = 256;

constexpr uint32_t kNoisyAddress = 60'000;

struct Options {
  uint16_t port = 0;
  uint32_t quiet = 99;
  uint32_t rate = 5;
  uint32_t seconds = 10;
  uint32_t flood = 0;
};

absl::StatusOr<Descriptor> ConnectQuietly(uint16_t port, uint32_t address_number) {
  absl::StatusOr<Descriptor> socket = Connect(port, address_number);
  if (!socket.ok()) return socket;
  if (fcntl(socket->get(), F_SETFL, O_NONBLOCK) != 0) return ErrnoStatus("fcntl");
  return socket;
}

// Sends from its construction until its end, on a thread of its own.
class Flood {
 public:
  explicit Flood(uint16_t port) : port_(port), thread_([this] { Run(); }) {}
  ~Flood() {
    stopping_ = true;
    thread_.join();
  }

  // Frames that the server has sent: acknowledgements, and now and then that it may come later.
  uint64_t replies() const { return reply_bytes_ / audit::kFrameHeaderBytes; }

 private:
  void Run() {
    while (!stopping_) {
      absl::StatusOr<Descriptor> socket = ConnectQuietly(port_, kNoisyAddress);
      if (!socket.ok()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        continue;
      }
      Serve(*socket);
    }
  }

  // Until the connection ends.
  void Serve(const Descriptor& socket) {
    Client maker(Descriptor(-1), kRecordBytes);
    std::string frames;
    std::string_view rest;
    std::array<char, 65536> replies;
    while (!stopping_) {
      pollfd state = {.fd = socket.get(), .events = POLLIN | POLLOUT, .revents = 0};
      if (poll(&state, 1, 100) < 0) return;
      if ((state.revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
        const ssize_t got = recv(socket.get(), replies.data(), replies.size(), 0);
        if (got <= 0) return;
        reply_bytes_ += static_cast<uint64_t>(got);
      }
      if ((state.revents & POLLOUT) == 0) continue;
      if (rest.empty()) {
        frames.clear();
        for (size_t i = 0; i < kFramesMade; ++i) frames += maker.MakeNext();
        rest = frames;
      }
      const ssize_t sent = send(socket.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
      if (sent > 0) rest.remove_prefix(static_cast<size_t>(sent));
    }
  }

  const uint16_t port_;
  std::atomic<bool> stopping_ = false;
  std::atomic<uint64_t> reply_bytes_ = 0;
  std::thread thread_;
};

struct Quiet {
  std::unique_ptr<Client> client;
  Clock::time_point due;
  bool is_waiting = false;  // For an acknowledgement.
};

// Latencies in nanoseconds, from when a record was due: one that could not be sent in time waits,
// too.
absl::StatusOr<std::vector<uint64_t>> Drive(std::span<Quiet> quiet, const Options& options) {
  const Descriptor poll(epoll_create1(EPOLL_CLOEXEC));
  const std::chrono::nanoseconds interval(1'000'000'000 / options.rate);
  std::minstd_rand random(1);
  std::uniform_int_distribution<int64_t> offset(0, interval.count());
  const Clock::time_point end = Clock::now() + std::chrono::seconds(options.seconds);
  for (Quiet& one : quiet) {
    one.due = Clock::now() + std::chrono::nanoseconds(offset(random));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &one;
    if (epoll_ctl(poll.get(), EPOLL_CTL_ADD, one.client->fd(), &event) != 0) {
      return ErrnoStatus("epoll_ctl");
    }
  }
  std::vector<uint64_t> latencies;
  std::array<epoll_event, 256> events;
  for (Clock::time_point now = Clock::now(); now < end; now = Clock::now()) {
    for (Quiet& one : quiet) {
      if (one.is_waiting || one.due > now) continue;
      if (absl::Status sent = one.client->Send(); !sent.ok()) return sent;
      one.is_waiting = true;
    }
    const int count = epoll_wait(poll.get(), events.data(), events.size(), 1);
    if (count < 0 && errno != EINTR) return ErrnoStatus("epoll_wait");
    for (const epoll_event& event : std::span(events).first(std::max(count, 0))) {
      auto& one = *static_cast<Quiet*>(event.data.ptr);
      const absl::StatusOr<bool> acked = one.client->ReceiveAck();
      if (!acked.ok()) return acked.status();
      if (!*acked) continue;
      latencies.push_back(
          static_cast<uint64_t>(std::chrono::nanoseconds(Clock::now() - one.due).count()));
      one.due += interval;
      one.is_waiting = false;
    }
  }
  return latencies;
}

absl::Status Measure(const Options& options) {
  std::vector<Quiet> quiet(options.quiet);
  for (uint32_t i = 0; i < options.quiet; ++i) {
    absl::StatusOr<Descriptor> socket = ConnectQuietly(options.port, i + 1);
    if (!socket.ok()) return socket.status();
    quiet[i].client = std::make_unique<Client>(*std::move(socket), kRecordBytes);
  }
  std::unique_ptr<Flood> flood;
  if (options.flood > 0) flood = std::make_unique<Flood>(options.port);
  absl::StatusOr<std::vector<uint64_t>> latencies = Drive(quiet, options);
  const uint64_t flooded = flood == nullptr ? 0 : flood->replies();
  flood.reset();
  if (!latencies.ok()) return latencies.status();
  if (latencies->empty()) return absl::UnavailableError("no acknowledgement");
  std::sort(latencies->begin(), latencies->end());
  const auto ms_at = [&](double quantile) {
    const auto last = static_cast<double>(latencies->size() - 1);
    return static_cast<double>((*latencies)[static_cast<size_t>(quantile * last)]) / 1e6;
  };
  std::printf("quiet %u: %zu acks, p50 %.2f ms, p99 %.2f ms, max %.2f ms; flood: %.0f records/s\n",
              options.quiet, latencies->size(), ms_at(0.5), ms_at(0.99), ms_at(1),
              static_cast<double>(flooded) / options.seconds);
  return absl::OkStatus();
}

// True if the arguments are those at the top of this file.
bool ParseOptions(int argc, char** argv, Options* options) {
  const auto set = [options](std::string_view name, std::string_view value) {
    if (name == "--port") return bench::ParseNumber(value, &options->port);
    if (name == "--quiet") return bench::ParseNumber(value, &options->quiet);
    if (name == "--rate") return bench::ParseNumber(value, &options->rate);
    if (name == "--seconds") return bench::ParseNumber(value, &options->seconds);
    if (name == "--flood") return bench::ParseNumber(value, &options->flood);
    return false;
  };
  return bench::ReadOptions(argc, argv, set) && options->port != 0 && options->rate > 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!ParseOptions(argc, argv, &options)) {
    std::fprintf(
        stderr, "usage: quota_bench --port P [--quiet N] [--rate N] [--seconds N] [--flood 0|1]\n");
    return 2;
  }
  const absl::Status done = Measure(options);
  if (!done.ok()) {
    std::fprintf(stderr, "quota_bench: %s\n", std::string(done.message()).c_str());
    return 1;
  }
  return 0;
}
