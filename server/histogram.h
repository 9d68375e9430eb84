// How large something was, many times: a histogram of fixed buckets.

#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

namespace server {

// In microseconds: from an fsync of a fast disk to what makes a stock client give up (5 s).
inline constexpr std::array<uint64_t, 15> kLatencyBoundsUs = {
    100,    250,     500,     1'000,   2'500,     5'000,     10'000,   25'000,
    50'000, 100'000, 250'000, 500'000, 1'000'000, 2'500'000, 5'000'000};

// Of records in one write: from one quiet host to what an agent sends in a batch, and more.
inline constexpr std::array<uint64_t, 9> kRecordCountBounds = {1,     3,     10,     30,    100,
                                                               1'000, 3'000, 10'000, 30'000};

// For one thread at a time.
class Histogram {
 public:
  // The upper ends of the buckets, ascending, which must outlive the histogram; what is larger is
  // in one more.
  explicit Histogram(std::span<const uint64_t> bounds)
      : bounds_(bounds), counts_(bounds.size() + 1) {}

  void Add(uint64_t value) {
    size_t bucket = 0;
    while (bucket < bounds_.size() && value > bounds_[bucket]) ++bucket;
    ++counts_[bucket];
    sum_ += value;
  }

  std::span<const uint64_t> bounds() const { return bounds_; }

  // Of each bucket; the last one has no upper end.
  std::span<const uint64_t> counts() const { return counts_; }
  uint64_t sum() const { return sum_; }
  uint64_t count() const { return std::accumulate(counts_.begin(), counts_.end(), uint64_t{0}); }

  // The upper end of the bucket that so large a share of all values, from 0 to 1, does not exceed;
  // of the last bucket its lower one. 0 for none.
  uint64_t BoundOf(double share) const {
    const double wanted = share * static_cast<double>(count());
    uint64_t below = 0;
    for (size_t bucket = 0; bucket < counts_.size(); ++bucket) {
      below += counts_[bucket];
      if (below == 0 || static_cast<double>(below) < wanted) continue;
      return bounds_[std::min(bucket, bounds_.size() - 1)];
    }
    return 0;
  }

 private:
  std::span<const uint64_t> bounds_;
  std::vector<uint64_t> counts_;
  uint64_t sum_ = 0;
};

}  // namespace server
