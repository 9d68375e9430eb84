#include "cli/log_input.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <limits>
#include <map>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"

namespace cli {

namespace {

constexpr std::string_view kGzipMagic = "\x1f\x8b";
constexpr std::string_view kZstdMagic = "\x28\xb5\x2f\xfd";

absl::Status Failed(const std::string& path, int error) {
  const std::string message = absl::StrFormat("%s: %s", path, std::strerror(error));
  if (error == ENOENT || error == ENOTDIR) return absl::NotFoundError(message);
  if (error == EACCES || error == EPERM) return absl::PermissionDeniedError(message);
  return absl::UnavailableError(message);
}

// A file, or standard input.
class FileSource : public ByteSource {
 public:
  FileSource(std::string path, int fd, uint64_t* bytes_read)
      : path_(std::move(path)), fd_(fd), bytes_read_(bytes_read) {}
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;
  ~FileSource() override {
    if (fd_ != STDIN_FILENO) close(fd_);
  }

  // The bytes at the front, which Read() gives again.
  absl::StatusOr<std::string_view> Peek(size_t size) {
    while (peeked_.size() < size) {
      std::array<char, 16> bytes;
      const absl::StatusOr<size_t> read = ReadFile(bytes.data(), size - peeked_.size());
      if (!read.ok()) return read.status();
      if (*read == 0) break;
      peeked_.append(bytes.data(), *read);
    }
    return std::string_view(peeked_);
  }

  absl::StatusOr<size_t> Read(char* bytes, size_t size) override {
    if (peeked_.empty()) return ReadFile(bytes, size);
    const size_t taken = std::min(size, peeked_.size());
    std::memcpy(bytes, peeked_.data(), taken);
    peeked_.erase(0, taken);
    return taken;
  }

 private:
  absl::StatusOr<size_t> ReadFile(char* bytes, size_t size) {
    for (;;) {
      const ssize_t count = read(fd_, bytes, size);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return Failed(path_, errno);
      *bytes_read_ += static_cast<uint64_t>(count);
      return static_cast<size_t>(count);
    }
  }

  const std::string path_;
  const int fd_;
  uint64_t* const bytes_read_;
  std::string peeked_;
};

// What both ways of packing have in common: packed bytes are read ahead.
class PackedSource : public ByteSource {
 public:
  PackedSource(std::string path, std::unique_ptr<ByteSource> packed)
      : path_(std::move(path)), packed_(std::move(packed)), buffer_(size_t{256} << 10, '\0') {}

 protected:
  // Bytes that are packed and not used yet; empty at the end of the file.
  absl::StatusOr<std::string_view> Packed() {
    if (begin_ == end_) {
      const absl::StatusOr<size_t> read = packed_->Read(buffer_.data(), buffer_.size());
      if (!read.ok()) return read.status();
      begin_ = 0;
      end_ = *read;
    }
    return std::string_view(buffer_).substr(begin_, end_ - begin_);
  }
  void Use(size_t bytes) { begin_ += bytes; }

  absl::Status Damaged(const char* how) const {
    return absl::DataLossError(
        absl::StrFormat("%s: damaged after %d bytes of text: %s", path_, text_bytes_, how));
  }

  uint64_t text_bytes_ = 0;  // Given out.

 private:
  const std::string path_;
  const std::unique_ptr<ByteSource> packed_;
  std::string buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

// One gzip member after the other.
class GzipSource : public PackedSource {
 public:
  GzipSource(std::string path, std::unique_ptr<ByteSource> packed)
      : PackedSource(std::move(path), std::move(packed)) {
    constexpr int kGzipOnly = 16;
    inflateInit2(&stream_, MAX_WBITS + kGzipOnly);
  }
  GzipSource(const GzipSource&) = delete;
  GzipSource& operator=(const GzipSource&) = delete;
  ~GzipSource() override { inflateEnd(&stream_); }

  absl::StatusOr<size_t> Read(char* bytes, size_t size) override {
    stream_.next_out = reinterpret_cast<Bytef*>(bytes);
    stream_.avail_out = static_cast<uInt>(std::min<size_t>(size, UINT32_MAX));
    const size_t wanted = stream_.avail_out;
    while (stream_.avail_out == wanted) {
      const absl::StatusOr<std::string_view> packed = Packed();
      if (!packed.ok()) return packed.status();
      if (packed->empty()) {
        if (in_member_) return Damaged("cut off");
        break;
      }
      if (!in_member_) inflateReset(&stream_);
      in_member_ = true;
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed->data()));
      stream_.avail_in = static_cast<uInt>(packed->size());
      const int result = inflate(&stream_, Z_NO_FLUSH);
      Use(packed->size() - stream_.avail_in);
      if (result == Z_STREAM_END) in_member_ = false;
      if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
        return Damaged(stream_.msg == nullptr ? "not gzip" : stream_.msg);
      }
    }
    text_bytes_ += wanted - stream_.avail_out;
    return wanted - stream_.avail_out;
  }

 private:
  z_stream stream_ = {};
  bool in_member_ = false;
};

// One zstd frame after the other.
class ZstdSource : public PackedSource {
 public:
  using PackedSource::PackedSource;

  absl::StatusOr<size_t> Read(char* bytes, size_t size) override {
    ZSTD_outBuffer out{bytes, size, 0};
    while (out.pos == 0) {
      const absl::StatusOr<std::string_view> packed = Packed();
      if (!packed.ok()) return packed.status();
      if (packed->empty()) {
        if (in_frame_) return Damaged("cut off");
        break;
      }
      ZSTD_inBuffer in{packed->data(), packed->size(), 0};
      const size_t left = ZSTD_decompressStream(stream_.get(), &out, &in);
      Use(in.pos);
      if (ZSTD_isError(left) != 0) return Damaged(ZSTD_getErrorName(left));
      in_frame_ = left != 0;
    }
    text_bytes_ += out.pos;
    return out.pos;
  }

 private:
  struct Free {
    void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
  };
  std::unique_ptr<ZSTD_DStream, Free> stream_{ZSTD_createDStream()};
  bool in_frame_ = false;
};

// The name of the set that a path is of, and its age in the set: the oldest is the lowest.
struct Rotated {
  std::string set;
  int64_t age = 0;
};

Rotated RotatedName(std::string path) {
  // The one that is written to is the youngest.
  constexpr int64_t kYoungest = std::numeric_limits<int64_t>::max();
  for (const std::string_view suffix : {".gz", ".zst", ".zstd"}) {
    if (path.ends_with(suffix)) path.erase(path.size() - suffix.size());
  }
  const size_t name_end = path.find_last_not_of("0123456789");
  int64_t number = 0;
  if (name_end == std::string::npos || name_end == 0 ||
      !absl::SimpleAtoi(path.substr(name_end + 1), &number)) {
    return {.set = path, .age = kYoungest};
  }
  const std::string set = path.substr(0, name_end);
  if (path[name_end] == '.') return {.set = set, .age = -number};
  constexpr size_t kDateDigits = 8;
  const bool is_date = path[name_end] == '-' && path.size() - name_end - 1 >= kDateDigits;
  return is_date ? Rotated{.set = set, .age = number} : Rotated{.set = path, .age = kYoungest};
}

}  // namespace

absl::StatusOr<LogInput> LogInput::Open(const std::string& path) {
  const int fd = path == "-" ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Failed(path, errno);
  LogInput input;
  input.path_ = path == "-" ? "standard input" : path;
  input.bytes_read_ = std::make_unique<uint64_t>(0);
  auto file = std::make_unique<FileSource>(input.path_, fd, input.bytes_read_.get());
  struct stat status {};
  if (fstat(fd, &status) != 0) return Failed(path, errno);
  if (S_ISDIR(status.st_mode)) return Failed(path, EISDIR);
  if (S_ISREG(status.st_mode)) input.bytes_total_ = static_cast<uint64_t>(status.st_size);
  const absl::StatusOr<std::string_view> front = file->Peek(kZstdMagic.size());
  if (!front.ok()) return front.status();
  if (front->starts_with(kGzipMagic)) {
    input.source_ = std::make_unique<GzipSource>(input.path_, std::move(file));
  } else if (*front == kZstdMagic) {
    input.source_ = std::make_unique<ZstdSource>(input.path_, std::move(file));
  } else {
    input.source_ = std::move(file);
  }
  input.buffer_.resize(kPieceBytes);
  return input;
}

absl::StatusOr<std::string_view> LogInput::Next() {
  // What follows behind the piece that was given out moves to the front.
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  size_t wanted = kPieceBytes;
  for (;;) {
    while (end_ < wanted && !at_end_) {
      const absl::StatusOr<size_t> read = source_->Read(buffer_.data() + end_, wanted - end_);
      if (!read.ok()) failure_ = read.status();
      at_end_ = !read.ok() || *read == 0;
      end_ += read.value_or(0);
    }
    const std::string_view text = std::string_view(buffer_).substr(0, end_);
    // At the end of a whole log all that is left is a piece.
    const bool is_last = at_end_ && end_ < wanted;
    const size_t newline = text.substr(0, std::min(end_, wanted)).rfind('\n');
    if (is_last && failure_.ok()) {
      begin_ = end_;
    } else if (newline != std::string_view::npos) {
      begin_ = newline + 1;
    } else if (at_end_) {
      return failure_.ok() ? absl::StatusOr<std::string_view>(std::string_view()) : failure_;
    } else if (wanted >= kLineBytesMax) {
      return absl::InvalidArgumentError(
          absl::StrFormat("%s: a line is longer than %d bytes", path_, kLineBytesMax));
    } else {
      wanted *= 2;
      buffer_.resize(std::max(buffer_.size(), wanted));
      continue;
    }
    return text.substr(0, begin_);
  }
}

std::vector<std::string> InOrderOfAge(const std::vector<std::string>& paths) {
  struct File {
    int64_t age;
    std::string path;
  };
  std::vector<std::string> sets;  // In the order in which their first files came.
  std::map<std::string, std::vector<File>> files;
  for (const std::string& path : paths) {
    const Rotated rotated = RotatedName(path);
    std::vector<File>& set = files[rotated.set];
    if (set.empty()) sets.push_back(rotated.set);
    const bool is_new = std::ranges::find(set, path, &File::path) == set.end();
    if (is_new) set.push_back({.age = rotated.age, .path = path});
  }
  std::vector<std::string> ordered;
  for (const std::string& name : sets) {
    std::ranges::stable_sort(files[name], {}, &File::age);
    for (const File& file : files[name]) ordered.push_back(file.path);
  }
  return ordered;
}

}  // namespace cli
