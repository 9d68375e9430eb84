#include "cli/output_writer.h"

#include <cerrno>
#include <cstring>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace cli {

namespace {

// Texts that wait: enough that neither side waits for the other's hiccups.
constexpr size_t kWaitingMax = 8;

// 0, or the error.
int WriteAll(std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = write(STDOUT_FILENO, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    text.remove_prefix(static_cast<size_t>(count));
  }
  return 0;
}

}  // namespace

OutputWriter::OutputWriter() : thread_([this] { Run(); }) {}

OutputWriter::~OutputWriter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

bool OutputWriter::Write(std::string text) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return waiting_.size() < kWaitingMax || error_ != 0; });
  if (error_ == 0) waiting_.push_back(std::move(text));
  changed_.notify_all();
  return error_ == 0;
}

bool OutputWriter::Flush() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return (waiting_.empty() && !writing_) || error_ != 0; });
  return error_ == 0;
}

absl::Status OutputWriter::status() {
  const std::lock_guard lock(mutex_);
  if (error_ == 0 || error_ == EPIPE) return absl::OkStatus();
  return absl::UnavailableError(std::string("standard output: ") + std::strerror(error_));
}

void OutputWriter::Run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return !waiting_.empty() || stopping_; });
    if (waiting_.empty() || error_ != 0) return;
    const std::string text = std::move(waiting_.front());
    waiting_.pop_front();
    writing_ = true;
    lock.unlock();
    changed_.notify_all();
    const int error = WriteAll(text);
    lock.lock();
    writing_ = false;
    if (error_ == 0) error_ = error;
    changed_.notify_all();
  }
}

}  // namespace cli
