// A library to be preloaded: what the process writes, syncs, renames, deletes or creates below
// $AUSPEX_TEST_FAULTS_BELOW fails when the file $AUSPEX_TEST_FAULTS says so at that moment. All
// that can fail is counted there: by what is done, and to which kind of file.
//
// Or it does not come back as long as the file says so, as where a disk hangs behind a file system
// that is a program: there one can still be killed.
//
// The file is a Control, mapped; tests/e2e/faults.py is who writes it.

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <dlfcn.h>
#include <fcntl.h>
#include <string_view>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

namespace {

enum Kind : int64_t {
  kWrite,
  kSync,
  kRangeSync,
  kRename,
  kUnlink,
  kTruncate,
  kAllocate,
  kCreate,
  kMakeDirectory,
  kKinds
};

// By the name; of a rename, by the name that it gives.
enum File : int64_t {
  kLog,
  kTable,
  kManifest,
  kCurrent,
  kOptions,
  kIdentity,
  kTemporary,
  kFormat,
  kLock,
  kDirectory,
  kOther,
  kFiles
};

enum Mode : int64_t {
  kNothing,  // Counts only.
  kFail,     // Nothing is done, and the error is returned.
  kTear,     // Of a write half is done, then as kFail.
  kShorten,  // Of a write half is done, and that is returned: no error.
  kHang,     // Nothing is done until the mode is another one; then all.
};

constexpr int64_t kAny = -1;
constexpr int64_t kNone = -1;

struct Control {
  int64_t mode;
  int64_t error;
  int64_t kind;     // Or kAny.
  int64_t file;     // Likewise.
  int64_t first;    // Of the operations that match, from 0, the first that fails,
  int64_t count;    // and how many do so from there on;
  int64_t again;    // another one that fails, or kNone.
  int64_t matched;  // How many there were since the test has set it to 0.
  int64_t failed;   // Likewise.
  int64_t counts[kKinds][kFiles];
};

int64_t Read(int64_t& value) { return std::atomic_ref(value).load(); }
int64_t Add(int64_t& value) { return std::atomic_ref(value).fetch_add(1); }

Control* OpenControl() {
  static Control nothing{};
  const char* const path = std::getenv("AUSPEX_TEST_FAULTS");
  const auto fd = static_cast<int>(
      path == nullptr ? -1 : syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0));
  if (fd < 0) return &nothing;
  void* const mapped = mmap(nullptr, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  syscall(SYS_close, fd);
  return mapped == MAP_FAILED ? &nothing : static_cast<Control*>(mapped);
}

Control& TheControl() {
  static Control* const control = OpenControl();
  return *control;
}

bool IsBelow(std::string_view path) {
  static const char* const directory = std::getenv("AUSPEX_TEST_FAULTS_BELOW");
  return directory != nullptr && path.starts_with(directory);
}

File FileOf(std::string_view path) {
  constexpr std::string_view kDeleted = " (deleted)";
  if (path.ends_with(kDeleted)) path.remove_suffix(kDeleted.size());
  const std::string_view name = path.substr(path.rfind('/') + 1);
  if (name.ends_with(".log")) return kLog;
  if (name.ends_with(".sst")) return kTable;
  if (name.starts_with("MANIFEST-")) return kManifest;
  if (name == "CURRENT") return kCurrent;
  if (name.ends_with(".dbtmp")) return kTemporary;
  if (name.starts_with("OPTIONS-")) return kOptions;
  if (name == "IDENTITY") return kIdentity;
  if (name.starts_with("FORMAT")) return kFormat;
  if (name == "LOCK") return kLock;
  return kOther;
}

// What is to become of an operation.
Mode Decide(Kind kind, std::string_view path, bool is_directory = false) {
  if (!IsBelow(path)) return kNothing;
  Control& control = TheControl();
  const File file = is_directory ? kDirectory : FileOf(path);
  Add(control.counts[kind][file]);
  const auto mode = static_cast<Mode>(Read(control.mode));
  if (mode == kNothing) return kNothing;
  const int64_t wanted_kind = Read(control.kind);
  const int64_t wanted_file = Read(control.file);
  if (wanted_kind != kAny && wanted_kind != kind) return kNothing;
  if (wanted_file != kAny && wanted_file != file) return kNothing;
  const int64_t place = Add(control.matched);
  const int64_t first = Read(control.first);
  const bool is_first = place >= first && place - first < Read(control.count);
  if (!is_first && place != Read(control.again)) return kNothing;
  Add(control.failed);
  if (mode != kHang) return mode;
  constexpr timespec kPause{.tv_sec = 0, .tv_nsec = 10'000'000};
  while (Read(control.mode) == kHang) nanosleep(&kPause, nullptr);
  return kNothing;
}

Mode Decide(Kind kind, int fd) {
  std::array<char, 32> link{};
  std::array<char, 4096> path{};
  std::snprintf(link.data(), link.size(), "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(link.data(), path.data(), path.size());
  if (size <= 0) return kNothing;
  struct stat status {};
  const bool is_directory = kind == kSync && fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
  return Decide(kind, std::string_view(path.data(), static_cast<size_t>(size)), is_directory);
}

// What the caller sees of an operation that failed.
int Fail() {
  errno = static_cast<int>(Read(TheControl().error));
  return -1;
}

// Any of the calls that write, as `write_bytes` does it.
template <typename Write>
ssize_t DoWrite(int fd, size_t size, const Write& write_bytes) {
  const Mode mode = Decide(kWrite, fd);
  const size_t half = size / 2;
  switch (mode) {
    case kNothing:
    case kHang:  // It is over.
      return write_bytes(size);
    case kShorten:
      // Nothing at all would be an end of the file.
      return write_bytes(half > 0 ? half : size);
    case kTear:
      if (half > 0) write_bytes(half);
      return Fail();
    case kFail:
      return Fail();
  }
  return Fail();
}

// Any other: a short one of these is none.
template <typename Call>
int Do(Mode mode, const Call& call) {
  return mode == kFail || mode == kTear ? Fail() : static_cast<int>(call());
}

int DoOpen(int directory, const char* path, int flags, mode_t mode) {
  const bool creates = (flags & O_CREAT) != 0;
  return Do(creates ? Decide(kCreate, path) : kNothing,
            [&] { return syscall(SYS_openat, directory, path, flags, mode); });
}

mode_t ModeOf(int flags, va_list arguments) {
  return (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
}

}  // namespace

extern "C" {

ssize_t write(int fd, const void* bytes, size_t size) {
  return DoWrite(fd, size, [&](size_t count) { return syscall(SYS_write, fd, bytes, count); });
}

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  return DoWrite(fd, size,
                 [&](size_t count) { return syscall(SYS_pwrite64, fd, bytes, count, offset); });
}

ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t offset) {
  return pwrite(fd, bytes, size, offset);
}

// Half of it is half of its parts.
ssize_t writev(int fd, const iovec* parts, int count) {
  return DoWrite(fd, static_cast<size_t>(count),
                 [&](size_t some) { return syscall(SYS_writev, fd, parts, some); });
}

int fsync(int fd) {
  return Do(Decide(kSync, fd), [&] { return syscall(SYS_fsync, fd); });
}

int fdatasync(int fd) {
  return Do(Decide(kSync, fd), [&] { return syscall(SYS_fdatasync, fd); });
}

// Without flags it does nothing: RocksDB asks so whether it is there, and asserts that that works.
int sync_file_range(int fd, off64_t offset, off64_t size, unsigned flags) {
  return Do(flags == 0 ? kNothing : Decide(kRangeSync, fd),
            [&] { return syscall(SYS_sync_file_range, fd, offset, size, flags); });
}

int ftruncate(int fd, off_t size) noexcept {
  return Do(Decide(kTruncate, fd), [&] { return syscall(SYS_ftruncate, fd, size); });
}

int ftruncate64(int fd, off64_t size) noexcept { return ftruncate(fd, size); }

int fallocate(int fd, int mode, off_t offset, off_t size) {
  return Do(Decide(kAllocate, fd), [&] { return syscall(SYS_fallocate, fd, mode, offset, size); });
}

int fallocate64(int fd, int mode, off64_t offset, off64_t size) {
  return fallocate(fd, mode, offset, size);
}

// It returns the error itself.
int posix_fallocate(int fd, off_t offset, off_t size) {
  return fallocate(fd, 0, offset, size) == 0 ? 0 : errno;
}

int rename(const char* from, const char* to) noexcept {
  return Do(Decide(kRename, to),
            [&] { return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0); });
}

int unlink(const char* path) noexcept {
  return Do(Decide(kUnlink, path), [&] { return syscall(SYS_unlinkat, AT_FDCWD, path, 0); });
}

int mkdir(const char* path, mode_t mode) noexcept {
  return Do(Decide(kMakeDirectory, path),
            [&] { return syscall(SYS_mkdirat, AT_FDCWD, path, mode); });
}

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = ModeOf(flags, arguments);
  va_end(arguments);
  return DoOpen(AT_FDCWD, path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = ModeOf(flags, arguments);
  va_end(arguments);
  return DoOpen(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}

int mkostemp(char* path, int flags) {
  using MakeTemporary = int (*)(char*, int);
  static const auto make = reinterpret_cast<MakeTemporary>(dlsym(RTLD_NEXT, "mkostemp"));
  return Do(Decide(kCreate, path), [&] { return make(path, flags); });
}

}  // extern "C"
