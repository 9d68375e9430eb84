#include "query/report/serial_runs.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "audit/serial_gaps.h"

namespace query {

void SerialRuns::Add(uint32_t serial) {
  StartBootBefore(serial);
  AddRun({.first = serial, .last = serial});
}

void SerialRuns::Append(const SerialRuns& later) {
  for (const Boot& boot : later.boots_) {
    StartBootBefore(boot.front().first);
    for (const Run& run : boot) AddRun(run);
  }
}

// Events come out of order by less than SerialGaps allows for.
void SerialRuns::StartBootBefore(uint32_t serial) {
  const bool is_same_boot = !boots_.empty() && uint64_t{serial} + audit::SerialGaps::kDisorderMax >=
                                                   boots_.back().back().last;
  if (!is_same_boot) boots_.emplace_back();
}

void SerialRuns::AddRun(const Run& run) {
  Boot& boot = boots_.back();
  if (boot.empty() || run.first > uint64_t{boot.back().last} + 1) {
    boot.push_back(run);
    return;
  }
  // The first run that it touches, and the first behind those.
  const auto begin = std::ranges::lower_bound(
      boot, run.first, {}, [](const Run& one) { return uint64_t{one.last} + 1; });
  auto end = begin;
  Run joined = run;
  while (end != boot.end() && end->first <= uint64_t{joined.last} + 1) {
    joined = {.first = std::min(joined.first, end->first),
              .last = std::max(joined.last, end->last)};
    ++end;
  }
  if (begin == end) {
    boot.insert(begin, joined);
    return;
  }
  *begin = joined;
  boot.erase(std::next(begin), end);
}

uint64_t SerialRuns::missing() const {
  uint64_t missing = 0;
  for (const Boot& boot : boots_) {
    for (size_t i = 1; i < boot.size(); ++i) missing += boot[i].first - boot[i - 1].last - 1;
  }
  return missing;
}

SerialRuns SerialRuns::FromBoots(std::vector<Boot> boots) {
  SerialRuns runs;
  runs.boots_ = std::move(boots);
  return runs;
}

}  // namespace query
