#include "client-plugin/spool.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <random>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "base/new_file.h"
#include "base/number.h"

namespace client_plugin {

namespace {

namespace fs = std::filesystem;
using std::chrono::system_clock;

constexpr char kSuffix[] = ".spool";

// Between the boot and what tells its series apart.
constexpr char kSeriesMark[] = ".";

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

}  // namespace

absl::StatusOr<std::unique_ptr<Spool>> Spool::Open(const SpoolOptions& options) {
  auto spool = std::unique_ptr<Spool>(new Spool(options));
  const absl::Status loaded = spool->Load();
  if (!loaded.ok()) return loaded;
  return spool;
}

absl::Status Spool::Load() {
  const std::string& directory = options_.directory;
  std::error_code error;
  fs::create_directories(fs::path(directory).parent_path(), error);
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return Unusable(directory, errno);
  const std::string lock_path = directory + "/LOCK";
  lock_ = base::FileDescriptor(open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock_.is_open()) return Unusable(directory, errno);
  if (flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    return absl::FailedPreconditionError(directory + ": another process uses this spool");
  }
  std::vector<std::pair<uint64_t, std::string>> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, error)) {
    if (const auto number = FileNumber(entry.path())) files.emplace_back(*number, entry.path());
  }
  if (error) return Unusable(directory, error.value());
  std::ranges::sort(files);
  for (const auto& [number, path] : files) {
    next_file_ = number + 1;
    LoadSegment(path);
  }
  // Never on with a file that is there: if its end was damaged, numbers that the collector knows
  // would be given again.
  const absl::Status begun = Begin(NewSeries(), 1);
  if (begun.ok()) DropDone();
  return begun;
}

uint64_t Spool::Segment::RecordsBehind(uint64_t number) const {
  uint64_t records = 0;
  for (uint64_t i = std::max(number + 1, first_number); i < next_number; ++i) {
    records += record_counts[i - first_number];
  }
  return records;
}

// A file that cannot be read must not keep an agent from starting.
void Spool::LoadSegment(const std::string& path) {
  absl::StatusOr<SegmentReader> reader = SegmentReader::Open(path);
  if (!reader.ok()) {
    ++counters_.segments_damaged;
    return;
  }
  Segment segment{.path = path,
                  .series = reader->series(),
                  .first_number = reader->first_number(),
                  .next_number = reader->first_number(),
                  .acknowledged = reader->first_number() - 1,
                  .written = WrittenAt(path)};
  // What is behind its end was being written when the process stopped, or is damaged: of batches
  // that are behind that, there may be the next file of the series.
  if (!segments_.empty() && segments_.back().series == segment.series &&
      segments_.back().next_number != segment.first_number) {
    ++counters_.segments_damaged;
  }
  const bool is_of_this_boot = BootOf(segment.series) == options_.boot_id;
  if (is_of_this_boot) marks_ = reader->marks();
  for (;;) {
    const absl::StatusOr<std::optional<SpoolBatch>> batch = reader->Next();
    if (!batch.ok()) ++counters_.segments_damaged;
    if (!batch.ok() || !*batch) break;
    ++segment.next_number;
    segment.record_counts.push_back((*batch)->record_count());
    if (is_of_this_boot) marks_ = (*batch)->marks();
  }
  segment.bytes = reader->offset();
  counters_.bytes += segment.bytes;
  segments_.push_back(std::move(segment));
  counters_.segments = segments_.size();
}

std::string Spool::BootOf(const std::string& series) {
  return series.substr(0, series.rfind(kSeriesMark));
}

// Unlike any that this or another spool of the host has had: what a collector knows of that one
// must not be taken for ours.
std::string Spool::NewSeries() const {
  return absl::StrFormat("%s%s%08x", options_.boot_id, kSeriesMark, std::random_device()());
}

// A new file, which is written to from here on.
absl::Status Spool::Begin(const std::string& series, uint64_t first_number) {
  const std::string path = absl::StrFormat("%s/%08d%s", options_.directory, next_file_, kSuffix);
  absl::StatusOr<SegmentWriter> writer = SegmentWriter::Create(path, series, first_number, marks_);
  if (!writer.ok()) return writer.status();
  // What is on the disk under a name that is not would be lost with the power.
  if (writer_) (void)writer_->Sync();
  has_new_file_ = true;
  ++next_file_;
  segments_.push_back({.path = path,
                       .series = series,
                       .first_number = first_number,
                       .next_number = first_number,
                       .acknowledged = first_number - 1,
                       .bytes = writer->bytes(),
                       .written = system_clock::now()});
  counters_.bytes += writer->bytes();
  counters_.segments = segments_.size();
  writer_ = std::make_shared<SegmentWriter>(*std::move(writer));
  return absl::OkStatus();
}

absl::Status Spool::Append(SpoolBatch* batch) {
  const std::lock_guard lock(mutex_);
  // It may begin a file.
  const absl::Status room = MakeRoom(batch->bytes() + kSegmentHeadBytesMax);
  if (!room.ok()) {
    if (!absl::IsResourceExhausted(room)) return room;
    counters_.records_refused_full += batch->record_count();
    marks_.losses.spool_records += batch->record_count();
    return room;
  }
  BatchMarks marks = batch->marks();
  marks.losses.spool_records = marks_.losses.spool_records;
  marks.losses.aged_records = marks_.losses.aged_records;
  marks.losses.error_records = marks_.losses.error_records;
  batch->set_marks(marks);
  const absl::Status written = Write(batch);
  // A disk that is full is not our limit: it may have room again.
  if (!written.ok()) return absl::UnavailableError(written.message());
  marks_ = marks;
  ++counters_.batches_appended;
  counters_.records_appended += batch->record_count();
  return absl::OkStatus();
}

void Spool::GiveUp(const SpoolBatch& batch) {
  const std::lock_guard lock(mutex_);
  counters_.records_given_up += batch.record_count();
  marks_.losses.error_records += batch.record_count();
}

absl::Status Spool::Write(SpoolBatch* batch) {
  const Segment& last = segments_.back();
  const bool is_full = last.bytes >= options_.segment_bytes && last.next_number > last.first_number;
  if (is_full || writer_->is_damaged()) {
    const absl::Status begun = Begin(last.series, last.next_number);
    if (!begun.ok()) return begun;
  }
  const absl::Status appended = writer_->Append(batch);
  if (!appended.ok()) return appended;
  Segment& segment = segments_.back();
  counters_.bytes += writer_->bytes() - segment.bytes;
  segment.bytes = writer_->bytes();
  segment.next_number = writer_->next_number();
  segment.record_counts.push_back(batch->record_count());
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
      const absl::Status begun = Begin(front.series, front.next_number);
      if (!begun.ok()) return absl::UnavailableError(begun.message());
    }
    DropFront(&SpoolCounters::records_dropped_full, &Losses::spool_records);
  }
  return absl::OkStatus();
}

void Spool::DropAged() {
  if (options_.age_max.count() == 0) return;
  const system_clock::time_point oldest = system_clock::now() - options_.age_max;
  while (segments_.size() > 1 && segments_.front().written < oldest) {
    DropFront(&SpoolCounters::records_dropped_aged, &Losses::aged_records);
  }
}

// There must be another one behind it.
void Spool::DropFront(uint64_t SpoolCounters::*counter, uint64_t Losses::*loss) {
  const uint64_t dropped = segments_.front().RecordsBehind(segments_.front().acknowledged);
  counters_.*counter += dropped;
  marks_.losses.*loss += dropped;
  // The loss is on the disk, in the head of a file, before what was lost is not; if that takes it.
  const Segment& last = segments_.back();
  if (dropped > 0 && last.next_number > last.first_number)
    (void)Begin(last.series, last.next_number);
  Drop(0);
}

void Spool::Drop(size_t index) {
  const Segment& segment = segments_[index];
  if (reader_path_ == segment.path) {
    reader_.reset();
    reader_path_.clear();
  }
  unlink(segment.path.c_str());
  counters_.bytes -= segment.bytes;
  segments_.erase(segments_.begin() + static_cast<ptrdiff_t>(index));
  counters_.segments = segments_.size();
}

absl::Status Spool::Sync() {
  std::shared_ptr<const SegmentWriter> writer;
  bool has_new_file = false;
  {
    const std::lock_guard lock(mutex_);
    writer = writer_;
    has_new_file = std::exchange(has_new_file_, false);
  }
  absl::Status synced = writer->Sync();
  if (synced.ok() && has_new_file) synced = base::SyncDirectory(options_.directory);
  if (synced.ok() || !has_new_file) return synced;
  const std::lock_guard lock(mutex_);
  has_new_file_ = true;  // The next sync has to do it again.
  return synced;
}

BatchMarks Spool::marks() const {
  const std::lock_guard lock(mutex_);
  return marks_;
}

absl::Status Spool::BeginSeries() {
  const std::lock_guard lock(mutex_);
  const absl::Status begun = Begin(NewSeries(), 1);
  return begun.ok() ? begun : absl::UnavailableError(begun.message());
}

std::string Spool::CurrentSeries() const {
  const std::lock_guard lock(mutex_);
  return segments_.back().series;
}

std::vector<std::string> Spool::PendingSeries() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> pending;
  for (const Segment& segment : segments_) {
    if (segment.is_done()) continue;
    if (pending.empty() || pending.back() != segment.series) pending.push_back(segment.series);
  }
  return pending;
}

uint64_t Spool::PendingBytes(const std::string& series) const {
  const std::lock_guard lock(mutex_);
  uint64_t bytes = 0;
  for (const Segment& segment : segments_) {
    if (segment.series == series && !segment.is_done()) bytes += segment.bytes;
  }
  return bytes;
}

absl::StatusOr<std::optional<SpoolBatch>> Spool::Next(const std::string& series, uint64_t after) {
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < segments_.size(); ++i) {
    if (segments_[i].series != series) continue;
    // Of what one collector has acknowledged, another one knows nothing.
    const uint64_t behind = std::max(after, segments_[i].acknowledged);
    if (segments_[i].next_number - 1 <= behind) continue;
    absl::StatusOr<std::optional<SpoolBatch>> batch = Read(segments_[i], behind);
    if (absl::IsUnavailable(batch.status()) || (batch.ok() && *batch)) return batch;
    const absl::Status given_up = GiveUpRest(&segments_[i], behind);
    if (!given_up.ok()) return given_up;
  }
  return std::nullopt;
}

// Of a file that is damaged. What is appended from here on goes into another one: a reader does not
// come past the damage.
absl::Status Spool::GiveUpRest(Segment* segment, uint64_t after) {
  if (segment == &segments_.back()) {
    const size_t index = segments_.size() - 1;
    const absl::Status begun = Begin(segment->series, segment->next_number);
    if (!begun.ok()) return absl::UnavailableError(begun.message());
    segment = &segments_[index];
  }
  const uint64_t lost = segment->RecordsBehind(after);
  ++counters_.segments_damaged;
  counters_.records_given_up += lost;
  marks_.losses.error_records += lost;
  segment->next_number = after + 1;  // There is nothing behind.
  return absl::OkStatus();
}

// The first batch of a segment that has a higher number; none where it is damaged.
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

void Spool::Acknowledge(const std::string& series, uint64_t number) {
  const std::lock_guard lock(mutex_);
  for (Segment& segment : segments_) {
    if (segment.series != series) continue;
    segment.acknowledged = std::clamp(number, segment.acknowledged, segment.next_number - 1);
  }
  DropDone();
}

// Files of a later series may be done before those of an earlier one.
void Spool::DropDone() {
  for (size_t i = 0; i + 1 < segments_.size();) {
    if (segments_[i].is_done()) {
      Drop(i);
    } else {
      ++i;
    }
  }
}

uint64_t Spool::LastNumber(const std::string& series) const {
  const std::lock_guard lock(mutex_);
  uint64_t last = 0;
  for (const Segment& segment : segments_) {
    if (segment.series == series) last = segment.next_number - 1;
  }
  return last;
}

SpoolCounters Spool::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

}  // namespace client_plugin
