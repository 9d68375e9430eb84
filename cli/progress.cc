#include "cli/progress.h"

#include <algorithm>
#include <iostream>
#include <sys/ioctl.h>
#include <unistd.h>

#include "absl/strings/str_format.h"

namespace cli {

namespace {

constexpr auto kFirstDraw = std::chrono::seconds(1);
constexpr auto kDrawInterval = std::chrono::milliseconds(100);

constexpr size_t kBarColumns = 30;
constexpr size_t kColumnsUnknown = 80;

// Back to the first column, and all behind it is taken away.
constexpr char kClearLine[] = "\r\033[K";

}  // namespace

ProgressOptions ProgressOnStandardError() {
  if (isatty(STDERR_FILENO) == 0) return {.stream = std::cerr};
  winsize size{};
  ioctl(STDERR_FILENO, TIOCGWINSZ, &size);
  return {.stream = std::cerr, .columns = size.ws_col > 0 ? size.ws_col : kColumnsUnknown};
}

Progress::Progress(ProgressOptions options)
    : options_(std::move(options)), start_(options_.now()), next_draw_(start_ + kFirstDraw) {}

Progress::~Progress() { Clear(); }

void Progress::Show(const std::string& name, uint64_t done, uint64_t total) {
  if (options_.columns == 0) return;
  const auto now = options_.now();
  if (now < next_draw_) return;
  next_draw_ = now + kDrawInterval;
  // One column stays free: a full line would wrap.
  options_.stream << kClearLine << Line(name, done, total).substr(0, options_.columns - 1)
                  << std::flush;
  is_shown_ = true;
}

void Progress::Clear() {
  if (is_shown_) options_.stream << kClearLine << std::flush;
  is_shown_ = false;
}

std::string Progress::Line(const std::string& name, uint64_t done, uint64_t total) const {
  const double megabytes = static_cast<double>(done) / 1e6;
  if (total == 0) return absl::StrFormat("%.0f MB  %s", megabytes, name);
  const double part = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
  const auto filled = static_cast<size_t>(part * kBarColumns);
  return absl::StrFormat("[%s%s] %3.0f%%  %.0f of %.0f MB  %s", std::string(filled, '='),
                         std::string(kBarColumns - filled, ' '), 100 * part, megabytes,
                         static_cast<double>(total) / 1e6, name);
}

}  // namespace cli
