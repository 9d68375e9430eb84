// Measures what a call adds to a search: the same question to a store that is open in this process,
// and to the collector that writes to it, over one connection that is there. Prints medians.
//
//   remote_bench STORE SERVER RUNS [OPTION of auspex search ...]

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <string_view>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "cli/open_source.h"
#include "cli/surroundings.h"

#include "query/ausearch_options.h"
#include "storage/event_store.h"

namespace {

using Clock = std::chrono::steady_clock;

int Fail(const absl::Status& status) {
  std::cerr << "remote_bench: " << std::string(status.message()) << '\n';
  return EXIT_FAILURE;
}

// The median, in milliseconds; < 0 if a run fails.
double MedianOf(int runs, const std::function<absl::Status()>& run) {
  std::vector<double> times;
  for (int i = 0; i <= runs; ++i) {
    const auto start = Clock::now();
    if (const absl::Status status = run(); !status.ok()) return Fail(status), -1;
    const std::chrono::duration<double, std::milli> taken = Clock::now() - start;
    if (i > 0) times.push_back(taken.count());  // The first one connects.
  }
  std::ranges::sort(times);
  return times[times.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  int runs = 0;
  if (argc < 4 || !absl::SimpleAtoi(argv[3], &runs) || runs < 1) {
    std::cerr << "usage: remote_bench STORE SERVER RUNS [OPTION ...]\n";
    return EXIT_FAILURE;
  }
  const std::vector<std::string_view> arguments(argv + 4, argv + argc);
  const auto options = query::ParseAusearchOptions(arguments, {.time = cli::CurrentTimeContext()});
  if (!options.ok()) return Fail(options.status());
  const auto store = storage::EventStore::OpenForReading(argv[1]);
  if (!store.ok()) return Fail(store.status());
  const auto source = cli::OpenSource("", argv[2]);
  if (!source.ok()) return Fail(source.status());

  uint64_t events = 0;
  const double local = MedianOf(runs, [&] {
    events = 0;
    return (*store)->Search(
        {.predicate = options->predicate(), .host_patterns = options->host_globs},
        [&](const storage::FoundEvent&) { return ++events > 0; });
  });
  uint64_t received = 0;
  const double remote = MedianOf(runs, [&] {
    received = 0;
    return (*source)->Search(
        {.predicate = options->predicate(), .host_patterns = options->host_globs},
        [&](const cli::FoundEvent&) { return ++received > 0; });
  });
  if (local < 0 || remote < 0) return EXIT_FAILURE;
  std::cout << absl::StrFormat("%d events, %d received: store %.2f ms, collector %.2f ms\n", events,
                               received, local, remote);
  return EXIT_SUCCESS;
}
