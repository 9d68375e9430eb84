// Writes to standard output on a thread of its own, while the next output is made.

#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/status.h"

namespace cli {

class OutputWriter {
 public:
  OutputWriter();

  // Writes all that was handed over.
  ~OutputWriter();

  OutputWriter(const OutputWriter&) = delete;
  OutputWriter& operator=(const OutputWriter&) = delete;

  // Hands over text; waits while much is waiting. False once it cannot be written: nobody reads it.
  bool Write(std::string text);

  // Waits until all of it is written. False likewise.
  bool Flush();

  // Fails if something could not be written, unless it is that nobody reads it.
  absl::Status status();

 private:
  void Run();

  std::mutex mutex_;  // Guards what follows.
  std::condition_variable changed_;
  std::deque<std::string> waiting_;
  bool writing_ = false;
  int error_ = 0;  // Of the first write that has failed.
  bool stopping_ = false;

  std::thread thread_;  // Last: it runs Run() from here on.
};

}  // namespace cli
