#include "client-plugin/spool.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "base/number.h"

namespace client_plugin {

namespace {

namespace fs = std::filesystem;
using std::chrono::system_clock;

constexpr char kSuffix[] = ".spool";

absl::Status Unusable(const std::string& path, int error) {
  const std::string message = absl::StrCat(path, ": ", std::strerror(error));
  return error == EACCES || error == EPERM ? absl::PermissionDeniedError(message)
                                           : absl::UnavailableError(message);
}

// The number in the name of a file of ours.
std::optional<uint64_t> FileNumber(const fs::path& path) {
  if (path.extension() != kSuffix) return std::nullopt;
  return base::ParseNumber<uint64_t>(path.stem().string());
}

system_clock::time_point WrittenAt(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return system_clock::now();
  return system_clock::from_time_t(status.st_mtim.tv_sec);
}

// The records of a file's batches with higher numbers.
uint64_t RecordsBehind(const std::string& path, uint64_t number) {
  absl::StatusOr<SegmentReader> reader = SegmentReader::Open(path);
  uint64_t records = 0;
  while (reader.ok()) {
    const absl::StatusOr<std::optional<SpoolBatch>> batch = reader->Next();
    if (!batch.ok() || !*batch) break;
    if ((*batch)->number() > number) records += (*batch)->record_count();
  }
  return records;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Spool>> Spool::Open(const SpoolOptions& options) {
  auto spool = std::unique_ptr<Spool>(new Spool(options));
  const absl::Status loaded = spool->Load();
  if (!loaded.ok()) return loaded;
  return spool;
}

absl::Status Spool::Load() {
  const std::string& directory = options_.directory;
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return Unusable(directory, errno);
  const std::string lock_path = directory + "/LOCK";
  lock_ = base::FileDescriptor(open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock_.is_open()) return Unusable(directory, errno);
  if (flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    return absl::FailedPreconditionError(directory + ": another process uses this spool");
  }
  std::vector<std::pair<uint64_t, std::string>> files;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, error)) {
    if (const auto number = FileNumber(entry.path())) files.emplace_back(*number, entry.path());
  }
  if (error) return Unusable(directory, error.value());
  std::ranges::sort(files);
  for (const auto& [number, path] : files) {
    next_file_ = number + 1;
    const absl::Status loaded = LoadSegment(path);
    if (!loaded.ok()) return loaded;
  }
  const bool goes_on = !segments_.empty() && segments_.back().boot_id == options_.boot_id;
  if (!goes_on) return Begin(1);
  // What is behind its last whole batch is of a batch that was being written.
  const Segment& last = segments_.back();
  absl::StatusOr<SegmentWriter> writer =
      SegmentWriter::Reopen(last.path, last.next_number, last.bytes);
  if (!writer.ok()) return writer.status();
  writer_ = *std::move(writer);
  return absl::OkStatus();
}

absl::Status Spool::LoadSegment(const std::string& path) {
  absl::StatusOr<SegmentReader> reader = SegmentReader::Open(path);
  if (absl::IsDataLoss(reader.status())) {
    ++counters_.segments_damaged;
    return absl::OkStatus();
  }
  if (!reader.ok()) return reader.status();
  Segment segment{.path = path,
                  .boot_id = reader->boot_id(),
                  .first_number = reader->first_number(),
                  .next_number = reader->first_number(),
                  .acknowledged = reader->first_number() - 1,
                  .written = WrittenAt(path)};
  for (;;) {
    const absl::StatusOr<std::optional<SpoolBatch>> batch = reader->Next();
    if (!batch.ok()) return batch.status();
    if (!*batch) break;
    ++segment.next_number;
  }
  segment.bytes = reader->offset();
  counters_.bytes += segment.bytes;
  segments_.push_back(std::move(segment));
  counters_.segments = segments_.size();
  return absl::OkStatus();
}

// A new file, which is written to from here on.
absl::Status Spool::Begin(uint64_t first_number) {
  const std::string path = absl::StrFormat("%s/%08d%s", options_.directory, next_file_, kSuffix);
  absl::StatusOr<SegmentWriter> writer =
      SegmentWriter::Create(path, options_.boot_id, first_number);
  if (!writer.ok()) return writer.status();
  // What is on the disk under a name that is not would be lost with the power.
  if (writer_) (void)writer_->Sync();
  ++next_file_;
  segments_.push_back({.path = path,
                       .boot_id = options_.boot_id,
                       .first_number = first_number,
                       .next_number = first_number,
                       .acknowledged = first_number - 1,
                       .bytes = writer->bytes(),
                       .written = system_clock::now()});
  counters_.bytes += writer->bytes();
  counters_.segments = segments_.size();
  writer_ = *std::move(writer);
  return absl::OkStatus();
}

absl::Status Spool::Append(SpoolBatch* batch) {
  const std::lock_guard lock(mutex_);
  const absl::Status room = MakeRoom(batch->body().size());
  if (absl::IsResourceExhausted(room)) counters_.records_refused_full += batch->record_count();
  const absl::Status written = room.ok() ? Write(batch) : room;
  if (written.ok()) {
    ++counters_.batches_appended;
    counters_.records_appended += batch->record_count();
  } else if (room.ok() || !absl::IsResourceExhausted(room)) {
    counters_.records_refused_error += batch->record_count();
  }
  return written;
}

absl::Status Spool::Write(SpoolBatch* batch) {
  const Segment& last = segments_.back();
  const bool is_full = last.bytes >= options_.segment_bytes && last.next_number > last.first_number;
  if (is_full || writer_->is_damaged()) {
    const absl::Status begun = Begin(last.next_number);
    if (!begun.ok()) return begun;
  }
  const absl::Status appended = writer_->Append(batch);
  if (!appended.ok()) return appended;
  Segment& segment = segments_.back();
  counters_.bytes += writer_->bytes() - segment.bytes;
  segment.bytes = writer_->bytes();
  segment.next_number = writer_->next_number();
  segment.written = system_clock::now();
  return absl::OkStatus();
}

// Where there is room for so much more, or there can be. The file that is written to goes last,
// when another has taken its place.
absl::Status Spool::MakeRoom(size_t bytes) {
  DropAged();
  while (counters_.bytes + bytes > options_.bytes_max) {
    const bool is_only = segments_.size() == 1;
    if (!segments_.front().is_done() && options_.when_full == WhenFull::kDropNewest) {
      return absl::ResourceExhaustedError(absl::StrCat(options_.directory, ": the spool has ",
                                                       counters_.bytes, " bytes of ",
                                                       options_.bytes_max));
    }
    const Segment& front = segments_.front();
    if (is_only && front.first_number == front.next_number) break;  // It can be no smaller.
    if (is_only) {
      const absl::Status begun = Begin(front.next_number);
      if (!begun.ok()) return begun;
    }
    counters_.records_dropped_full += DropFront();
  }
  return absl::OkStatus();
}

void Spool::DropAged() {
  if (options_.age_max.count() == 0) return;
  const system_clock::time_point oldest = system_clock::now() - options_.age_max;
  while (segments_.size() > 1 && segments_.front().written < oldest) {
    counters_.records_dropped_aged += DropFront();
  }
}

// Returns how many records are lost by it.
uint64_t Spool::DropFront() {
  const Segment& front = segments_.front();
  const uint64_t lost = front.is_done() ? 0 : RecordsBehind(front.path, front.acknowledged);
  if (reader_path_ == front.path) {
    reader_.reset();
    reader_path_.clear();
  }
  unlink(front.path.c_str());
  counters_.bytes -= front.bytes;
  segments_.pop_front();
  counters_.segments = segments_.size();
  return lost;
}

absl::Status Spool::Sync() {
  const std::lock_guard lock(mutex_);
  return writer_->Sync();
}

std::string Spool::OldestBoot() const {
  const std::lock_guard lock(mutex_);
  const auto kept =
      std::ranges::find_if(segments_, [](const Segment& segment) { return !segment.is_done(); });
  return kept == segments_.end() ? options_.boot_id : kept->boot_id;
}

absl::StatusOr<std::optional<SpoolBatch>> Spool::Next(const std::string& boot_id, uint64_t after) {
  const std::lock_guard lock(mutex_);
  for (const Segment& segment : segments_) {
    if (segment.boot_id != boot_id || segment.next_number <= after + 1) continue;
    absl::StatusOr<std::optional<SpoolBatch>> batch = Read(segment, after);
    // A file that is damaged by now must not hold up those behind it.
    if (!batch.ok() || *batch) return batch;
  }
  return std::nullopt;
}

// The first batch of a segment that has a higher number.
absl::StatusOr<std::optional<SpoolBatch>> Spool::Read(const Segment& segment, uint64_t after) {
  if (reader_path_ != segment.path || reader_number_ > after) {
    absl::StatusOr<SegmentReader> reader = SegmentReader::Open(segment.path);
    if (!reader.ok()) return reader.status();
    reader_ = *std::move(reader);
    reader_path_ = segment.path;
    reader_number_ = 0;
  }
  for (;;) {
    absl::StatusOr<std::optional<SpoolBatch>> batch = reader_->Next();
    if (!batch.ok() || !*batch) return batch;
    reader_number_ = (*batch)->number();
    if (reader_number_ > after) return batch;
  }
}

void Spool::Acknowledge(const std::string& boot_id, uint64_t number) {
  const std::lock_guard lock(mutex_);
  for (Segment& segment : segments_) {
    if (segment.boot_id != boot_id) continue;
    segment.acknowledged = std::clamp(number, segment.acknowledged, segment.next_number - 1);
  }
  while (segments_.size() > 1 && segments_.front().is_done()) DropFront();
}

uint64_t Spool::last_number() const {
  const std::lock_guard lock(mutex_);
  return segments_.back().next_number - 1;
}

SpoolCounters Spool::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

}  // namespace client_plugin
