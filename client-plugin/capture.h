// The thread that drains the source of records, and does nothing else: the kernel's backlog, or
// auditd's, must not wait for anything that we do.

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "absl/status/status.h"

#include "base/file_descriptor.h"
#include "client-plugin/record_queue.h"
#include "client-plugin/source.h"

namespace client_plugin {

struct CaptureOptions {
  // After it has read all there is, it lets so much time go by: to wake for each record would cost
  // more than the record. The kernel keeps what comes meanwhile: see AuditSocket::Options.
  std::chrono::milliseconds pause{5};

  // What of the last moments is still taken when it is to stop.
  std::chrono::milliseconds drain_time_max{1000};
};

struct CaptureCounters {
  uint64_t reads = 0;        // Calls that have read something.
  uint64_t overruns = 0;     // Source::overruns().
  uint64_t records_cut = 0;  // Source::records_cut().
};

class Capture {
 public:
  // Begins. Puts all that comes into the queue. `on_end` is called once, on this thread, when the
  // source ends by itself, with the reason: kOutOfRange, if it has come to its end. `queue` must
  // outlive the object.
  Capture(std::unique_ptr<Source> source, RecordQueue& queue, const CaptureOptions& options,
          std::function<void(const absl::Status&)> on_end);

  Capture(const Capture&) = delete;

  // As Stop().
  ~Capture();

  // Leaves the source, takes what has come, and ends. Then the queue gets nothing more.
  void Stop();

  CaptureCounters counters() const;

 private:
  void Run();
  bool WaitForMore();
  absl::Status Drain(std::chrono::steady_clock::time_point until);
  void Count();

  const std::unique_ptr<Source> source_;
  RecordQueue& queue_;
  const CaptureOptions options_;
  const std::function<void(const absl::Status&)> on_end_;
  const base::FileDescriptor stop_;  // An eventfd(2).
  size_t last_bytes_ = 0;            // Of the last Drain().
  mutable std::mutex mutex_;         // Guards what follows.
  CaptureCounters counters_;
  std::thread thread_;
};

}  // namespace client_plugin
