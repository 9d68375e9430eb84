// histogram_bench: how long histograms of a store take.
//
//   histogram_bench STORE
//
// Opens the store as it is, and prints for each kind of histogram the median of some runs.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "storage/event_store.h"

namespace {

constexpr int kRuns = 9;

[[noreturn]] void Fail(const absl::Status& status) {
  std::fprintf(stderr, "histogram_bench: %s\n", status.ToString().c_str());
  std::exit(EXIT_FAILURE);
}

// Of all events.
query::TimeRange TimeOf(const storage::EventStore& store) {
  query::TimeRange time = query::kNoTime;
  for (const auto order : {storage::SearchOrder::kTime, storage::SearchOrder::kTimeDescending}) {
    const absl::Status searched =
        store.Search({.order = order, .limit = 1}, [&](const storage::FoundEvent& found) {
          const uint64_t time_ms = found.event.stamp().time_ms;
          time = query::Hull(time, {.from_ms = time_ms, .to_ms = time_ms});
          return true;
        });
    if (!searched.ok()) Fail(searched);
  }
  return time;
}

void Measure(const storage::EventStore& store, const char* what,
             const storage::HistogramRequest& request) {
  std::vector<double> times_ms;
  uint64_t events = 0;
  uint64_t values = 0;
  for (int i = 0; i < kRuns; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    const auto histogram = store.CountOverTime(request);
    times_ms.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
            .count());
    if (!histogram.ok()) Fail(histogram.status());
    events = 0;
    for (const uint64_t of_bucket : histogram->events) events += of_bucket;
    values = histogram->value_count;
  }
  std::sort(times_ms.begin(), times_ms.end());
  std::printf("%-44s %8.1f ms  (%llu events, %llu values)\n", what, times_ms[kRuns / 2],
              static_cast<unsigned long long>(events), static_cast<unsigned long long>(values));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: histogram_bench STORE\n");
    return 2;
  }
  const auto opened = storage::EventStore::OpenForReading(argv[1]);
  if (!opened.ok()) Fail(opened.status());
  const storage::EventStore& store = **opened;
  const query::TimeRange time = TimeOf(store);
  const uint64_t length_ms = time.to_ms - time.from_ms + 1;
  const storage::HistogramRequest plain{
      .time = time, .bucket_ms = length_ms / 200 + 1, .series_max = 10};
  Measure(store, "200 buckets", plain);
  storage::HistogramRequest request = plain;
  request.bucket_ms = length_ms / 10'000 + 1;
  Measure(store, "10,000 buckets", request);
  request.bucket_ms = length_ms;
  request.field = query::TermField::kExe;
  Measure(store, "1 bucket, by exe", request);
  for (const query::TermField field : {query::TermField::kKey, query::TermField::kExe,
                                       query::TermField::kType, query::TermField::kSuccess}) {
    request = plain;
    request.field = field;
    const std::string what = "200 buckets, by " + std::string(query::TermFieldName(field));
    Measure(store, what.c_str(), request);
  }
  request = plain;
  request.field = query::TermField::kKey;
  request.predicate = query::Predicate(query::SuccessIs{.success = false});
  Measure(store, "200 buckets, by key, of failures", request);
  return EXIT_SUCCESS;
}
