// Makes batches of the spool of what was captured.

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "client-plugin/line_maker.h"
#include "client-plugin/losses.h"
#include "client-plugin/own_records.h"
#include "client-plugin/record_queue.h"
#include "client-plugin/serial_watch.h"
#include "client-plugin/spool.h"

namespace client_plugin {

struct WorkerOptions {
  // A batch is stored when it has so many records or bytes, or so long after its first record.
  uint32_t batch_records = 2000;
  size_t batch_bytes = 256 << 10;
  std::chrono::milliseconds batch_age{100};

  // Between two attempts to write a batch to a disk that fails.
  std::chrono::milliseconds retry_after{200};

  // At most so often a record tells of losses.
  std::chrono::milliseconds losses_interval{10'000};
};

struct WorkerState {
  uint64_t records = 0;  // Taken from the queue. It only grows, as the failures do.
  uint64_t spool_failures = 0;
  std::string problem;      // Why the spool cannot be written to. Empty if it can.
  LineMakerCounters lines;  // A second old, at most.
};

class Worker {
 public:
  // Begins. Takes from the queue until that is closed, and appends to the spool what `lines` makes
  // of it. `on_batch` is called after each batch. What is passed by reference must outlive the
  // object.
  Worker(RecordQueue& queue, Spool& spool, OwnRecords& own_records,
         std::unique_ptr<LineMaker> lines, const WorkerOptions& options,
         std::function<void()> on_batch);

  Worker(const Worker&) = delete;

  // Waits until all that the queue has is in the spool; the queue must be closed. If the disk
  // fails then, what is left is given up.
  ~Worker();

  // What is taken from here on is made by another one.
  void SetLines(std::unique_ptr<LineMaker> lines);

  // What the kernel has dropped since the boot, by its own count (AUDIT_GET), which someone may set
  // back.
  void SetKernelLost(uint32_t lost);

  // How often the source has lost an unknown number of records, since the start.
  void SetOverruns(uint64_t overruns);

  // What is lost since the boot.
  Losses losses() const;

  WorkerState state() const;

 private:
  using Clock = std::chrono::steady_clock;

  BatchMarks Totals() const;
  void Run();
  void Take(const RecordChunk& chunk);
  void AddToBatch(std::string_view line);
  void Flush();
  void KeepHouse();
  void TellLosses();
  void Sync();
  void NoteProblem(const absl::Status& status);

  RecordQueue& queue_;
  Spool& spool_;
  OwnRecords& own_records_;
  const WorkerOptions options_;
  const std::function<void()> on_batch_;
  const BatchMarks at_start_;

  // What follows is for the thread.
  SerialWatch serials_;
  SpoolBatch batch_;
  Clock::time_point batch_began_ = {};
  Losses told_;  // In the last record that tells of losses,
  Clock::time_point told_at_ = {};
  std::unique_ptr<LineMaker> lines_;

  mutable std::mutex mutex_;  // Guards what follows.
  WorkerState state_;
  std::unique_ptr<LineMaker> next_lines_;  // To take the place of lines_.
  uint64_t missing_events_ = 0;            // As serials_ has it.
  uint64_t kernel_records_ = 0;            // Lost since the boot.
  uint32_t kernel_lost_;                   // As it was when it was told last.
  uint64_t overruns_ = 0;
  std::thread thread_;
};

}  // namespace client_plugin
