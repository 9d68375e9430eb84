// How long something took, many times: a histogram of fixed buckets.

#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace server {

// For one thread at a time.
class LatencyHistogram {
 public:
  // The upper ends of the buckets; what is longer is in one more. From an fsync of a fast disk to
  // what makes a stock client give up (5 s).
  static constexpr std::array<std::chrono::microseconds, 15> kBounds = {
      std::chrono::microseconds(100),       std::chrono::microseconds(250),
      std::chrono::microseconds(500),       std::chrono::microseconds(1'000),
      std::chrono::microseconds(2'500),     std::chrono::microseconds(5'000),
      std::chrono::microseconds(10'000),    std::chrono::microseconds(25'000),
      std::chrono::microseconds(50'000),    std::chrono::microseconds(100'000),
      std::chrono::microseconds(250'000),   std::chrono::microseconds(500'000),
      std::chrono::microseconds(1'000'000), std::chrono::microseconds(2'500'000),
      std::chrono::microseconds(5'000'000)};

  void Add(std::chrono::microseconds latency) {
    size_t bucket = 0;
    while (bucket < kBounds.size() && latency > kBounds[bucket]) ++bucket;
    ++counts_[bucket];
    sum_ += latency;
  }

  // Of each bucket; the last one has no upper end.
  const std::array<uint64_t, kBounds.size() + 1>& counts() const { return counts_; }
  std::chrono::microseconds sum() const { return sum_; }

 private:
  std::array<uint64_t, kBounds.size() + 1> counts_ = {};
  std::chrono::microseconds sum_{0};
};

}  // namespace server
