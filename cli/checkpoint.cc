#include "cli/checkpoint.h"

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

#include "audit/record_type.h"

namespace cli {

namespace {

// An event that is so much later is complete, and so was the one before it.
constexpr uint64_t kEventSeconds = 2;

uint64_t SecondsOf(uint64_t time_ms) { return time_ms / 1000; }

absl::Status Malformed(std::string_view what, const std::string& line) {
  return absl::InvalidArgumentError(absl::StrFormat("Malformed %s - [%s]", what, line));
}

bool TakeNumber(std::string_view* in, uint64_t* number, int base = 10) {
  const auto [end, errc] = std::from_chars(in->data(), in->data() + in->size(), *number, base);
  if (errc != std::errc{}) return false;
  in->remove_prefix(static_cast<size_t>(end - in->data()));
  return true;
}

bool TakeText(std::string_view* in, std::string_view text) {
  if (!in->starts_with(text)) return false;
  in->remove_prefix(text.size());
  return true;
}

absl::Status ReadLastEvent(const std::string& line, std::string_view value, CheckpointEvent* last) {
  const size_t blank = value.find(' ');
  if (blank == std::string_view::npos) {
    return Malformed("output/event checkpoint line near node", line);
  }
  const std::string_view node = value.substr(0, blank);
  std::string_view in = value.substr(blank + 1);
  uint64_t seconds = 0;
  uint64_t milliseconds = 0;
  uint64_t type = 0;
  const bool is_read = TakeNumber(&in, &seconds) && TakeText(&in, ".") &&
                       TakeNumber(&in, &milliseconds) && TakeText(&in, ":") &&
                       TakeNumber(&in, &last->serial) && TakeText(&in, " 0x") &&
                       TakeNumber(&in, &type, 16);
  if (!is_read) {
    // What ausearch says of the line has lost what stands behind the node.
    return Malformed("output/event checkpoint line after node", line.substr(0, line.find(' ')));
  }
  last->node = node.starts_with('-') ? "" : std::string(node);
  last->time_ms = seconds * 1000 + milliseconds;
  last->type = static_cast<uint32_t>(type);
  return absl::OkStatus();
}

absl::Status ReadLine(const std::string& line, Checkpoint* checkpoint) {
  std::string_view in = line;
  if (TakeText(&in, "dev=")) {
    TakeText(&in, "0x");
    if (!TakeNumber(&in, &checkpoint->device, 16)) checkpoint->device = 0;
  } else if (TakeText(&in, "inode=")) {
    if (!TakeNumber(&in, &checkpoint->inode)) checkpoint->inode = 0;
  } else if (TakeText(&in, "output=")) {
    return ReadLastEvent(line, in, &checkpoint->last);
  } else if (TakeText(&in, "cursor=")) {
    TakeText(&in, " ");
    checkpoint->cursor = in;
  } else {
    return absl::InvalidArgumentError(absl::StrFormat("Unknown checkpoint line - [%s]", line));
  }
  return absl::OkStatus();
}

absl::Status CannotOpen(const std::string& path) {
  return absl::UnavailableError(
      absl::StrFormat("Cannot open checkpoint file - %s: %s", path, std::strerror(errno)));
}

}  // namespace

CheckpointEvent CheckpointOf(const audit::Event& event) {
  const auto type = audit::RecordTypeNumber(event.record(0).type);
  return {.node = event.node(),
          .time_ms = event.stamp().time_ms,
          .serial = event.stamp().serial,
          .type = type.value_or(0)};
}

absl::StatusOr<std::optional<Checkpoint>> LoadCheckpoint(const std::string& path) {
  errno = 0;
  std::ifstream file(path);
  if (!file && errno == ENOENT) return std::optional<Checkpoint>();
  if (!file) return CannotOpen(path);
  Checkpoint checkpoint;
  std::string failure;
  for (std::string line; failure.empty() && std::getline(file, line);) {
    const absl::Status read = ReadLine(line, &checkpoint);
    if (!read.ok()) failure = std::string(read.message());
  }
  if (checkpoint.device == 0 || checkpoint.inode == 0) {
    if (!failure.empty()) failure += '\n';
    failure += absl::StrFormat("Missing dev/inode lines from checkpoint file %s", path);
  }
  if (!failure.empty()) return absl::InvalidArgumentError(failure);
  return checkpoint;
}

absl::Status SaveCheckpoint(const std::string& path, const Checkpoint& checkpoint) {
  std::string text = absl::StrFormat(
      "dev=0x%X\ninode=%d\noutput=%s %d.%03d:%d 0x%X\n", checkpoint.device, checkpoint.inode,
      checkpoint.last.node.empty() ? "-" : checkpoint.last.node, SecondsOf(checkpoint.last.time_ms),
      checkpoint.last.time_ms % 1000, checkpoint.last.serial, checkpoint.last.type);
  if (!checkpoint.cursor.empty()) text += absl::StrFormat("cursor=%s\n", checkpoint.cursor);
  // In place of the old one only when it is whole.
  std::string fresh = path + ".XXXXXX";
  const int fd = mkstemp(fresh.data());
  if (fd < 0) return CannotOpen(path);
  const bool is_written =
      write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      fchmod(fd, S_IRUSR | S_IWUSR | S_IRGRP) == 0 && fsync(fd) == 0;
  const bool is_saved = is_written && rename(fresh.c_str(), path.c_str()) == 0;
  const absl::Status failed = is_saved ? absl::OkStatus() : CannotOpen(path);
  close(fd);
  if (!is_saved) unlink(fresh.c_str());
  return failed;
}

absl::Status SetPlace(const std::string& path, Checkpoint* checkpoint) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    return absl::UnavailableError(absl::StrFormat(
        "Cannot stat audit file for checkpoint details - %s: %s", path, std::strerror(errno)));
  }
  checkpoint->device = status.st_dev;
  checkpoint->inode = status.st_ino;
  return absl::OkStatus();
}

CheckpointFilter::CheckpointFilter(std::optional<Checkpoint> checkpoint, bool only_time)
    : last_(checkpoint ? checkpoint->last : CheckpointEvent()),
      only_time_(only_time),
      is_behind_(SecondsOf(last_.time_ms) == 0) {}

CheckpointFilter::Answer CheckpointFilter::Ask(const audit::Event& event) {
  if (is_behind_) return Answer::kBehind;
  const uint64_t time_ms = event.stamp().time_ms;
  if (only_time_ && time_ms >= last_.time_ms) {
    is_behind_ = true;
    return Answer::kBehind;
  }
  if (CheckpointOf(event) == last_) {
    is_behind_ = true;
    return Answer::kBefore;  // What comes behind this one.
  }
  const bool is_too_late = SecondsOf(time_ms) > SecondsOf(last_.time_ms) + kEventSeconds;
  return is_too_late ? Answer::kCorrupted : Answer::kBefore;
}

}  // namespace cli
