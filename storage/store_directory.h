// The directory of a store:
//
//   FORMAT  one line, "auspex store format N": which programs may open the store
//   LOCK    locked (flock) by the one process that may write; holds its process id
//   db/     RocksDB
//
// and restoring/ while a backup is restored into it, which is no store before that has ended. The
// file `reserve` is no part of the store: a server keeps space there, for when the disk is full.

#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace storage {

// The format that this program writes, and the newest that it knows. A store of an older one
// becomes one of this when it is opened for writing: format 1 has a journal only, 2 has no tallies,
// 3 no agents, and 5 no floors (block_floors.h).
inline constexpr int kStoreFormat = 6;

// The oldest that can be read as it is.
inline constexpr int kStoreFormatReadable = 3;

// The right to write to a store, held until destruction.
class StoreDirectory {
 public:
  // Takes the store at `path`, and makes an empty one if there is nothing. Fails without touching
  // anything, with one line for an administrator: kNotFound (the parent is missing),
  // kPermissionDenied, kFailedPrecondition (not a store, a newer format, or another process
  // writes).
  static absl::StatusOr<StoreDirectory> OpenForWriting(const std::string& path);

  // Takes the directory at `path`, which is empty or missing, or holds what a restore has left that
  // did not end: that is removed. It is no store before WriteFormat(). Fails as above, and with
  // kAlreadyExists if it is not empty.
  static absl::StatusOr<StoreDirectory> OpenForRestore(const std::string& path);

  // Makes a store of the directory, durably.
  absl::Status WriteFormat(int format) const;

  // Checks that a store that can be read is at `path`. Fails as above.
  static absl::Status CheckForReading(const std::string& path);

  StoreDirectory(StoreDirectory&& other) noexcept;
  StoreDirectory& operator=(StoreDirectory&&) = delete;
  ~StoreDirectory();

  const std::string& path() const { return path_; }

 private:
  StoreDirectory(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}

  std::string path_;
  int lock_;  // File descriptor; -1 when moved from.
};

// Where RocksDB's files are.
std::string DatabasePath(const std::string& store_path);

// What a server may remove at any time to make room.
std::string ReservePath(const std::string& store_path);

// Where a restore keeps what is not whole yet. While it is there, `db/` may be such, too.
std::string RestoringPath(const std::string& store_path);

// The line of the FORMAT file. kInvalidArgument if it is none.
std::string FormatLine(int format);
absl::StatusOr<int> ParseFormatLine(std::string_view line);

}  // namespace storage
