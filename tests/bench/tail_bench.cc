// tail_bench: how soon a Tail gives an event after its records were acknowledged.
//
// It plays one agent, which delivers records at a steady rate, and some callers that tail the
// collector over its unix socket. An event's delay counts from when the agent reads the
// acknowledgement of its last record to when a caller has read the event: it is negative if the
// caller was first.
//
//   tail_bench --port P --ca FILE --certificates DIRECTORY --socket PATH
//              [--rate 10000] [--seconds 10] [--tails 4]
//
// DIRECTORY holds agent1.crt and agent1.key.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/strings/str_format.h"
#include <grpcpp/create_channel.h>

#include "proto/auspex/v1/ingest.grpc.pb.h"
#include "proto/auspex/v1/query.grpc.pb.h"

namespace {

using auspex::v1::DeliverRequest;
using auspex::v1::DeliverResponse;
using Clock = std::chrono::steady_clock;

constexpr size_t kRecordsOfEvent = 3;
constexpr std::chrono::milliseconds kStep{10};  // A batch in each.

struct Options {
  std::string port;
  std::string ca;
  std::string certificates;
  std::string socket;
  size_t rate = 10'000;
  size_t seconds = 10;
  size_t tails = 4;
};

[[noreturn]] void Fail(const std::string& what) {
  std::fprintf(stderr, "tail_bench: %s\n", what.c_str());
  std::exit(EXIT_FAILURE);
}

std::string ReadWhole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) Fail("cannot read " + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The records of an event, as a busy host writes them.
void AddEvent(uint32_t serial, uint64_t time_ms, auspex::v1::Batch* batch) {
  const std::string stamp =
      absl::StrFormat("msg=audit(%d.%03d:%d):", time_ms / 1000, time_ms % 1000, serial);
  batch->add_records(absl::StrFormat(
      "type=SYSCALL %s arch=c000003e syscall=59 success=yes exit=0 a0=5581c0d0 a1=5581c0e8 a2=0 "
      "a3=8 items=2 ppid=%d pid=%d auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 "
      "fsgid=0 tty=pts0 ses=3 comm=\"cc1\" exe=\"/usr/lib/gcc/cc1\" key=\"exec\"",
      stamp, 1000 + serial % 97, 2000 + serial));
  batch->add_records(absl::StrFormat("type=CWD %s cwd=\"/home/build/%d\"", stamp, serial % 31));
  batch->add_records(
      absl::StrFormat("type=PROCTITLE %s proctitle=%08X%08X", stamp, serial, serial));
}

// Delivers the events, and tells when each was acknowledged.
std::vector<Clock::time_point> Deliver(const Options& options, size_t events) {
  const std::string files = options.certificates + "/agent1";
  const auto channel =
      grpc::CreateChannel("localhost:" + options.port,
                          grpc::SslCredentials({ReadWhole(options.ca), ReadWhole(files + ".key"),
                                                ReadWhole(files + ".crt")}));
  const auto stub = auspex::v1::IngestService::NewStub(channel);
  grpc::ClientContext context;
  const auto stream = stub->Deliver(&context);
  DeliverRequest hello;
  hello.mutable_hello()->set_boot_id("bench");
  DeliverResponse response;
  if (!stream->Write(hello) || !stream->Read(&response)) Fail("no welcome");

  const size_t events_of_batch = std::max<size_t>(
      1, options.rate * static_cast<size_t>(kStep.count()) / 1000 / kRecordsOfEvent);
  const size_t batches = (events + events_of_batch - 1) / events_of_batch;
  std::vector<Clock::time_point> acknowledged(batches);
  std::thread reader([&] {
    for (size_t done = 0; done < batches && stream->Read(&response);) {
      for (; done < response.ack().number(); ++done) acknowledged[done] = Clock::now();
    }
  });
  const auto begin = Clock::now();
  const auto begin_ms =
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                std::chrono::system_clock::now().time_since_epoch())
                                .count());
  for (size_t batch = 0; batch < batches; ++batch) {
    DeliverRequest request;
    request.mutable_batch()->set_number(batch + 1);
    request.mutable_batch()->set_follows(batch);
    const size_t end = std::min(events, (batch + 1) * events_of_batch);
    for (size_t event = batch * events_of_batch; event < end; ++event) {
      AddEvent(static_cast<uint32_t>(event),
               begin_ms + batch * static_cast<uint64_t>(kStep.count()), request.mutable_batch());
    }
    std::this_thread::sleep_until(begin + kStep * batch);
    if (!stream->Write(request)) Fail("the stream has ended");
  }
  reader.join();
  stream->WritesDone();
  stream->Finish();
  std::vector<Clock::time_point> of_events(events);
  for (size_t event = 0; event < events; ++event) {
    of_events[event] = acknowledged[event / events_of_batch];
  }
  return of_events;
}

// When each event came.
class Tail {
 public:
  Tail(const Options& options, size_t events)
      : stub_(auspex::v1::QueryService::NewStub(
            grpc::CreateChannel("unix:" + options.socket, grpc::InsecureChannelCredentials()))),
        came_(events) {
    auspex::v1::TailRequest request;
    request.add_hosts("agent1");
    reader_ = stub_->Tail(&context_, request);
    auspex::v1::TailResponse response;
    if (!reader_->Read(&response)) Fail("no tail: " + reader_->Finish().error_message());
    thread_ = std::thread([this] { Read(); });
  }

  const std::vector<Clock::time_point>& Wait() {
    thread_.join();
    return came_;
  }

 private:
  void Read() {
    auspex::v1::TailResponse response;
    for (size_t next = 0; next < came_.size();) {
      if (!reader_->Read(&response)) Fail("a tail has ended");
      const auto now = Clock::now();
      for (const auspex::v1::Event& event : response.events()) {
        if (event.serial() != next) Fail("an event is missing, or out of order");
        came_[next++] = now;
      }
    }
    context_.TryCancel();
  }

  const std::unique_ptr<auspex::v1::QueryService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<auspex::v1::TailResponse>> reader_;
  std::vector<Clock::time_point> came_;
  std::thread thread_;
};

int Run(const Options& options) {
  const size_t events = options.rate * options.seconds / kRecordsOfEvent;
  std::vector<std::unique_ptr<Tail>> tails;
  for (size_t i = 0; i < options.tails; ++i) {
    tails.push_back(std::make_unique<Tail>(options, events));
  }
  const std::vector<Clock::time_point> acknowledged = Deliver(options, events);
  std::vector<double> delays_ms;
  for (const std::unique_ptr<Tail>& tail : tails) {
    const std::vector<Clock::time_point>& came = tail->Wait();
    for (size_t event = 0; event < events; ++event) {
      delays_ms.push_back(
          std::chrono::duration<double, std::milli>(came[event] - acknowledged[event]).count());
    }
  }
  std::sort(delays_ms.begin(), delays_ms.end());
  const auto percentile = [&](double part) {
    return delays_ms[static_cast<size_t>(part * static_cast<double>(delays_ms.size() - 1))];
  };
  std::printf(
      "%zu records/s for %zu s, %zu tails: %zu events each; delay after the acknowledgement: "
      "p50 %.1f ms, p99 %.1f ms, p99.9 %.1f ms, worst %.1f ms\n",
      options.rate, options.seconds, options.tails, events, percentile(0.5), percentile(0.99),
      percentile(0.999), percentile(1));
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
    if (name == "--socket") options.socket = argv[i + 1];
    if (name == "--rate") options.rate = std::strtoul(argv[i + 1], nullptr, 10);
    if (name == "--seconds") options.seconds = std::strtoul(argv[i + 1], nullptr, 10);
    if (name == "--tails") options.tails = std::strtoul(argv[i + 1], nullptr, 10);
  }
  if (options.port.empty() || options.socket.empty() || options.tails == 0 ||
      options.rate * options.seconds < kRecordsOfEvent) {
    std::fprintf(stderr,
                 "usage: tail_bench --port P --ca FILE --certificates DIRECTORY --socket PATH "
                 "[--rate N] [--seconds N] [--tails N]\n");
    return 2;
  }
  return Run(options);
}
