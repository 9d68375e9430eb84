// ingest_bench: how fast a collector takes batches over the API.
//
// It plays agents: each has a certificate and a stream, and sends its share of a log in batches, as
// far as the limit of unacknowledged bytes lets it. The batches are made before the clock runs. It
// prints the records that were acknowledged a second, and the time from the write of a batch to its
// acknowledgement.
//
//   ingest_bench --port P --ca FILE --certificates DIRECTORY --log FILE
//                [--streams 1] [--batch-records 1000]
//
// DIRECTORY holds agent1.crt, agent1.key and so on: one for each stream.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <iterator>
#include <latch>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include <grpcpp/create_channel.h>

#include "proto/auspex/v1/ingest.grpc.pb.h"

namespace {

using auspex::v1::DeliverRequest;
using auspex::v1::DeliverResponse;
using Clock = std::chrono::steady_clock;

// As much as the collector lets be unacknowledged, less one batch.
constexpr size_t kUnacknowledgedMax = 3 << 20;

std::string ReadWhole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    std::fprintf(stderr, "cannot read %s\n", path.c_str());
    std::exit(EXIT_FAILURE);
  }
  return {std::istreambuf_iterator<char>(file), {}};
}

class Agent : public grpc::ClientBidiReactor<DeliverRequest, DeliverResponse> {
 public:
  Agent(const std::string& target, const std::shared_ptr<grpc::ChannelCredentials>& credentials,
        std::vector<DeliverRequest> batches, std::latch& welcomed, std::latch& ended)
      : stub_(auspex::v1::IngestService::NewStub(grpc::CreateChannel(target, credentials))),
        batches_(std::move(batches)),
        written_(batches_.size()),
        welcomed_(welcomed),
        ended_(ended) {}

  void SayHello() {
    hello_.mutable_hello()->set_boot_id("bench");
    stub_->async()->Deliver(&context_, this);
    StartWrite(&hello_);
    StartRead(&response_);
    StartCall();
  }

  void SendAll() {
    const std::lock_guard lock(mutex_);
    may_send_ = true;
    SendNext();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    if (response_.has_welcome()) {
      welcomed_.count_down();
    } else if (response_.has_ack()) {
      Acknowledge(response_.ack().number());
    }
    StartRead(&response_);
  }

  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(mutex_);
    is_writing_ = false;
    if (ok) SendNext();
  }

  void OnDone(const grpc::Status& status) override {
    if (!status.ok()) {
      std::fprintf(stderr, "stream ended: %s\n", status.error_message().c_str());
      std::exit(EXIT_FAILURE);
    }
    ended_.count_down();
  }

  const std::vector<double>& latencies_ms() const { return latencies_ms_; }

 private:
  void Acknowledge(uint64_t number) {
    const std::lock_guard lock(mutex_);
    for (; acknowledged_ < number; ++acknowledged_) {
      unacknowledged_bytes_ -= batches_[acknowledged_].ByteSizeLong();
      latencies_ms_.push_back(
          std::chrono::duration<double, std::milli>(Clock::now() - written_[acknowledged_])
              .count());
    }
    if (acknowledged_ == batches_.size()) StartWritesDone();
    SendNext();
  }

  void SendNext() {
    if (!may_send_ || is_writing_ || next_ == batches_.size()) return;
    const size_t bytes = batches_[next_].ByteSizeLong();
    if (unacknowledged_bytes_ + bytes > kUnacknowledgedMax) return;
    is_writing_ = true;
    unacknowledged_bytes_ += bytes;
    written_[next_] = Clock::now();
    StartWrite(&batches_[next_++]);
  }

  grpc::ClientContext context_;
  const std::unique_ptr<auspex::v1::IngestService::Stub> stub_;
  const std::vector<DeliverRequest> batches_;
  DeliverRequest hello_;
  DeliverResponse response_;
  std::vector<Clock::time_point> written_;
  std::latch& welcomed_;
  std::latch& ended_;

  std::mutex mutex_;  // Guards what follows.
  bool may_send_ = false;
  bool is_writing_ = true;  // Hello.
  size_t next_ = 0;
  size_t acknowledged_ = 0;
  size_t unacknowledged_bytes_ = 0;
  std::vector<double> latencies_ms_;
};

struct Options {
  std::string port;
  std::string ca;
  std::string certificates;
  std::string log;
  size_t streams = 1;
  size_t batch_records = 1000;
};

// Whole batches in turn to each stream.
std::vector<std::vector<DeliverRequest>> ShareOut(std::string_view log, const Options& options) {
  std::vector<std::vector<DeliverRequest>> shares(options.streams);
  for (size_t stream = 0; !log.empty(); stream = (stream + 1) % options.streams) {
    DeliverRequest& request = shares[stream].emplace_back();
    auspex::v1::Batch& batch = *request.mutable_batch();
    batch.set_number(shares[stream].size());
    batch.set_follows(shares[stream].size() - 1);
    for (size_t i = 0; i < options.batch_records && !log.empty(); ++i) {
      const std::string_view line = log.substr(0, log.find('\n'));
      batch.add_records(std::string(line));
      log.remove_prefix(std::min(log.size(), line.size() + 1));
    }
  }
  return shares;
}

int Run(const Options& options) {
  const std::string log = ReadWhole(options.log);
  const auto records = static_cast<double>(std::count(log.begin(), log.end(), '\n'));
  const std::string roots = ReadWhole(options.ca);
  std::latch welcomed(options.streams);
  std::latch ended(options.streams);
  std::deque<Agent> agents;
  for (std::vector<DeliverRequest>& share : ShareOut(log, options)) {
    const std::string files = absl::StrCat(options.certificates, "/agent", agents.size() + 1);
    agents.emplace_back(
        "localhost:" + options.port,
        grpc::SslCredentials({roots, ReadWhole(files + ".key"), ReadWhole(files + ".crt")}),
        std::move(share), welcomed, ended);
  }
  for (Agent& agent : agents) agent.SayHello();
  welcomed.wait();

  const auto start = Clock::now();
  for (Agent& agent : agents) agent.SendAll();
  ended.wait();
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();

  std::vector<double> latencies;
  for (const Agent& agent : agents) {
    latencies.insert(latencies.end(), agent.latencies_ms().begin(), agent.latencies_ms().end());
  }
  std::sort(latencies.begin(), latencies.end());
  const auto percentile = [&](double part) {
    return latencies[static_cast<size_t>(part * static_cast<double>(latencies.size() - 1))];
  };
  std::printf(
      "%zu streams, batches of %zu: %.0f records in %.3f s: %.0f records/s; "
      "acks: p50 %.1f ms, p99 %.1f ms, worst %.1f ms\n",
      options.streams, options.batch_records, records, seconds, records / seconds, percentile(0.5),
      percentile(0.99), percentile(1));
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    if (name == "--port") options.port = argv[i + 1];
    if (name == "--ca") options.ca = argv[i + 1];
    if (name == "--certificates") options.certificates = argv[i + 1];
    if (name == "--log") options.log = argv[i + 1];
    if (name == "--streams") options.streams = std::strtoul(argv[i + 1], nullptr, 10);
    if (name == "--batch-records") options.batch_records = std::strtoul(argv[i + 1], nullptr, 10);
  }
  if (options.port.empty() || options.log.empty() || options.streams == 0 ||
      options.batch_records == 0) {
    std::fprintf(stderr,
                 "usage: ingest_bench --port P --ca FILE --certificates DIRECTORY --log FILE "
                 "[--streams N] [--batch-records N]\n");
    return 2;
  }
  return Run(options);
}
