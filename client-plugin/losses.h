// What a host has lost of a boot: totals, as message Losses of proto/auspex/v1/ingest.proto tells
// them to the collector.

#pragma once

#include <cstdint>

namespace client_plugin {

struct Losses {
  uint64_t kernel_records = 0;  // Dropped by the kernel, by its own count (AUDIT_GET).
  uint64_t overruns = 0;        // Times that our socket was full, where the kernel counts nothing.
  uint64_t missing_events = 0;  // Serials that the kernel has given, and of which nothing came.
  uint64_t queue_records = 0;   // Dropped for want of room in the queue,
  uint64_t spool_records = 0;   // in the spool,
  uint64_t aged_records = 0;    // since nobody has fetched them in time,
  uint64_t error_records = 0;   // since they could not be written, or not be read.

  friend bool operator==(const Losses&, const Losses&) = default;
};

// Calls `visit` with each total, in the order above.
template <typename L, typename Visit>
void ForEachLoss(L& losses, Visit visit) {
  visit(losses.kernel_records);
  visit(losses.overruns);
  visit(losses.missing_events);
  visit(losses.queue_records);
  visit(losses.spool_records);
  visit(losses.aged_records);
  visit(losses.error_records);
}

// How far the agent was in the kernel's events when it stored a batch: it goes on from there when
// it has been away.
struct BatchMarks {
  Losses losses;             // Since the boot.
  uint32_t kernel_lost = 0;  // What the kernel's count was then; someone may set it back.
  uint32_t last_serial = 0;  // The highest serial of the kernel's that has come; 0: none.

  // Serials before that one that were waited for. Nobody waits for them when the agent has been
  // away: they are missing.
  uint64_t awaited_events = 0;

  friend bool operator==(const BatchMarks&, const BatchMarks&) = default;
};

}  // namespace client_plugin
