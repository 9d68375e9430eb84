#include "query/report/serial_runs.h"

#include <algorithm>

#include "audit/serial_gaps.h"

namespace query {

namespace {

// How many serials are missing between runs of one boot.
uint64_t MissingIn(std::vector<SerialRuns::Run> boot) {
  std::ranges::sort(boot, {}, &SerialRuns::Run::first);
  uint64_t missing = 0;
  uint64_t next = boot.front().first;  // The first serial that was not seen, so far.
  for (const SerialRuns::Run& run : boot) {
    if (run.first > next) missing += run.first - next;
    next = std::max(next, uint64_t{run.last} + 1);
  }
  return missing;
}

}  // namespace

void SerialRuns::Add(const Run& run) {
  if (!runs_.empty() && run.first == uint64_t{runs_.back().last} + 1) {
    runs_.back().last = run.last;
    return;
  }
  if (runs_.size() < kRunsMax) runs_.push_back(run);
}

uint64_t SerialRuns::missing() const {
  std::vector<Run> sorted = runs_;
  std::ranges::sort(sorted, [](const Run& a, const Run& b) {
    return a.time_ms != b.time_ms ? a.time_ms < b.time_ms : a.first < b.first;
  });
  uint64_t missing = 0;
  std::vector<Run> boot;
  uint64_t newest = 0;
  for (const Run& run : sorted) {
    if (!boot.empty() && uint64_t{run.first} + audit::SerialGaps::kDisorderMax < newest) {
      missing += MissingIn(std::move(boot));
      boot.clear();
      newest = 0;
    }
    boot.push_back(run);
    newest = std::max<uint64_t>(newest, run.last);
  }
  if (!boot.empty()) missing += MissingIn(std::move(boot));
  return missing;
}

}  // namespace query
