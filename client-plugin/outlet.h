// Where batches of the spool go: to a collector, or into a store of this host.

#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace client_plugin {

// All but the gauge only grow.
struct OutletCounters {
  bool is_connected = false;  // Gauge: the collector has welcomed us, or the store is open.
  uint64_t connections = 0;   // Times that this became so.
  uint64_t failures = 0;      // Times that it was not to be, or came to an end before its time.
  uint64_t batches_sent = 0;  // Repeats included.
  uint64_t batches_acknowledged = 0;
  uint64_t records_acknowledged = 0;
  uint64_t gaps = 0;  // Batches that did not follow the last one that the collector had.
};

struct OutletState {
  OutletCounters counters;
  std::string destination;  // The collector that it is connected to, or tries to be; the store.
  std::string problem;      // Why it is not connected. Empty if it is.
};

// Has a thread of its own. For any thread, save the end of it.
class Outlet {
 public:
  virtual ~Outlet() = default;

  // There is a new batch in the spool.
  virtual void Wake() = 0;

  // Ends when all of the spool is delivered or the time is over. What is left stays in the spool.
  virtual void Stop(std::chrono::milliseconds time_max) = 0;

  virtual OutletState state() const = 0;
};

}  // namespace client_plugin
