#include "cli/log_search.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <fcntl.h>
#include <filesystem>
#include <mutex>
#include <poll.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <variant>

#include "absl/strings/str_format.h"
#include "cli/log_input.h"

#include "audit/assembler.h"
#include "audit/record.h"
#include "base/directory_watch.h"

namespace cli {

namespace {

// Events that go from one thread to the other at once, and how often before the first must wait.
constexpr size_t kBatchEvents = 512;
constexpr size_t kBatchesMax = 16;

// Without new records for so long, the events of a log that grows are taken for complete: the time
// after which ausearch gives up on a pipe.
constexpr std::chrono::milliseconds kQuiet{3000};

// What a reader waits for at most, to see whether the other side still wants it.
constexpr std::chrono::milliseconds kLookUp{500};

struct MalformedLine {
  std::string line;
  std::string why;
};

using Found = std::variant<audit::Event, MalformedLine>;
using Batch = std::vector<Found>;

// Batches on their way from the reading thread to the matching one.
class Channel {
 public:
  // False once no more is wanted. Waits for room.
  bool Push(Batch batch) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return batches_.size() < kBatchesMax || closed_; });
    if (closed_) return false;
    batches_.push_back(std::move(batch));
    changed_.notify_all();
    return true;
  }

  // nullopt at the end.
  std::optional<Batch> Pop() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !batches_.empty() || ended_; });
    if (batches_.empty()) return std::nullopt;
    Batch batch = std::move(batches_.front());
    batches_.pop_front();
    changed_.notify_all();
    return batch;
  }

  void End() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }

  void Close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

  bool closed() {
    const std::lock_guard lock(mutex_);
    return closed_;
  }

 private:
  std::mutex mutex_;  // Guards what follows.
  std::condition_variable changed_;
  std::deque<Batch> batches_;
  bool ended_ = false;
  bool closed_ = false;
};

absl::Status Failed(const std::string& path, int error) {
  return absl::UnavailableError(absl::StrFormat("%s: %s", path, std::strerror(error)));
}

// The reading side.
class Reader {
 public:
  Reader(const LogSearchOptions& options, Channel& channel)
      : options_(options), channel_(channel), assembler_(AssemblerOptionsOf(options)) {}

  absl::Status Read() {
    absl::Status read = absl::OkStatus();
    const size_t tails = options_.follow ? 1 : 0;
    for (size_t i = 0; i + tails < options_.paths.size() && read.ok() && wanted_; ++i) {
      read = ReadFile(options_.paths[i]);
    }
    if (options_.paths.empty()) {
      read = ReadStream("standard input", STDIN_FILENO, nullptr);
    } else if (options_.follow && read.ok()) {
      read = FollowFile(options_.paths.back());
    }
    if (!options_.complete_only) assembler_.Flush();
    TakeEvents();
    PushBatch();
    return read;
  }

 private:
  static audit::AssemblerOptions AssemblerOptionsOf(const LogSearchOptions& options) {
    audit::AssemblerOptions made = {.at_rest = true};
    if (options.end_of_event_timeout) made.end_of_event_timeout = *options.end_of_event_timeout;
    return made;
  }

  absl::Status ReadFile(const std::string& path) {
    absl::StatusOr<LogInput> input = LogInput::Open(path);
    if (!input.ok()) return input.status();
    while (wanted_) {
      const absl::StatusOr<std::string_view> lines = input->Next();
      if (!lines.ok()) return lines.status();
      if (lines->empty()) break;
      AddLines(*lines);
    }
    return absl::OkStatus();
  }

  absl::Status FollowFile(const std::string& path) {
    const std::string directory = std::filesystem::path(path).parent_path().string();
    auto watch = base::DirectoryWatch::Open(directory.empty() ? "." : directory);
    if (!watch.ok()) return watch.status();
    while (wanted_) {
      const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
      if (fd < 0) return Failed(path, errno);
      const absl::Status read = ReadStream(path, fd, &*watch);
      close(fd);
      if (!read.ok()) return read;
    }
    return absl::OkStatus();
  }

  // Reads what comes. With a watch, until the path names another file; else until the end.
  absl::Status ReadStream(const std::string& path, int fd, base::DirectoryWatch* watch) {
    std::array<char, 1 << 16> bytes;
    std::string rest;
    auto last_read = std::chrono::steady_clock::now();
    while (wanted_) {
      pollfd waiting = {.fd = fd, .events = POLLIN, .revents = 0};
      const bool is_ready = poll(&waiting, 1, static_cast<int>(kLookUp.count())) > 0;
      const ssize_t count = is_ready ? read(fd, bytes.data(), bytes.size()) : 0;
      if (count < 0 && errno != EINTR) return Failed(path, errno);
      if (count > 0) {
        last_read = std::chrono::steady_clock::now();
        rest.append(bytes.data(), static_cast<size_t>(count));
        if (rest.size() > kLineBytesMax) {
          return absl::InvalidArgumentError(absl::StrFormat("%s: a line is too long", path));
        }
        const size_t newline = rest.rfind('\n');
        if (newline == std::string::npos) continue;
        AddLines(std::string_view(rest).substr(0, newline + 1));
        rest.erase(0, newline + 1);
        // More is there, mostly.
        if (static_cast<size_t>(count) == bytes.size()) continue;
        PushBatch();
        continue;
      }
      if (is_ready && watch == nullptr) break;
      if (std::chrono::steady_clock::now() - last_read >= kQuiet) assembler_.Flush();
      TakeEvents();
      PushBatch();
      if (watch == nullptr) continue;
      if (IsReplaced(path, fd)) break;
      watch->Wait(kLookUp);
    }
    AddLines(rest);
    return absl::OkStatus();
  }

  static bool IsReplaced(const std::string& path, int fd) {
    struct stat named {};
    struct stat opened {};
    return stat(path.c_str(), &named) == 0 && fstat(fd, &opened) == 0 &&
           (named.st_ino != opened.st_ino || named.st_dev != opened.st_dev);
  }

  void AddLines(std::string_view lines) {
    while (!lines.empty() && wanted_) {
      const auto* const newline =
          static_cast<const char*>(std::memchr(lines.data(), '\n', lines.size()));
      const size_t bytes =
          newline == nullptr ? lines.size() : static_cast<size_t>(newline - lines.data());
      if (bytes > 0) AddLine(lines.substr(0, bytes));
      lines.remove_prefix(std::min(bytes + 1, lines.size()));
    }
  }

  void AddLine(std::string_view line) {
    const absl::StatusOr<audit::Record> record = audit::ParseRecord(line);
    if (!record.ok()) {
      Add(MalformedLine{std::string(line), std::string(record.status().message())});
      return;
    }
    if (options_.first_record_ms != nullptr && !options_.first_record_ms->has_value()) {
      *options_.first_record_ms = record->stamp.time_ms;
    }
    if (!options_.time.Contains(record->stamp.time_ms)) return;
    assembler_.Add(line, *record);
    TakeEvents();
  }

  void TakeEvents() {
    while (std::optional<audit::Event> event = assembler_.Take()) Add(*std::move(event));
  }

  void Add(Found found) {
    batch_.push_back(std::move(found));
    if (batch_.size() >= kBatchEvents) PushBatch();
  }

  void PushBatch() {
    if (batch_.empty()) {
      wanted_ = wanted_ && !channel_.closed();
      return;
    }
    wanted_ = channel_.Push(std::exchange(batch_, {}));
  }

  const LogSearchOptions& options_;
  Channel& channel_;
  audit::Assembler assembler_;
  Batch batch_;
  bool wanted_ = true;
};

bool Give(const Found& found, const LogSearchSinks& sinks) {
  if (const auto* event = std::get_if<audit::Event>(&found)) return sinks.event(*event);
  const auto& malformed = std::get<MalformedLine>(found);
  return sinks.malformed(malformed.line, malformed.why);
}

}  // namespace

absl::Status SearchLogs(const LogSearchOptions& options, const LogSearchSinks& sinks) {
  Channel channel;
  absl::Status read = absl::OkStatus();
  std::thread reading([&] {
    read = Reader(options, channel).Read();
    channel.End();
  });
  bool wanted = true;
  while (const std::optional<Batch> batch = wanted ? channel.Pop() : std::nullopt) {
    for (const Found& found : *batch) {
      wanted = wanted && Give(found, sinks);
    }
    sinks.idle();
  }
  channel.Close();
  reading.join();
  return read;
}

std::vector<std::string> LogsIn(const std::string& directory) {
  const std::string newest = (std::filesystem::path(directory) / "audit.log").string();
  std::vector<std::string> paths = {newest};
  for (int number = 1;; ++number) {
    const std::string plain = absl::StrFormat("%s.%d", newest, number);
    const std::array<std::string, 3> names = {plain, plain + ".gz", plain + ".zst"};
    const auto* const found = std::ranges::find_if(
        names, [](const std::string& name) { return access(name.c_str(), R_OK) == 0; });
    if (found == names.end()) break;
    paths.push_back(*found);
  }
  std::ranges::reverse(paths);
  return paths;
}

}  // namespace cli
