// What a host has lost of a boot: totals, as message Losses of proto/auspex/v1/ingest.proto tells
// them to the collector.

#pragma once

#include <cstdint>

#include "storage/losses.h"

namespace client_plugin {

// Totals of a boot.
//
//   kernel_records     dropped by the kernel, by its own count (AUDIT_GET)
//   overruns           times that our socket was full, where the kernel counts nothing
//   missing_events     serials that the kernel has given, and of which nothing came
//   queue_records      dropped for want of room in the queue,
//   spool_records      in the spool,
//   aged_records       since nobody has fetched them in time,
//   error_records      since they could not be written, or not be read
using storage::Losses;

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
