// A progress bar, for what may take more than a second.

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>

namespace cli {

struct ProgressOptions {
  std::ostream& stream;
  size_t columns = 0;  // Of the terminal; 0 if there is none, and then nothing is ever shown.
  std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now;
};

// Options for standard error, if it is a terminal.
ProgressOptions ProgressOnStandardError();

// Shows nothing in its first second, and draws ten times a second at most.
class Progress {
 public:
  explicit Progress(ProgressOptions options);

  // Takes the bar away.
  ~Progress();

  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `done` of `total` bytes of what is called `name`; a total of 0 is not known.
  void Show(const std::string& name, uint64_t done, uint64_t total);

  // Takes the bar away, so that something else can be printed.
  void Clear();

 private:
  std::string Line(const std::string& name, uint64_t done, uint64_t total) const;

  const ProgressOptions options_;
  const std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point next_draw_;
  bool is_shown_ = false;
};

}  // namespace cli
