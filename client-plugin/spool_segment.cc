#include "client-plugin/spool_segment.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utility>
#include <zlib.h>

#include "absl/strings/str_cat.h"

namespace client_plugin {

namespace {

constexpr std::string_view kMagic = "ASPOOL1\n";
constexpr size_t kNumberBytes = sizeof(uint64_t);
constexpr size_t kCrcBytes = sizeof(uint32_t);
constexpr size_t kMarksBytes =
    (storage::kLossCauses.size() + 1) * sizeof(uint64_t) + 2 * sizeof(uint32_t);
constexpr size_t kHeadBytesMax =
    kMagic.size() + 1 + kSeriesBytesMax + kNumberBytes + kMarksBytes + kCrcBytes;
static_assert(kHeadBytesMax <= kSegmentHeadBytesMax);
constexpr size_t kBatchHeadBytes = 20 + kMarksBytes;

template <typename Number>
void Put(std::string* out, Number number) {
  for (size_t i = 0; i < sizeof(number); ++i) {
    out->push_back(static_cast<char>(number >> (8 * i) & 0xff));
  }
}

template <typename Number>
Number Take(std::string_view* in) {
  Number number = 0;
  for (size_t i = 0; i < sizeof(number); ++i) {
    number |= static_cast<Number>(static_cast<uint8_t>((*in)[i])) << (8 * i);
  }
  in->remove_prefix(sizeof(number));
  return number;
}

void PutMarks(std::string* out, const BatchMarks& marks) {
  for (const storage::LossCause& cause : storage::kLossCauses) Put(out, marks.losses.*cause.total);
  Put(out, marks.kernel_lost);
  Put(out, marks.last_serial);
  Put(out, marks.awaited_events);
}

BatchMarks TakeMarks(std::string_view* in) {
  BatchMarks marks;
  for (const storage::LossCause& cause : storage::kLossCauses) {
    marks.losses.*cause.total = Take<uint64_t>(in);
  }
  marks.kernel_lost = Take<uint32_t>(in);
  marks.last_serial = Take<uint32_t>(in);
  marks.awaited_events = Take<uint64_t>(in);
  return marks;
}

uint32_t Crc(std::string_view bytes, uint32_t before = 0) {
  return static_cast<uint32_t>(
      crc32_z(before, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
}

absl::Status Failed(const std::string& path, int error) {
  const std::string message = absl::StrCat(path, ": ", std::strerror(error));
  switch (error) {
    case ENOENT:
      return absl::NotFoundError(message);
    case EEXIST:
      return absl::AlreadyExistsError(message);
    case ENOSPC:
    case EDQUOT:
      return absl::ResourceExhaustedError(message);
    case EIO:
      return absl::DataLossError(message);
    default:
      return absl::UnavailableError(message);
  }
}

absl::Status Damaged(const std::string& path) {
  return absl::DataLossError(path + ": the head of the file is damaged");
}

// All of it, or an error.
int WriteWhole(int fd, std::string_view head, std::string_view body, uint64_t offset) {
  while (!head.empty() || !body.empty()) {
    const iovec parts[] = {{const_cast<char*>(head.data()), head.size()},
                           {const_cast<char*>(body.data()), body.size()}};
    const ssize_t written = pwritev(fd, parts, 2, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    const auto bytes = static_cast<size_t>(written);
    offset += bytes;
    const size_t of_head = std::min(bytes, head.size());
    head.remove_prefix(of_head);
    body.remove_prefix(bytes - of_head);
  }
  return 0;
}

// Whether records of these lengths fill it, as many as it says.
bool IsWhole(std::string_view body, uint32_t record_count) {
  uint32_t count = 0;
  while (body.size() >= sizeof(uint32_t)) {
    const auto bytes = Take<uint32_t>(&body);
    if (bytes > body.size()) return false;
    body.remove_prefix(bytes);
    ++count;
  }
  return body.empty() && count == record_count;
}

}  // namespace

void SpoolBatch::Add(std::string_view record) {
  Put(&body_, static_cast<uint32_t>(record.size()));
  body_.append(record);
  ++record_count_;
}

size_t SpoolBatch::bytes() const { return kBatchHeadBytes + body_.size(); }

void SpoolBatch::Clear() {
  number_ = 0;
  record_count_ = 0;
  marks_ = BatchMarks();
  body_.clear();
}

void SpoolBatch::ForEachRecord(absl::FunctionRef<void(std::string_view)> sink) const {
  for (std::string_view rest = body_; !rest.empty();) {
    const auto bytes = Take<uint32_t>(&rest);
    sink(rest.substr(0, bytes));
    rest.remove_prefix(bytes);
  }
}

absl::StatusOr<SegmentReader> SegmentReader::Open(const std::string& path) {
  base::FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return Failed(path, errno);
  SegmentReader reader(path, std::move(file));
  const absl::Status head = reader.ReadHead();
  if (!head.ok()) return head;
  return reader;
}

absl::Status SegmentReader::ReadHead() {
  const absl::StatusOr<std::string> bytes = ReadAt(0, kHeadBytesMax);
  if (!bytes.ok()) return bytes.status();
  std::string_view rest = *bytes;
  if (!rest.starts_with(kMagic) || rest.size() == kMagic.size()) return Damaged(path_);
  const auto series_bytes = static_cast<uint8_t>(rest[kMagic.size()]);
  const size_t covered = kMagic.size() + 1 + series_bytes + kNumberBytes + kMarksBytes;
  if (series_bytes > kSeriesBytesMax || rest.size() < covered + kCrcBytes) return Damaged(path_);
  const std::string_view head = rest.substr(0, covered);
  rest.remove_prefix(kMagic.size() + 1);
  series_ = rest.substr(0, series_bytes);
  rest.remove_prefix(series_bytes);
  first_number_ = Take<uint64_t>(&rest);
  marks_ = TakeMarks(&rest);
  if (Take<uint32_t>(&rest) != Crc(head) || first_number_ == 0) return Damaged(path_);
  next_number_ = first_number_;
  offset_ = covered + kCrcBytes;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<SpoolBatch>> SegmentReader::Next() {
  const absl::StatusOr<std::string> head = ReadAt(offset_, kBatchHeadBytes);
  if (!head.ok()) return head.status();
  if (head->size() < kBatchHeadBytes) return std::nullopt;
  std::string_view rest = *head;
  const auto body_bytes = Take<uint32_t>(&rest);
  const auto crc = Take<uint32_t>(&rest);
  const uint32_t crc_of_head = Crc(rest);
  SpoolBatch batch;
  batch.number_ = Take<uint64_t>(&rest);
  batch.record_count_ = Take<uint32_t>(&rest);
  batch.marks_ = TakeMarks(&rest);
  if (body_bytes > kBatchBytesMax || batch.number_ != next_number_) return std::nullopt;
  absl::StatusOr<std::string> body = ReadAt(offset_ + kBatchHeadBytes, body_bytes);
  if (!body.ok()) return body.status();
  const bool is_whole = body->size() == body_bytes && Crc(*body, crc_of_head) == crc &&
                        IsWhole(*body, batch.record_count_);
  if (!is_whole) return std::nullopt;
  batch.body_ = *std::move(body);
  offset_ += kBatchHeadBytes + body_bytes;
  ++next_number_;
  return batch;
}

// Fewer at the end of the file.
absl::StatusOr<std::string> SegmentReader::ReadAt(uint64_t offset, size_t bytes) const {
  std::string read(bytes, '\0');
  size_t had = 0;
  while (had < bytes) {
    const ssize_t got =
        pread(file_.get(), read.data() + had, bytes - had, static_cast<off_t>(offset + had));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failed(path_, errno);
    if (got == 0) break;
    had += static_cast<size_t>(got);
  }
  read.resize(had);
  return read;
}

absl::StatusOr<SegmentWriter> SegmentWriter::Create(const std::string& path,
                                                    const std::string& series,
                                                    uint64_t first_number,
                                                    const BatchMarks& marks) {
  assert(series.size() <= kSeriesBytesMax);
  std::string head(kMagic);
  Put(&head, static_cast<uint8_t>(series.size()));
  head += series;
  Put(&head, first_number);
  PutMarks(&head, marks);
  Put(&head, Crc(head));
  base::FileDescriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.is_open()) return Failed(path, errno);
  const int error = WriteWhole(file.get(), head, {}, 0);
  SegmentWriter writer(path, std::move(file), first_number, head.size());
  if (error == 0) return writer;
  unlink(path.c_str());
  return Failed(path, error);
}

absl::Status SegmentWriter::Append(SpoolBatch* batch) {
  assert(!batch->empty() && batch->body().size() <= kBatchBytesMax);
  if (is_damaged_) return absl::UnavailableError(path_ + ": the last write has left it damaged");
  std::string covered;
  Put(&covered, next_number_);
  Put(&covered, batch->record_count());
  PutMarks(&covered, batch->marks());
  std::string head;
  Put(&head, static_cast<uint32_t>(batch->body().size()));
  Put(&head, Crc(batch->body(), Crc(covered)));
  head += covered;
  const int error = WriteWhole(file_.get(), head, batch->body(), offset_);
  if (error != 0) {
    is_damaged_ = ftruncate(file_.get(), static_cast<off_t>(offset_)) != 0;
    return Failed(path_, error);
  }
  offset_ += head.size() + batch->body().size();
  batch->number_ = next_number_++;
  return absl::OkStatus();
}

absl::Status SegmentWriter::Sync() const {
  return fdatasync(file_.get()) == 0 ? absl::OkStatus() : Failed(path_, errno);
}

}  // namespace client_plugin
