#include "cli/output_writer.h"

#include <cerrno>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace cli {

namespace {

// Texts that wait: enough that neither side waits for the other's hiccups.
constexpr size_t kWaitingMax = 8;

bool WriteAll(std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = write(STDOUT_FILENO, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    text.remove_prefix(static_cast<size_t>(count));
  }
  return true;
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
  changed_.wait(lock, [this] { return waiting_.size() < kWaitingMax || failed_; });
  if (!failed_) waiting_.push_back(std::move(text));
  changed_.notify_all();
  return !failed_;
}

bool OutputWriter::Flush() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return (waiting_.empty() && !writing_) || failed_; });
  return !failed_;
}

void OutputWriter::Run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return !waiting_.empty() || stopping_; });
    if (waiting_.empty() || failed_) return;
    const std::string text = std::move(waiting_.front());
    waiting_.pop_front();
    writing_ = true;
    lock.unlock();
    changed_.notify_all();
    const bool is_written = WriteAll(text);
    lock.lock();
    writing_ = false;
    failed_ = failed_ || !is_written;
    changed_.notify_all();
  }
}

}  // namespace cli
